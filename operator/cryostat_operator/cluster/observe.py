"""The scout: keeps an eye on the cluster and answers what a plan needs to know about one Cryostat's surroundings."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple

from ..desired import names
from ..desired.certificates import CertificateFact
from ..desired.instance import DataFact, Facts
from ..desired.plan import KINDS, Key, Obj, Plan
from .cache import Children, Namespaces, Owner, References, owner_of
from .client import ApiError, Client, collection_of, resource_path
from .ownership import belongs_to, standing
from .pods import SELECTOR, Pods
from .reflector import Reflector, Source, Store

logger = logging.getLogger(__name__)

_MARKED = f"{names.LABEL_NAME},{names.LABEL_NAMESPACE}"
_NOT_MARKED = f"!{names.LABEL_NAME}"
# After a CustomResourceDefinition changed, discovery follows within moments; how many and how long is not told.
_REDISCOVER = (0.3, 1.0, 3.0, 10.0)


class _Dependencies(NamedTuple):
    """(kind, name) of the Secrets and ConfigMaps that a plan depends on, of those minted, and of those put back."""

    wanted: frozenset[tuple[str, str]] = frozenset()
    ordered: frozenset[tuple[str, str]] = frozenset()
    restored: frozenset[tuple[str, str]] = frozenset()


class Scout:
    """Everything that is watched, and the facts drawn from it.

    `ring(owner)` is called when something about one Cryostat changed, `ring_later(owner)` when more of the kind is
    likely to follow, `ring_all()` when something about all changed, `ring_namespace(name)` when a namespace came, went
    or changed.
    """

    def __init__(
        self,
        client: Client,
        ring: Callable[[Owner], None],
        ring_later: Callable[[Owner], None],
        ring_all: Callable[[], None],
        ring_namespace: Callable[[str], None],
        *,
        force_openshift: bool = False,
    ) -> None:
        self._client = client
        self._ring_all = ring_all
        self._force_openshift = force_openshift
        self.children = Children(ring, ring_later)
        self.namespaces = Namespaces(ring_namespace)
        self.pods = Pods(ring_later)
        self.references = {kind: References(kind, ring) for kind in ("Secret", "ConfigMap")}
        self._dependencies: dict[Owner, _Dependencies] = {}
        self._apis: frozenset[str] = frozenset()
        self._api_server: tuple[str, ...] = ()
        self._reflectors: dict[str, tuple[Reflector, asyncio.Task[None]]] = {}
        self._discover_again = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to watch; returns when everything was listed once."""
        await self._until_it_works(self._discover)
        self._watch("Namespace", Source("/api/v1/namespaces", metadata_only=True), self.namespaces)
        self._watch("Pod", Source("/api/v1/pods", SELECTOR), self.pods)
        for kind, store in self.references.items():
            source = Source(collection_of(kind), _NOT_MARKED, metadata_only=True)
            self._watch(f"foreign {kind}", source, store)
        slices = resource_path("discovery.k8s.io", "v1", "endpointslices", "default")
        self._watch("EndpointSlice", Source(slices, "kubernetes.io/service-name=kubernetes"), _ApiServer(self))
        definitions = resource_path("apiextensions.k8s.io", "v1", "customresourcedefinitions")
        self._watch("CustomResourceDefinition", Source(definitions, metadata_only=True), _Definitions(self))
        self._tasks.append(asyncio.create_task(self._rediscover(), name="discovery"))
        await asyncio.gather(*(reflector.synced.wait() for reflector, _ in self._reflectors.values()))

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
        return self._force_openshift or "Route" in self._apis

    @property
    def silent_for(self) -> float:
        """Seconds since the quietest stream was last heard; streams of APIs that are not there count as heard."""
        return max((reflector.silent_for for reflector, _ in self._reflectors.values()), default=0.0)

    # --- which APIs there are -------------------------------------------------------------------------------------

    async def _discover(self) -> None:
        found = frozenset({kind.kind for kind in KINDS.values() if not kind.optional} | await self._optional_apis())
        appeared, vanished = found - self._apis, self._apis - found
        self._apis = found
        for kind in sorted(vanished):
            self._reflectors.pop(kind)[1].cancel()
            store = self.children.store(kind)
            store.relist()
            store.relisted()
        for kind in sorted(appeared):
            self._watch(kind, Source(collection_of(kind), _MARKED), self._store(kind))
        await asyncio.gather(*(self._reflectors[kind][0].synced.wait() for kind in appeared))
        if appeared or vanished:
            self._ring_all()

    def _store(self, kind: str) -> Store:
        store = self.children.store(kind)
        return _Marked(store, self.references[kind]) if kind in self.references else store

    async def _optional_apis(self) -> set[str]:
        served = set()
        for version in sorted({kind.api_version for kind in KINDS.values() if kind.optional}):
            try:
                resources = await self._client.request("GET", f"/apis/{version}")
            except ApiError as error:
                if error.status not in (404, 503):  # 503: an aggregated API whose server is away
                    raise
                continue
            plurals = {resource["name"] for resource in resources.get("resources") or ()}
            served |= {k.kind for k in KINDS.values() if k.api_version == version and k.plural in plurals}
        return served

    def discover_again(self) -> None:
        self._discover_again.set()

    async def _rediscover(self) -> None:
        while True:
            await self._discover_again.wait()
            self._discover_again.clear()
            for delay in _REDISCOVER:
                await asyncio.sleep(delay)
                await self._until_it_works(self._discover)

    async def _until_it_works(self, attempt: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                return await attempt()
            except ApiError as error:
                logger.warning("Discovery: %s; trying again", error)
                await asyncio.sleep(1.0)

    def learn_api_server(self, addresses: tuple[str, ...]) -> None:
        if addresses != self._api_server:
            self._api_server = addresses
            self._ring_all()

    # --- facts ----------------------------------------------------------------------------------------------------

    def facts(self, owner: Owner, uid: str, targets: tuple[str, ...]) -> Facts:
        """What is known right now, of Secrets and ConfigMaps those that the last draft of the plan depended on.

        `uid` is the Cryostat's: its mark alone does not tell it from an earlier one of the same name.
        """
        marked = self.children.live(owner)
        standings = {key: standing(obj, owner, uid) for key, obj in marked.items()}
        live = {key: obj for key, obj in marked.items() if standings[key] == "ours"}
        certificates = self._certificates(owner, live)
        authority = certificates.get(Key("Secret", owner.namespace, names.ca_secret(owner.namespace, owner.name)))
        return Facts(
            openshift=self.openshift,
            apis=self._apis,
            namespaces=self.namespaces.facts({owner.namespace, *targets}),
            data=self._data(owner, live),
            live=live,
            leaving=frozenset(key for key, found in standings.items() if found == "leaving"),
            api_server=self._api_server,
            certificates=certificates,
            ca_certificate=authority.pem if authority else None,
        )

    def _certificates(self, owner: Owner, live: Iterable[Key]) -> dict[Key, CertificateFact]:
        records, now = self.children.of(owner), time.time()
        found = {key: records[key].certificate for key in live if key.kind == "Secret" and key in records}
        return {key: certificate.at(now) for key, certificate in found.items() if certificate}

    def renewal(self, owner: Owner) -> float | None:
        """Seconds until the next certificate of a Cryostat is due for renewal; None where there is none."""
        now = time.time()
        found = (record.certificate for record in self.children.of(owner).values())
        return min((c.renewal - now for c in found if c and c.renewal > now), default=None)

    def _data(self, owner: Owner, live: Mapping[Key, Obj]) -> dict[tuple[str, str], DataFact | None]:
        records = self.children.of(owner)
        dependencies = self._dependencies.get(owner, _Dependencies())
        found: dict[tuple[str, str], DataFact | None] = {}
        for kind, name in dependencies.wanted:
            key, references = Key(kind, owner.namespace, name), self.references[kind]
            if key in live:
                found[kind, name] = records[key].data
            elif (kind, name) in dependencies.ordered and not live:
                found[kind, name] = None  # nothing was ever made: the attempt to create it will tell
            elif references.knows(owner.namespace, name):
                theirs = (kind, name) in dependencies.ordered and not self._is_ours(owner, key)
                found[kind, name] = None if theirs else references.fact(owner.namespace, name)
        return found

    def _is_ours(self, owner: Owner, key: Key) -> bool:
        """Whether something without our mark, where an object of ours should be, is ours or counts as restored."""
        head = self.references[key.kind].head(key.namespace, key.name)
        if head is None:
            return False
        return (key.kind, key.name) in self._dependencies[owner].restored or belongs_to(head, key, owner)

    async def look_up(self, owner: Owner, plan: Plan, live: Mapping[Key, Obj]) -> bool:
        """Read what a draft depends on and is not known yet; true where the next facts will tell more than the last."""
        orders = {key: order for key, order in plan.orders.items() if key.namespace == owner.namespace}
        ordered = frozenset((key.kind, key.name) for key in orders)
        restored = frozenset((key.kind, key.name) for key, order in orders.items() if order.restores)
        wanted = ordered | {(reference.kind, reference.name) for reference in plan.references}
        now, before = _Dependencies(wanted, ordered, restored), self._dependencies.get(owner)
        if before != now:
            self._dependencies[owner] = now
            for kind, store in self.references.items():
                store.use(owner, {name for k, name in wanted if k == kind})
        drawn = {
            (key.kind, key.name) for key in set(plan.objects) - set(plan.orders) if key.namespace == owner.namespace
        }
        unknown = sorted(wanted - set(self._data(owner, live)) - drawn)
        await asyncio.gather(*(self._read(owner, kind, name) for kind, name in unknown))
        return bool(unknown) or before != now

    def forget(self, owner: Owner) -> None:
        """That Cryostat is gone."""
        self._dependencies.pop(owner, None)
        for store in self.references.values():
            store.use(owner, set())

    async def _read(self, owner: Owner, kind: str, name: str) -> None:
        references = self.references[kind]
        since = references.changes(owner.namespace, name)
        found: Obj | None
        try:
            found = await self._client.get(Key(kind, owner.namespace, name))
        except ApiError as error:
            if error.status != 404:
                raise
            found = None
        references.learn(owner.namespace, name, found, since)


class _Marked:
    """Our Secrets or ConfigMaps; other Cryostats may refer to them as they may to anybody's."""

    def __init__(self, children: Store, references: References) -> None:
        self._children, self._references = children, references
        self.relist, self.relisted = children.relist, children.relisted

    def upsert(self, obj: Obj) -> None:
        self._children.upsert(obj)
        self._tell(obj)

    def remove(self, obj: Obj) -> None:
        self._children.remove(obj)
        self._tell(obj)

    def _tell(self, obj: Obj) -> None:
        owner = owner_of(obj)
        if owner:
            self._references.touched(owner, obj)


class _ApiServer:
    """Addresses of the API server's endpoints."""

    def __init__(self, scout: Scout) -> None:
        self._scout = scout
        self._slices: dict[str, set[str]] = {}

    def relist(self) -> None:
        self._slices = {}

    def upsert(self, obj: Obj) -> None:
        addresses = {a for endpoint in obj.get("endpoints") or () for a in endpoint.get("addresses") or ()}
        self._slices[obj["metadata"]["name"]] = addresses
        self._tell()

    def remove(self, obj: Obj) -> None:
        self._slices.pop(obj["metadata"]["name"], None)
        self._tell()

    def relisted(self) -> None:
        self._tell()

    def _tell(self) -> None:
        addresses = set().union(*self._slices.values()) if self._slices else set()
        if addresses:  # while the API server restarts there are none for a moment
            self._scout.learn_api_server(tuple(sorted(addresses)))


class _Definitions:
    """Notices that definitions of the optional resources come and go."""

    _GROUPS = frozenset(kind.group for kind in KINDS.values() if kind.optional)

    def __init__(self, scout: Scout) -> None:
        self._scout = scout
        self._known: set[str] = set()
        self._seen: set[str] = set()
        self._listed = False

    def relist(self) -> None:
        self._seen = set()

    def upsert(self, obj: Obj) -> None:
        name = obj["metadata"]["name"]
        if name.partition(".")[2] in self._GROUPS:
            self._seen.add(name)
            if self._listed and name not in self._known:
                self._known.add(name)
                self._scout.discover_again()

    def remove(self, obj: Obj) -> None:
        name = obj["metadata"]["name"]
        if name in self._known:
            self._known.discard(name)
            self._scout.discover_again()

    def relisted(self) -> None:
        """The first list comes right after the first discovery and tells nothing new."""
        if self._listed and self._seen != self._known:
            self._scout.discover_again()
        self._known, self._listed = set(self._seen), True
