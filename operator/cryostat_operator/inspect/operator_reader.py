"""Reads whether the operator runs, and asks the API server whether it can call the webhooks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..api import constants
from ..kube.client import MERGE_PATCH, Client
from ..kube.errors import ApiError
from ..kube.leader_election import LEASE_DURATION, RETRY_PERIOD
from ..plan.model.kinds import Obj, cryostat_path
from ..plan.model.times import seconds
from ..webhooks.reachability import ANNOTATION
from .list_reader import ListReader
from .observed import OPERATOR_NAMESPACES

_LEASES = ("coordination.k8s.io", "v1", "leases")
RENEWAL_SECONDS = 2 * RETRY_PERIOD  # within which a running operator renews its Lease


@dataclass(frozen=True)
class OperatorFacts:
    """The operator as far as the user may read it.

    Attributes:
        deployments: its Deployments; None if the user may not read them.
        lease: the Lease that was renewed last; None if there is none, or the user may not read it.
        lease_is_renewed: whether an operator renews it; None without a Lease.
    """

    deployments: tuple[Obj, ...] | None
    lease: Obj | None
    lease_is_renewed: bool | None


async def operator_facts(reader: ListReader) -> OperatorFacts:
    """Read the Deployments and the Lease of the operator."""
    deployments = await operator_objects(reader, "apps", "v1", "deployments", name=constants.OPERATOR_DEPLOYMENT)
    return OperatorFacts(deployments, *await _lease(reader))


async def operator_objects(
    reader: ListReader, group: str, version: str, plural: str, *, name: str = "", selector: str = ""
) -> tuple[Obj, ...] | None:
    """List objects of the operator in all namespaces, or else in those where it is usually installed.

    Args:
        reader: sends the requests.
        name: the only name to return; empty for all.
        selector: label selector.

    Returns:
        The objects; None if the user may not list them in any of these namespaces, which is not recorded.
    """
    fields = f"metadata.name={name}" if name else ""
    before = dict(reader.unreadable)
    found = await reader.read_list(group, version, plural, selector=selector, fields=fields)
    if found is None:
        lists = []
        for namespace in OPERATOR_NAMESPACES:
            lists.append(await reader.read_list(group, version, plural, namespace, selector, fields))
        reader.unreadable = before
        readable = [each for each in lists if each is not None]
        if not readable:
            return None
        found = [obj for objects in readable for obj in objects]
    return tuple(each for each in found if name in ("", each["metadata"]["name"]))


async def _lease(reader: ListReader) -> tuple[Obj | None, bool | None]:
    """Return the Lease of the operator, and whether it is renewed. Both are None if there is none to read.

    The clocks of this machine and of the operator may differ. Therefore a Lease that looks old is read again after the
    time in which a running operator renews it.
    """
    lease = await _newest_lease(reader)
    if lease is None or _looks_current(lease):
        return lease, None if lease is None else True
    await asyncio.sleep(RENEWAL_SECONDS)
    again = await _newest_lease(reader)
    renewed = again is not None and bool(again["spec"].get("holderIdentity")) and again["spec"] != lease["spec"]
    return again or lease, renewed


async def change_failure(reader: ListReader, cryostat: Obj) -> str:
    """Return why the API server cannot call a webhook when this Cryostat changes; empty if it can.

    The request is a dry run, and nothing is stored. The webhooks take part in it only if something changes.
    """
    meta = cryostat["metadata"]
    path = cryostat_path(meta["namespace"], meta["name"])
    body = {"metadata": {"annotations": {ANNOTATION: str(time.time_ns())}}}
    error = await _dry_run(reader.client, "PATCH", path, body, content_type=MERGE_PATCH)
    if error and error.status == 403 and error.resource == constants.PLURAL:
        sentence = f"You may not patch {constants.PLURAL} in namespace {meta['namespace']}"
        reader.unreadable[f"{sentence}, so the webhooks that review changes are not checked."] = None
    return _webhook_failure(error)


async def creation_failure(client: Client, namespace: str) -> str:
    """Return why no Cryostat can be created in a namespace, if the namespace or a webhook is the cause.

    The request is a dry run, and nothing is stored.
    """
    path = cryostat_path(namespace)
    meta = {"name": "webhook-check", "namespace": namespace}
    body = {"apiVersion": constants.API_VERSION, "kind": constants.KIND, "metadata": meta, "spec": {}}
    error = await _dry_run(client, "POST", path, body)
    if error and error.is_not_found("namespaces"):
        return f"Namespace {namespace} does not exist."
    failure = _webhook_failure(error)
    return failure and f"None can be created, because the API server cannot call a webhook: {failure}."


async def _newest_lease(reader: ListReader) -> Obj | None:
    found = await operator_objects(reader, *_LEASES, name=constants.LEASE) or ()
    leases = [each for each in found if each.get("spec")]
    return max(leases, key=lambda lease: str(lease["spec"].get("renewTime") or ""), default=None)


def _looks_current(lease: Obj) -> bool:
    spec = lease["spec"]
    age = time.time() - (seconds(spec.get("renewTime")) or 0.0)
    return bool(spec.get("holderIdentity")) and age < (spec.get("leaseDurationSeconds") or LEASE_DURATION)


async def _dry_run(client: Client, method: str, path: str, body: Obj, **options: Any) -> ApiError | None:
    params: Mapping[str, str] = {"dryRun": "All"}
    try:
        await client.request(method, path, body=body, params=params, **options)
    except ApiError as error:
        return error
    return None


def _webhook_failure(error: ApiError | None) -> str:
    """The API server reports a webhook that it cannot call as InternalError. Other errors say nothing about it."""
    failed = error is not None and error.status == 500 and error.reason == "InternalError"
    return error.message.rstrip(".") if error and failed else ""
