"""Reads the cluster once, with requests, for a plan outside of the operator."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import replace

from ..api.v1beta2 import Cryostat
from ..kube.client import Client
from ..kube.errors import ApiError
from ..pki.inspection import inspect_secret
from ..plan import claims
from ..plan.diff.ownership import belongs_to
from ..plan.instance import Instance
from ..plan.model import names
from ..plan.model.certificates import CertificateInfo
from ..plan.model.kinds import KINDS, InstanceKey, Key, Obj
from ..plan.model.managed_fields import trim
from ..plan.model.owned_names import possible_keys
from ..plan.model.snapshot import ContentSummary, ReferenceData, Snapshot
from ..plan.planner import Desired, build
from ..settings import Settings
from . import keystores, permitted_reads
from .authentication import authentication_type
from .records import reference_summary

# A plan depends on objects of these kinds, so nothing is assumed if the user may not read one.
_DECISIVE_KINDS = frozenset({"Secret", "ConfigMap", "PersistentVolumeClaim", "Deployment"})


class OneShotReader:
    """A `PlanReader` of what the API server answered when `create` was called.

    Attributes:
        assumptions: what the user may not read, and what is assumed instead: one sentence each.
        unread: objects that the user may not read.
        may_read_endpoints: whether the user may read the addresses of the API server.
    """

    def __init__(self, snapshot: Snapshot, forbidden: Mapping[str, str], unread: Collection[Key] = frozenset()) -> None:
        """`forbidden`: what the user may not read, and what is assumed instead."""
        self._snapshot = snapshot
        self.assumptions = tuple(f"You may not read {what}: {assumed}." for what, assumed in forbidden.items())
        self.unread = unread
        self.may_read_endpoints = permitted_reads.ENDPOINTS not in forbidden

    @classmethod
    async def create(cls, client: Client, cryostat: Cryostat, settings: Settings) -> OneShotReader:
        """Read all that a plan of the Cryostat may contain or depend on.

        Raises:
            ApiError: something cannot be read.
        """
        instance_key = InstanceKey(cryostat.metadata["namespace"], cryostat.metadata["name"])
        targets = Instance(cryostat, Snapshot(), settings).target_namespaces
        apis = await permitted_reads.served_kinds(client)
        forbidden: dict[str, str] = {}
        endpoints = await permitted_reads.api_server_endpoints(client, forbidden)
        authentication = await permitted_reads.authentication(client, forbidden) if "Route" in apis else {}
        snapshot = Snapshot(
            openshift=settings.force_openshift or "Route" in apis,
            apis=apis,
            namespaces=await permitted_reads.namespaces(client, {instance_key.namespace, *targets}, forbidden),
            api_server=endpoints.addresses,
            api_server_ports=endpoints.ports,
            authentication_type=authentication_type(authentication),
            authentication_missing=authentication is None,
            ingress_classes=await permitted_reads.ingress_classes(client, cryostat, forbidden)
            if "Route" not in apis
            else None,
        )
        desired = build(cryostat, snapshot, settings)
        owned = _possible_objects(desired)
        referenced = {Key(reference.kind, instance_key.namespace, reference.name) for reference in desired.references}
        objects, unread = await _read(client, owned, referenced, forbidden)
        former = await _former_objects(client, desired, owned | referenced, forbidden)
        snapshot = _with_objects(snapshot, desired, owned, objects)
        return cls(replace(snapshot, live={**former, **snapshot.live}), forbidden, unread)

    async def snapshot(self, instance_key: InstanceKey, uid: str, targets: tuple[str, ...]) -> Snapshot:
        return self._snapshot

    async def resolve(self, instance_key: InstanceKey, desired: Desired) -> ReferenceData:
        return self._snapshot.data


def _possible_objects(desired: Desired) -> set[Key]:
    """All objects that a plan may contain once the live objects are known."""
    instance = desired.instance
    found = {*desired.objects, *desired.requests}
    found |= {blocked.key for component in desired.components for blocked in component.blocked}
    # These depend on live objects: the link on the Route, and a claim that the spec no longer asks for is kept.
    if instance.snapshot.serves("ConsoleLink"):
        found.add(Key("ConsoleLink", "", names.instance_hash_name(instance.namespace, instance.name)))
    found.add(Key("PersistentVolumeClaim", instance.namespace, claims.claim_name(instance, "database")))
    found.add(Key("PersistentVolumeClaim", instance.namespace, claims.claim_name(instance, "storage")))
    return {key for key in found if instance.snapshot.serves(key.kind)}


async def _former_objects(
    client: Client, desired: Desired, known: Collection[Key], forbidden: dict[str, str]
) -> dict[Key, Obj]:
    """The objects of the instance that its plan no longer contains, which the operator may delete.

    Those of kinds that the user may not read are left out.

    Args:
        known: what was read already.
        forbidden: gets what the user may not read, and what is assumed instead.
    """
    instance = desired.instance
    instance_key = instance.key
    targets = {*instance.target_namespaces, *(instance.cryostat.status.target_namespaces or ())}
    keys = {key for key in possible_keys(instance_key, targets) if instance.snapshot.serves(key.kind)}
    ordered = sorted(keys.difference(known))
    text = "former objects of this kind that would be deleted are not shown"
    requests = (
        permitted_reads.unless_forbidden(client.get_or_none(key), None, forbidden, _objects_of_kind(key), text)
        for key in ordered
    )
    objects = await asyncio.gather(*requests)
    found = ((key, obj) for key, obj in zip(ordered, objects, strict=True) if obj)
    return {key: trim(key.kind, obj) for key, obj in found if belongs_to(obj, key, instance_key)}


def _objects_of_kind(key: Key) -> str:
    return f"{KINDS[key.kind].plural}{f' in namespace {key.namespace}' if key.namespace else ''}"


async def _read(
    client: Client, owned: Collection[Key], referenced: Collection[Key], forbidden: dict[str, str]
) -> tuple[dict[Key, Obj | None], set[Key]]:
    """Read objects.

    Returns:
        The objects, None for one that does not exist, and the keys of owned ones that the user may not read.

    Raises:
        ApiError: an object of `_DECISIVE_KINDS` may not be read, or a request failed for another reason.
    """
    ordered, unread = sorted({*owned, *referenced}), set()

    async def read(key: Key) -> Obj | None:
        try:
            return await client.get_or_none(key)
        except ApiError as error:
            if error.status != 403 or key.kind in _DECISIVE_KINDS:
                raise
            unread.add(key)
            forbidden[_objects_of_kind(key)] = "changes of these objects are not shown"
            return None

    objects = await asyncio.gather(*(read(key) for key in ordered))
    return dict(zip(ordered, objects, strict=True)), unread


def _with_objects(snapshot: Snapshot, desired: Desired, owned: set[Key], objects: Mapping[Key, Obj | None]) -> Snapshot:
    """The snapshot with the objects that were read: owned ones, certificates, and content of Secrets and ConfigMaps.

    A Secret with the name of a generated one counts as missing if it belongs to another owner.
    """
    instance_key = InstanceKey(desired.instance.namespace, desired.instance.name)
    data: dict[tuple[str, str], ContentSummary | None] = {}
    live: dict[Key, Obj] = {}
    certificates: dict[Key, CertificateInfo] = {}
    own_secrets: dict[Key, Obj] = {}
    now = time.time()
    for key, obj in objects.items():
        is_own = obj is not None and belongs_to(obj, key, instance_key)
        if obj and is_own and key.kind == "Secret":
            own_secrets[key] = obj
        inspected = inspect_secret(obj.get("data") or {}) if key in own_secrets and obj else None
        if inspected:
            certificates[key] = inspected.at(now)
        if key.kind in ("Secret", "ConfigMap") and key.namespace == instance_key.namespace:
            request = desired.requests.get(key)
            is_used = obj is not None and (request is None or is_own or request.restore_only)
            data[key.kind, key.name] = reference_summary(key.kind, obj) if obj and is_used else None
        if obj and is_own and key in owned:
            live[key] = trim(key.kind, obj)
    keystore = keystores.keys(instance_key)[0]
    if keystore in certificates and keystores.has_other_password(instance_key, own_secrets):
        certificates[keystore] = replace(certificates[keystore], has_other_password=True)
    ca = certificates.get(Key("Secret", instance_key.namespace, names.ca_secret(*instance_key)))
    pem = ca.pem if ca else None
    return replace(snapshot, data=data, live=live, certificates=certificates, ca_certificate=pem)
