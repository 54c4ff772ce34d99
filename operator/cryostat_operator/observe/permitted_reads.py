"""Reads facts of the cluster with the permissions of a user, for a plan outside of the operator.

The functions add what the user may not read to the argument `forbidden`, with what is assumed instead.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import TypeVar

from ..api.v1beta2 import Cryostat
from ..kube.client import Client
from ..kube.errors import ApiError
from ..plan.model.kinds import KINDS, Obj
from ..plan.model.snapshot import IngressClasses, NamespaceState
from .api_server import ApiServerEndpoints
from .authentication import AuthenticationStore
from .ingress_classes import IngressClassStore
from .ingress_classes import ingress_classes as classes_of
from .planning import has_ingress_spec

ENDPOINTS = "endpointslices in namespace default"
_T = TypeVar("_T")


async def unless_forbidden(
    request: Awaitable[_T], otherwise: _T, forbidden: dict[str, str], what: str, assumption: str
) -> _T:
    """Return the result of a request, or `otherwise` if the user may not make it.

    Args:
        forbidden: gets what the user may not read, and what is assumed instead.
        what: the objects that the request reads, for a message.
        assumption: what is assumed about them if the user may not read them.

    Raises:
        ApiError: the request failed for another reason.
    """
    try:
        return await request
    except ApiError as error:
        if error.status != 403:
            raise
        forbidden.setdefault(what, assumption)
        return otherwise


async def served_kinds(client: Client) -> frozenset[str]:
    """Return the kinds of objects of instances that the API server serves."""
    served = set()
    for kind in KINDS.values():
        response = await client.get_or_none(f"/{'apis' if kind.group else 'api'}/{kind.api_version}")
        resources = (response or {}).get("resources") or ()
        if any(resource["name"] == kind.plural for resource in resources):
            served.add(kind.kind)
    return frozenset(served)


async def api_server_endpoints(client: Client, forbidden: dict[str, str]) -> ApiServerEndpoints:
    """Return the addresses of the API server; none if the user may not read them."""
    store = ApiServerEndpoints(lambda: None)
    query = {"labelSelector": ApiServerEndpoints.SOURCE.selector}
    request = client.request("GET", ApiServerEndpoints.SOURCE.path, params=query)
    assumption = (
        "the rules of NetworkPolicies for the API server are not compared, and for a new Cryostat it is assumed that "
        "the API server has no IPv6 address"
    )
    response = await unless_forbidden(request, {}, forbidden, ENDPOINTS, assumption)
    for obj in response.get("items") or ():
        store.upsert(obj)
    return store


async def authentication(client: Client, forbidden: dict[str, str]) -> Obj | None:
    """Return `Authentication/cluster` of OpenShift: None if it does not exist, empty if the user may not read it."""
    request = client.get_or_none(AuthenticationStore.PATH)
    assumption = "it is assumed that users can log in with OpenShift accounts"
    return await unless_forbidden(request, {}, forbidden, "Authentication/cluster", assumption)


async def ingress_classes(client: Client, cryostat: Cryostat, forbidden: dict[str, str]) -> IngressClasses | None:
    """Return the IngressClasses; None where the Cryostat has no Ingress, or the user may not read them."""
    if not has_ingress_spec(cryostat):
        return None
    request = client.get_or_none(IngressClassStore.PATH)
    assumption = "it is assumed that the IngressClass of the Cryostat exists"
    response = await unless_forbidden(request, None, forbidden, "IngressClasses", assumption)
    return None if response is None else classes_of(response.get("items") or [])


async def namespaces(client: Client, requested: Iterable[str], forbidden: dict[str, str]) -> dict[str, NamespaceState]:
    """Return the state of each namespace that exists. One that the user may not read is assumed to exist."""
    found = {}
    for name in sorted(requested):
        request = client.get_or_none(f"/api/v1/namespaces/{name}")
        assumed: Obj = {"metadata": {"uid": ""}}
        namespace = await unless_forbidden(
            request, assumed, forbidden, f"namespace {name}", "it is assumed that it exists"
        )
        if namespace is None:
            continue
        metadata = namespace["metadata"]
        annotations = metadata.get("annotations") or {}
        found[name] = NamespaceState("deletionTimestamp" in metadata, annotations, metadata["uid"])
    return found
