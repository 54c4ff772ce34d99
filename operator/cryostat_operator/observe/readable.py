"""Reads lists of the cluster once, with the permissions of a user, for a plan outside of the operator.

The functions add what the user may not read to the argument `forbidden`, with what is assumed instead.
"""

from __future__ import annotations

from collections.abc import Iterable

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
    try:
        response = await client.request("GET", ApiServerEndpoints.SOURCE.path, params=query)
    except ApiError as error:
        if error.status != 403:
            raise
        forbidden[ENDPOINTS] = (
            "the rules of NetworkPolicies for the API server are not compared, and for a new Cryostat it is "
            "assumed that the API server has no IPv6 address"
        )
        return store
    for obj in response.get("items") or ():
        store.upsert(obj)
    return store


async def authentication(client: Client, forbidden: dict[str, str]) -> Obj | None:
    """Return `Authentication/cluster` of OpenShift: None if it does not exist, empty if the user may not read it."""
    try:
        return await client.get_or_none(AuthenticationStore.PATH)
    except ApiError as error:
        if error.status != 403:
            raise
        forbidden["Authentication/cluster"] = "it is assumed that users can log in with OpenShift accounts"
        return {}


async def ingress_classes(client: Client, cryostat: Cryostat, forbidden: dict[str, str]) -> IngressClasses | None:
    """Return the IngressClasses; None where the Cryostat has no Ingress, or the user may not read them."""
    if not has_ingress_spec(cryostat):
        return None
    try:
        response = await client.request("GET", IngressClassStore.PATH)
    except ApiError as error:
        if error.status not in (403, 404):
            raise
        if error.status == 403:
            forbidden["IngressClasses"] = "it is assumed that the IngressClass of the Cryostat exists"
        return None
    return classes_of(response.get("items") or [])


async def namespaces(client: Client, requested: Iterable[str], forbidden: dict[str, str]) -> dict[str, NamespaceState]:
    """Return the state of each namespace that exists. One that the user may not read is assumed to exist."""
    found = {}
    for name in sorted(requested):
        try:
            namespace = await client.get_or_none(f"/api/v1/namespaces/{name}")
        except ApiError as error:
            if error.status != 403:
                raise
            forbidden[f"namespace {name}"] = "it is assumed that it exists"
            found[name] = NamespaceState(False, {}, "")
            continue
        if namespace is None:
            continue
        metadata = namespace["metadata"]
        annotations = metadata.get("annotations") or {}
        found[name] = NamespaceState("deletionTimestamp" in metadata, annotations, metadata["uid"])
    return found
