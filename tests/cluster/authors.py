"""Cryostats that authors write, and the answers of the API server to these writes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from cryostat_operator.api import constants
from tests.cluster.api import Api, ApiError, Object
from tests.cluster.webhooks import WebhookPlane

OLD = "operator.cryostat.io/v1beta1"
_numbers = itertools.count(1)


def cryostat(namespace: str, spec: Any = None, **metadata: Any) -> Object:
    """A Cryostat whose writes the operator reviews. It is paused: most tests need none of its objects."""
    paused = {constants.ANNOTATION_PAUSE: "true"}
    metadata = {"name": f"c{next(_numbers)}", "namespace": namespace, "annotations": paused, **metadata}
    return {"apiVersion": constants.API_VERSION, "kind": "Cryostat", "metadata": metadata, "spec": spec or {}}


def reconciled_cryostat(namespace: str, spec: Any = None, **metadata: Any) -> Object:
    """A Cryostat for which the operator creates objects."""
    return cryostat(namespace, spec, annotations={}, **metadata)


def v1beta1_cryostat(namespace: str, **metadata: Any) -> Object:
    """A Cryostat in v1beta1."""
    return {**cryostat(namespace, {"minimal": False}, **metadata), "apiVersion": OLD}


def replaced(api: Api, made: Object, spec: Object) -> Object:
    """Replace an object. Retries on a conflict, because the operator may write the status at the same moment."""
    while True:
        try:
            name, namespace = made["metadata"]["name"], made["metadata"]["namespace"]
            return api.replace({**api.get(constants.API_VERSION, "Cryostat", name, namespace), "spec": spec})
        except ApiError as error:
            if error.code != 409:
                raise


def refused(write: Callable[[], Any], code: int = 403) -> str:
    """The message of a write that the API server refuses."""
    with pytest.raises(ApiError) as caught:
        write()
    assert caught.value.code == code, caught.value
    return caught.value.message


def reviewed(api: Api, obj: Object) -> str:
    """Whether a Cryostat with many namespaces was allowed, or refused because the reviews take too long here."""
    try:
        api.create(obj, dryRun="All")
    except ApiError as error:
        return "refused in time" if error.code == 504 and "in time" in error.message else str(error)
    return "allowed"


def bindings(webhooks: WebhookPlane, namespace: str) -> list[str]:
    """The names of the RoleBindings of Cryostats in a namespace."""
    found = webhooks.api.list("rbac.authorization.k8s.io/v1", "RoleBinding", namespace)
    return [
        each["metadata"]["name"] for each in found if constants.LABEL_NAME in (each["metadata"].get("labels") or {})
    ]
