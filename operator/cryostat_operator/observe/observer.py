"""The scout: keeps an eye on the cluster and answers what a plan needs to know about one Cryostat's surroundings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple

from ..api import constants
from ..kube.client import Client
from ..kube.discovery import DEFINITIONS, ApiServerEndpoints, Discovery
from ..kube.reflector import Reflector, Source, Store
from ..plan.diff.ownership import belongs_to, instance_of, ownership_of
from ..plan.model import names
from ..plan.model.certificates import CertificateInfo
from ..plan.model.kinds import KINDS, InstanceKey, Key, Obj, collection_path
from ..plan.model.snapshot import ContentSummary, ReferenceData, Snapshot
from ..plan.planner import Desired
from .authentication import AuthenticationStore
from .owned_objects import SOON, OwnedObjects
from .pods import SELECTOR, PodStore
from .reference_store import NamespaceStore, ReferenceStore

_MARKED = f"{constants.LABEL_NAME},{constants.LABEL_NAMESPACE}"
_NOT_MARKED = f"!{constants.LABEL_NAME}"
_PATIENCE = 10.0  # seconds that the first list of an optional kind may take


_AUTHENTICATION = "Authentication"


class _Dependencies(NamedTuple):
    """(kind, name) of the Secrets and ConfigMaps that a plan depends on, of those minted, and of those put back."""

    wanted: frozenset[tuple[str, str]] = frozenset()
    ordered: frozenset[tuple[str, str]] = frozenset()
    restored: frozenset[tuple[str, str]] = frozenset()


class Observer:
    """Everything that is watched, and the facts drawn from it.

    `ring(owner)` is called when something about one Cryostat changed, `ring_later(owner, seconds)` when more of it is
    likely to follow, `ring_all()` when something about all changed, `ring_namespace(name)` when a namespace came,
    went or changed.
    """

    def __init__(
        self,
        client: Client,
        enqueue: Callable[[InstanceKey], None],
        enqueue_after: Callable[[InstanceKey, float], None],
        enqueue_all: Callable[[], None],
        enqueue_namespace: Callable[[str], None],
        *,
        force_openshift: bool = False,
    ) -> None:
        self._client = client
        self._enqueue_all = enqueue_all
        self._force_openshift = force_openshift
        self.children = OwnedObjects(enqueue, enqueue_after)
        self.namespaces = NamespaceStore(enqueue_namespace)
        self.pods = PodStore(lambda owner: enqueue_after(owner, SOON))
        self.references = {kind: ReferenceStore(kind, enqueue) for kind in ("Secret", "ConfigMap")}
        self._dependencies: dict[InstanceKey, _Dependencies] = {}
        self.apis = Discovery(client, self._serve)
        self._api_server = ApiServerEndpoints(enqueue_all)
        self._authentication = AuthenticationStore(enqueue_all)
        self._reflectors: dict[str, tuple[Reflector, asyncio.Task[None]]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to watch; returns when everything was listed once."""
        await self.apis.discover_surely()
        self._watch("Namespace", Source("/api/v1/namespaces", metadata_only=True), self.namespaces)
        self._watch("Pod", Source("/api/v1/pods", SELECTOR), self.pods)
        for kind, store in self.references.items():
            source = Source(collection_path(kind), _NOT_MARKED, metadata_only=True)
            self._watch(f"foreign {kind}", source, store)
        self._watch("EndpointSlice", ApiServerEndpoints.SOURCE, self._api_server)
        for name, source in DEFINITIONS.items():
            self._watch(name, source, self.apis.definitions())
        self._tasks.append(asyncio.create_task(self.apis.follow(), name="discovery"))
        await self._synced(list(self._reflectors))

    async def stop(self) -> None:
        tasks = [*self._tasks, *(task for _, task in self._reflectors.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _watch(self, name: str, source: Source, store: Store) -> None:
        reflector = Reflector(self._client, source, store)
        self._reflectors[name] = (reflector, asyncio.create_task(reflector.run(), name=f"watch {name}"))

    @property
    def openshift(self) -> bool:
        """Whether the cluster is treated as OpenShift: it serves Routes, or the administrator says so."""
        return self._force_openshift or "Route" in self.apis.served

    @property
    def seconds_since_contact(self) -> float:
        """Seconds since the quietest stream that we cannot do without was last heard."""
        required = [reflector for name, (reflector, _) in self._reflectors.items() if not _is_optional(name)]
        return max((reflector.seconds_since_contact for reflector in required), default=0.0)

    async def _serve(self, appeared: frozenset[str], vanished: frozenset[str]) -> None:
        """Watch the kinds that came, forget the objects of those that went."""
        for kind in sorted(vanished):
            self._reflectors.pop(kind)[1].cancel()
            store = self.children.store(kind)
            store.relist()
            store.relisted()
        if "Route" in vanished:
            self._reflectors.pop(_AUTHENTICATION)[1].cancel()
        for kind in sorted(appeared):
            self._watch(kind, Source(collection_path(kind), _MARKED), self._store(kind))
        if "Route" in appeared:
            self._watch(_AUTHENTICATION, AuthenticationStore.SOURCE, self._authentication)
            appeared |= {_AUTHENTICATION}
        await self._synced(appeared)
        self._enqueue_all()

    async def _synced(self, names: Iterable[str]) -> None:
        """Wait for first lists; for those of optional kinds only for a while, so that they hold nobody up."""
        chosen = {name: self._reflectors[name][0].synced.wait() for name in names}
        optional = [wait for name, wait in chosen.items() if _is_optional(name)]
        required = [wait for wait in chosen.values() if wait not in optional]
        await asyncio.gather(*required)
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*optional), _PATIENCE)

    def _store(self, kind: str) -> Store:
        store = self.children.store(kind)
        return _Marked(store, self.references[kind]) if kind in self.references else store

    # --- facts ----------------------------------------------------------------------------------------------------

    async def snapshot(self, owner: InstanceKey, uid: str, targets: tuple[str, ...]) -> Snapshot:
        """See `cached_snapshot`."""
        return self.cached_snapshot(owner, uid, targets)

    def cached_snapshot(self, owner: InstanceKey, uid: str, targets: tuple[str, ...]) -> Snapshot:
        """What is known right now, of Secrets and ConfigMaps those that the last plan depended on.

        `uid` is the Cryostat's: its mark alone does not tell it from an earlier one of the same name.
        """
        records = self.children.of(owner)
        standings = {key: ownership_of(record.controller, owner, uid) for key, record in records.items()}
        live = self.children.live(owner, {key for key, found in standings.items() if found == "owned"})
        leaving = {key for key, found in standings.items() if found == "terminating"}
        certificates = self._certificates(owner, live)
        authority = certificates.get(Key("Secret", owner.namespace, names.ca_secret(owner.namespace, owner.name)))
        return Snapshot(
            openshift=self.openshift,
            authentication_type=self._authentication.type,
            apis=self.apis.served,
            namespaces=self.namespaces.snapshot({owner.namespace, *targets}),
            data=self._data(owner, live),
            live=live,
            in_sync={key: record.agreed for key, record in records.items() if record.agreed and key in live},
            leaving=frozenset(leaving | self._vacating(owner, live)),
            api_server=self._api_server.addresses,
            certificates=certificates,
            ca_certificate=authority.pem if authority else None,
        )

    def _vacating(self, owner: InstanceKey, live: Mapping[Key, Obj]) -> set[Key]:
        """Deployments that are gone, while their pods still use a volume that the next one's would use too."""
        found = set()
        for component in ("database", "storage"):
            key = Key("Deployment", owner.namespace, f"{owner.name}-{component}")
            claimed = Key("PersistentVolumeClaim", key.namespace, key.name) in live
            if self.pods.linger(owner, component, alone=claimed and key not in live):
                found.add(key)
        return found

    def _certificates(self, owner: InstanceKey, live: Iterable[Key]) -> dict[Key, CertificateInfo]:
        records, now = self.children.of(owner), time.time()
        found = {key: records[key].certificate for key in live if key.kind == "Secret" and key in records}
        return {key: certificate.at(now) for key, certificate in found.items() if certificate}

    def renewal(self, owner: InstanceKey) -> float | None:
        """Seconds until the next certificate of a Cryostat is due for renewal; None where there is none."""
        now = time.time()
        found = (record.certificate for record in self.children.of(owner).values())
        return min((c.renew_at - now for c in found if c and c.renew_at > now), default=None)

    def _data(self, owner: InstanceKey, live: Mapping[Key, Obj]) -> dict[tuple[str, str], ContentSummary | None]:
        records = self.children.of(owner)
        dependencies = self._dependencies.get(owner, _Dependencies())
        found: dict[tuple[str, str], ContentSummary | None] = {}
        for kind, name in dependencies.wanted:
            key, references = Key(kind, owner.namespace, name), self.references[kind]
            if key in live and key in records:  # it may have been deleted while others were read
                found[kind, name] = records[key].data
            elif (kind, name) in dependencies.ordered and not live:
                found[kind, name] = None  # nothing was ever made: the attempt to create it will tell
            elif references.knows(owner.namespace, name):
                theirs = (kind, name) in dependencies.ordered and not self._is_ours(owner, key)
                found[kind, name] = None if theirs else references.fact(owner.namespace, name)
        return found

    def _is_ours(self, owner: InstanceKey, key: Key) -> bool:
        """Whether something without our mark, where an object of ours should be, is ours or counts as restored."""
        head = self.references[key.kind].head(key.namespace, key.name)
        if head is None:
            return False
        return (key.kind, key.name) in self._dependencies[owner].restored or belongs_to(head, key, owner)

    async def resolve(self, owner: InstanceKey, desired: Desired) -> ReferenceData:
        """Read the Secrets and ConfigMaps that a plan depends on and that are not known yet.

        Returns:
            Content of all that the plan depends on, without what changed while it was read.

        Raises:
            ApiError: an object cannot be read.
        """
        live = desired.instance.snapshot.live
        requests = {key: order for key, order in desired.requests.items() if key.namespace == owner.namespace}
        ordered = frozenset((key.kind, key.name) for key in requests)
        restored = frozenset((key.kind, key.name) for key, order in requests.items() if order.restores)
        wanted = ordered | {(reference.kind, reference.name) for reference in desired.references}
        now, before = _Dependencies(wanted, ordered, restored), self._dependencies.get(owner)
        if before != now:
            self._dependencies[owner] = now
            for kind, store in self.references.items():
                store.use(owner, {name for k, name in wanted if k == kind})
        drawn = {
            (key.kind, key.name)
            for key in set(desired.objects) - set(desired.requests)
            if key.namespace == owner.namespace
        }
        unknown = sorted(wanted - set(self._data(owner, live)) - drawn)
        await asyncio.gather(*(self._read(owner, kind, name) for kind, name in unknown))
        return self._data(owner, live)

    def forget(self, owner: InstanceKey) -> None:
        """That Cryostat is gone."""
        self._dependencies.pop(owner, None)
        for store in self.references.values():
            store.use(owner, set())

    async def _read(self, owner: InstanceKey, kind: str, name: str) -> None:
        references = self.references[kind]
        since = references.changes(owner.namespace, name)
        found = await self._client.get_or_none(Key(kind, owner.namespace, name))
        references.learn(owner.namespace, name, found, since)


def _is_optional(name: str) -> bool:
    """Whether a watched resource may be missing from the cluster."""
    return name == _AUTHENTICATION or (name in KINDS and KINDS[name].optional)


class _Marked:
    """Our Secrets or ConfigMaps; other Cryostats may refer to them as they may to anybody's."""

    def __init__(self, children: Store, references: ReferenceStore) -> None:
        self._children, self._references = children, references
        self.relist, self.relisted = children.relist, children.relisted

    def upsert(self, obj: Obj) -> None:
        self._children.upsert(obj)
        self._tell(obj)

    def remove(self, obj: Obj) -> None:
        self._children.remove(obj)
        self._tell(obj)

    def _tell(self, obj: Obj) -> None:
        owner = instance_of(obj)
        if owner:
            self._references.touched(owner, obj)
