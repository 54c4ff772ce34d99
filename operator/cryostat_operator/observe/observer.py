"""The observed state of the cluster, as a snapshot for the planner."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from ..api import backup_schedule
from ..api.required_permissions import target_namespaces
from ..api.v1beta2 import Cryostat
from ..kube.client import Client
from ..kube.errors import ApiError
from ..plan.diff.ownership import ownership_of
from ..plan.model import names
from ..plan.model.certificates import CertificateInfo
from ..plan.model.kinds import InstanceKey, Key, Obj
from ..plan.model.managed_fields import trim
from ..plan.model.snapshot import ReferenceData, Snapshot
from ..plan.planner import Desired
from . import keystores
from .api_server import ApiServerEndpoints
from .authentication import AuthenticationStore
from .chosen_namespaces import ChosenNamespaces
from .first_uids import FirstUids
from .informers import INGRESS_CLASS, Informers, Stores
from .ingress_classes import IngressClassStore
from .namespaces import NamespaceStore
from .owned_objects import OwnedObjects
from .planning import has_ingress_spec
from .pods import PodStore
from .reference_store import ReferenceStore
from .remaining_pods import stopping_components, terminating_deployments
from .resolver import ReferenceResolver
from .triggers import ROLLOUT_DELAY, Triggers


class Observer:
    """Watches the cluster and builds snapshots from memory.

    Attributes:
        owned: all objects with the ownership labels, by instance.
        pods: the pods of each instance.
    """

    def __init__(
        self,
        client: Client,
        triggers: Triggers,
        exists: Callable[[InstanceKey], bool],
        *,
        force_openshift: bool = False,
        watch_namespaces: Iterable[str] = (),
    ) -> None:
        """`exists` returns whether a Cryostat exists; `watch_namespaces` are those to observe, if not all."""
        self._client = client
        self._force_openshift = force_openshift
        self._namespaces = NamespaceStore(triggers.enqueue_namespace)
        self._first_uids = FirstUids(self._namespaces)
        self._api_server = ApiServerEndpoints(triggers.enqueue_all)
        self._authentication = AuthenticationStore(triggers.enqueue_all)
        self._ingress_classes = IngressClassStore(triggers.enqueue_all)
        self._chosen = ChosenNamespaces(client, watch_namespaces, triggers.enqueue_namespace)
        references = {kind: ReferenceStore(kind, triggers.enqueue) for kind in ("Secret", "ConfigMap")}
        self.owned = OwnedObjects(triggers, exists)
        self.pods = PodStore(lambda instance_key: triggers.enqueue_after(instance_key, ROLLOUT_DELAY))
        self._resolver = ReferenceResolver(client, self.owned, references)
        stores = Stores(
            self.owned,
            self._namespaces,
            self.pods,
            references,
            self._api_server,
            self._authentication,
            self._ingress_classes,
        )
        self._informers = Informers(client, stores, self._chosen, triggers.enqueue_all)

    async def start(self) -> None:
        """Start to watch. Returns when every required resource was listed once."""
        await self._informers.start()

    async def watch_on_demand(self, instance_key: InstanceKey, cryostat: Cryostat) -> None:
        """Watch the kinds that few instances need, if the instance needs them or has needed them."""
        annotations = cryostat.metadata.get("annotations") or {}
        account = Key("ServiceAccount", instance_key.namespace, names.backup(instance_key.name))
        if set(backup_schedule.ANNOTATIONS) & set(annotations) or account in self.owned.records(instance_key):
            await self._informers.watch_on_demand("CronJob")
        if has_ingress_spec(cryostat) and not self.serves("Route"):
            await self._informers.watch_on_demand(INGRESS_CLASS)

    async def stop(self) -> None:
        """Stop all watches."""
        await self._informers.stop()

    @property
    def openshift(self) -> bool:
        """Whether the cluster is treated as OpenShift: it serves Routes, or FORCE_OPENSHIFT is set."""
        return self._force_openshift or "Route" in self._informers.discovery.served

    def serves(self, kind: str) -> bool:
        """Return whether the API server serves this kind of `KINDS`."""
        return kind in self._informers.discovery.served

    def serves_namespace(self, name: str) -> bool:
        """Return whether the objects in a namespace are observed."""
        return not self._chosen.not_served([name])

    def is_terminating(self, namespace: str) -> bool:
        """Return whether a namespace is being deleted."""
        return any(state.terminating for state in self._namespaces.snapshot([namespace]).values())

    @property
    def platform_known(self) -> bool:
        """Whether `openshift` is known: the first discovery of APIs is complete."""
        return self._force_openshift or bool(self._informers.discovery.served)

    @property
    def refusal(self) -> ApiError | None:
        """The refusal of the last list or watch of a required resource; None if none was refused."""
        return self._informers.refusal

    @property
    def seconds_since_contact(self) -> float:
        """Longest time in seconds for which a required watch has received no message."""
        return self._informers.seconds_since_contact

    async def snapshot(self, instance_key: InstanceKey, uid: str, targets: Iterable[str]) -> Snapshot:
        """Return the observed state of one instance, with every object that its plan may contain.

        Args:
            uid: UID of the Cryostat, which differs from that of an earlier one of the same name.
            targets: its target namespaces.

        Raises:
            ApiError: an object that is not in memory cannot be read.
        """
        read = await self._read_incomplete(instance_key)
        self._first_uids.update(instance_key, uid, targets)
        return self.cached_snapshot(instance_key, uid, targets, read)

    def cached_snapshot(
        self, instance_key: InstanceKey, uid: str, targets: Iterable[str], read: Mapping[Key, Obj] | None = None
    ) -> Snapshot:
        """Return the snapshot from memory alone: objects that are cached in part have only their ownership metadata.

        Args:
            read: whole objects in place of partial ones.
        """
        records = self.owned.records(instance_key)
        ownership = {key: ownership_of(record.controller, instance_key, uid) for key, record in records.items()}
        live = self.owned.live(instance_key, {key for key, found in ownership.items() if found == "owned"}, read)
        terminating = {key for key, found in ownership.items() if found == "terminating"}
        certificates = self._certificates(instance_key, live)
        ca = certificates.get(Key("Secret", instance_key.namespace, names.ca_secret(*instance_key)))
        return Snapshot(
            openshift=self.openshift,
            authentication_type=self._authentication.type,
            authentication_missing=self._authentication.is_missing,
            ingress_classes=self._ingress_classes.snapshot(),
            apis=self._informers.discovery.served,
            namespaces=self._namespaces.snapshot({instance_key.namespace, *targets}),
            not_served=self._chosen.not_served({instance_key.namespace, *targets}),
            first_uids=self._first_uids.of(instance_key, uid),
            data=self._resolver.content(instance_key, live),
            live=live,
            in_sync={key: r.in_sync_with for key, r in records.items() if r.in_sync_with and key in live},
            terminating=frozenset(terminating | terminating_deployments(self.pods, instance_key, live)),
            stopping=stopping_components(self.pods, instance_key, live),
            api_server=self._api_server.addresses,
            api_server_ports=self._api_server.ports,
            certificates=certificates,
            ca_certificate=ca.pem if ca else None,
        )

    def cryostat_changed(self, instance_key: InstanceKey, body: Obj | None) -> None:
        """Remember the UIDs of the target namespaces of a Cryostat that is new or changed; None: it was deleted."""
        if body is None:
            self._first_uids.forget(instance_key)
        else:
            self._first_uids.update(instance_key, body["metadata"]["uid"], target_namespaces(body))

    def target_namespace_changed(self, instance_key: InstanceKey, name: str) -> None:
        """Remember the UID of a target namespace that was not known before."""
        self._first_uids.namespace_changed(instance_key, name)

    async def live_objects(self, instance_key: InstanceKey) -> Mapping[Key, Obj]:
        """Return all objects with the labels of an instance, whole where its plan may contain them.

        Raises:
            ApiError: an object that is not in memory cannot be read.
        """
        return self.owned.live(instance_key, read=await self._read_incomplete(instance_key))

    async def resolve(self, instance_key: InstanceKey, desired: Desired) -> ReferenceData:
        """See `ReferenceResolver.resolve`."""
        return await self._resolver.resolve(instance_key, desired)

    def forget_instance(self, instance_key: InstanceKey) -> None:
        """Drop what is kept for a Cryostat that no longer exists."""
        self._resolver.forget_instance(instance_key)
        self.pods.forget_instance(instance_key)
        self.owned.deletions.forget_by_others(instance_key)
        self.owned.discard_bodies(instance_key)

    def renewal_due(self, instance_key: InstanceKey) -> float | None:
        """Return the seconds until the next certificate of an instance is due for renewal; None if none will be."""
        now = time.time()
        certificates = [record.certificate for record in self.owned.records(instance_key).values()]
        return min((c.renew_at - now for c in certificates if c and c.renew_at > now), default=None)

    def expiry_due(self, instance_key: InstanceKey) -> float | None:
        """Return the seconds until a certificate of an instance expires or its renewal is overdue; None if neither."""
        now = time.time()
        certificates = [record.certificate for record in self.owned.records(instance_key).values()]
        times = (each for c in certificates if c for each in (c.overdue_at, c.valid_until))
        return min((each - now for each in times if now < each < math.inf), default=None)

    def recheck_after(self, instance_key: InstanceKey) -> float:
        """Return the seconds until the snapshot changes without an event; infinite if it does not."""
        return self.pods.recheck_after(instance_key)

    async def _read_incomplete(self, instance_key: InstanceKey) -> dict[Key, Obj]:
        keys = self.owned.incomplete(instance_key)
        objects = await asyncio.gather(*(self._client.get_or_none(key) for key in keys))
        found = {key: obj for key, obj in zip(keys, objects, strict=True) if obj is not None}
        for key, obj in found.items():
            self.owned.record_read(key.kind, obj)
        return {key: trim(key.kind, obj) for key, obj in found.items() if key in self.owned.records(instance_key)}

    def _certificates(self, instance_key: InstanceKey, live: Iterable[Key]) -> dict[Key, CertificateInfo]:
        records, now = self.owned.records(instance_key), time.time()
        found = {key: records[key].certificate for key in live if key.kind == "Secret" and key in records}
        certificates = {key: certificate.at(now) for key, certificate in found.items() if certificate}
        keystore = keystores.with_other_password(instance_key, records)
        if keystore in certificates:
            certificates[keystore] = replace(certificates[keystore], has_other_password=True)
        return certificates
