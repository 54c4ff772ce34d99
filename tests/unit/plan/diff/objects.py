"""Objects to compare and to merge."""

from __future__ import annotations

import copy
from typing import Any

from cryostat_operator.api import constants
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.kinds import Key, Obj
from tests.unit.cluster_state import NAMESPACE


def obj(kind: str, spec: Any = None, **parts: Any) -> Obj:
    metadata = {"name": "x", "namespace": NAMESPACE, **parts.pop("metadata", {})}
    return {"kind": kind, "metadata": metadata, **({"spec": spec} if spec is not None else {}), **parts}


def deployment(**container: Any) -> Obj:
    template = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "x", **container}]}}
    return obj("Deployment", {"replicas": 1, "selector": {}, "template": template})


def changed(before: Obj, path: str, value: Any) -> Obj:
    """A copy with another value at a path with slashes (`spec/containers/0/name`)."""
    result = copy.deepcopy(before)
    target: Any = result
    *parents, last = path.split("/")
    for step in parents:
        target = target[int(step)] if isinstance(target, list) else target.setdefault(step, {})
    target[last] = value
    return result


LABELS = {constants.LABEL_NAME: "x", constants.LABEL_NAMESPACE: "here"}


SERVICE = Key("Service", "here", "x-database")


HASHED = Key("Secret", "apps", names.ca_secret("here", "x"))


def live(**metadata: Any) -> Obj:
    return {"metadata": {"labels": LABELS, **metadata}}


def owner(name: str = "x", uid: str = "u", **more: Any) -> Obj:
    reference = {"apiVersion": constants.API_VERSION, "kind": constants.KIND, "name": name, "uid": uid}
    return {**reference, "controller": True, **more}
