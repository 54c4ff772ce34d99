"""Creates namespaces, and removes what a test leaves in one of a shared cluster."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from cryostat_operator.api import constants
from cryostat_operator.plan.model.kinds import KINDS
from tests.cluster import openshift
from tests.cluster.api import METADATA_LIST, Api, ApiError, eventually

_KINDS = [
    (constants.API_VERSION, constants.KIND),
    *((kind.api_version, kind.kind) for kind in KINDS.values() if kind.namespaced),
    ("v1", "Pod"),
]

_OTHERS = "metadata.name!=default,metadata.name!=kube-root-ca.crt"  # controllers would create these again


def create_namespace(api: Api, name: str, labels: Mapping[str, str] | None = None, block: int = 0) -> None:
    """Create a namespace, and wait for its ServiceAccount: without it, pods are refused and retried ever more rarely.

    Args:
        block: the number of its range of user ids, if the cluster is OpenShift.

    Raises:
        TimeoutError: it has no ServiceAccount.
    """
    api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels or {})}})
    eventually(lambda: api.find("v1", "ServiceAccount", "default", name), 90.0, f"namespace {name} has its account")
    with suppress(LookupError):
        api.path("route.openshift.io/v1", "Route")
        openshift.annotate_namespace(api, name, block)


def empty_namespace(api: Api, name: str) -> None:
    """Delete the objects of the kinds that tests leave in a namespace, and keep the namespace.

    A deletion of the namespace would take twice as much CPU time, because it deletes and lists the objects of every
    kind of the API server.
    """
    for api_version, kind in _KINDS:
        with suppress(ApiError, LookupError):  # not served in this cluster, or refused by what a test installed
            path = api.path(api_version, kind, name)
            body = {"propagationPolicy": "Background"}
            api.request("DELETE", path, body, headers=METADATA_LIST, fieldSelector=_OTHERS)
