"""Removes what a test leaves in a namespace of a shared cluster."""

from __future__ import annotations

from contextlib import suppress

from cryostat_operator.api import constants
from cryostat_operator.plan.model.kinds import KINDS
from tests.cluster.api import Api, ApiError

_KINDS = [
    (constants.API_VERSION, constants.KIND),
    *((kind.api_version, kind.kind) for kind in KINDS.values() if kind.namespaced),
    ("v1", "Pod"),
]

_OTHERS = "metadata.name!=default,metadata.name!=kube-root-ca.crt"  # controllers would create these again


def empty_namespace(api: Api, name: str) -> None:
    """Delete the objects of the kinds that tests leave in a namespace, and keep the namespace.

    A deletion of the namespace would take twice as much CPU time, because it deletes and lists the objects of every
    kind of the API server.
    """
    for api_version, kind in _KINDS:
        with suppress(ApiError, LookupError):  # not served in this cluster, or refused by what a test installed
            path = api.path(api_version, kind, name)
            api.request("DELETE", path, {"propagationPolicy": "Background"}, fieldSelector=_OTHERS)
