"""Objects to compare and to merge."""

from __future__ import annotations

import copy
from typing import Any

from cryostat_operator.plan.model.kinds import Obj
from tests.unit.cluster_state import NAMESPACE


def obj(kind: str, spec: Any = None, **parts: Any) -> Obj:
    metadata = {"name": "x", "namespace": NAMESPACE, **parts.pop("metadata", {})}
    return {"kind": kind, "metadata": metadata, **({"spec": spec} if spec is not None else {}), **parts}


def deployment(**container: Any) -> Obj:
    template = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "x", **container}]}}
    return obj("Deployment", {"replicas": 1, "selector": {}, "template": template})


def changed(before: Obj, path: str, value: Any) -> Obj:
    """A copy with another value at a dotted path; digits are indexes of lists."""
    result = copy.deepcopy(before)
    target: Any = result
    *parents, last = path.split("/")
    for step in parents:
        target = target[int(step)] if isinstance(target, list) else target.setdefault(step, {})
    target[last] = value
    return result
