"""The reconciler and its parts, connected to the in-memory API server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from cryostat_operator.api import constants
from cryostat_operator.kube.errors import ApiError
from cryostat_operator.metrics import Metrics
from cryostat_operator.observe.cryostats import CryostatStore
from cryostat_operator.observe.observer import Observer
from cryostat_operator.observe.owned_objects import OwnedObjects
from cryostat_operator.observe.records import content_summary
from cryostat_operator.observe.triggers import Triggers
from cryostat_operator.plan.model.kinds import KINDS, InstanceKey, Key, Obj, path_of
from cryostat_operator.plan.model.snapshot import ContentSummary, NamespaceState, ReferenceData, Snapshot
from cryostat_operator.plan.planner import Desired
from cryostat_operator.reconcile.adoption import Adoption
from cryostat_operator.reconcile.applier import Applier
from cryostat_operator.reconcile.finalizer import Finalizer
from cryostat_operator.reconcile.reconciler import Reconciler
from cryostat_operator.reconcile.status_writer import StatusWriter
from cryostat_operator.settings import Settings
from tests.unit.api_server import ApiServer

INSTANCE = InstanceKey("here", "sample")
CRYOSTAT_PATH = f"/apis/{constants.API_VERSION}/namespaces/here/{constants.PLURAL}/sample"
OPTIONAL = {kind.kind for kind in KINDS.values() if kind.optional}
OWNERSHIP_LABELS = {constants.LABEL_NAME: "sample", constants.LABEL_NAMESPACE: "here"}


@dataclass
class Cluster:
    """An API server with one Cryostat, the caches of the operator, and the reconciler's parts."""

    server: ApiServer = field(default_factory=ApiServer)
    metrics: Metrics = field(default_factory=lambda: Metrics(CollectorRegistry()))

    def __post_init__(self) -> None:
        self.enqueued: list[InstanceKey] = []
        triggers = Triggers(
            self.enqueued.append,
            lambda instance_key, _: self.enqueued.append(instance_key),
            lambda: None,
            lambda _: None,
        )
        self.owned = OwnedObjects(triggers, lambda _: True)
        self.cryostats = CryostatStore(self.enqueued.append)
        self.applier = Applier(self.server, self.owned)
        self.adoption = Adoption(self.server, self.owned)
        self.status = StatusWriter(self.server, self.cryostats)
        self.finalizer = Finalizer(
            self.server, self.cryostats, self._live_objects, self.applier, self.adoption, self.status, self.metrics
        )

    async def _live_objects(self, instance_key: InstanceKey) -> Mapping[Key, Obj]:
        return self.owned.live(instance_key)

    def cryostat(self, spec: Any = None, **metadata: Any) -> Obj:
        """Store the Cryostat `here/sample` in the API server and in the operator's store."""
        obj = {
            "apiVersion": constants.API_VERSION,
            "kind": constants.KIND,
            "metadata": {"name": "sample", "uid": "uid-cryostat", **metadata},
            "spec": {} if spec is None else spec,
        }
        body = self.server.put(CRYOSTAT_PATH, obj)
        self.cryostats.handle_event("MODIFIED", body)
        return body

    def live_cryostat(self) -> Obj:
        """The Cryostat in the API server."""
        return self.live(CRYOSTAT_PATH)

    def live(self, key: Key | str) -> Obj:
        """An object in the API server, which must exist."""
        found = self.server.find(key)
        assert found
        return found

    def put(self, key: Key, *, cached: bool = True, **fields: Any) -> Obj:
        """Store an object in the API server and, if `cached`, in the cache of owned objects."""
        metadata = {"name": key.name, **fields.pop("metadata", {})}
        obj = self.server.put(path_of(key), {"kind": key.kind, "metadata": metadata, **fields})
        if cached:
            self.owned.record_write(key.kind, obj)
        return obj

    def events(self) -> list[tuple[str, str]]:
        """The reason and message of all Kubernetes Events."""
        found = self.server._objects.items()
        return [(obj["reason"], obj["message"]) for path, obj in found if path.plural == "events"]

    def condition(self, name: str) -> Obj:
        """A condition of the Cryostat in the API server."""
        conditions = (self.live_cryostat().get("status") or {}).get("conditions") or []
        return next((each for each in conditions if each["type"] == name), {})


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


class NoPods:
    """A store without pods."""

    def failures(self, instance_key: InstanceKey) -> Mapping[str, str]:
        return {}


class FakeObserver:
    """Observes the in-memory API server directly, without watches."""

    def __init__(self, cluster: Cluster) -> None:
        self.owned = cluster.owned
        self.pods = NoPods()
        self.forgotten: list[InstanceKey] = []
        self._server = cluster.server
        self._data: dict[tuple[str, str], ContentSummary | None] = {}

    async def snapshot(self, instance_key: InstanceKey, uid: str, targets: tuple[str, ...]) -> Snapshot:
        return Snapshot(
            apis=frozenset(KINDS) - OPTIONAL,
            namespaces={instance_key.namespace: NamespaceState()},
            data=dict(self._data),
            live=self.owned.live(instance_key),
            in_sync={
                k: record.in_sync_with for k, record in self.owned.records(instance_key).items() if record.in_sync_with
            },
            api_server=("10.0.0.1",),
        )

    served = True
    terminating = False

    def serves_namespace(self, name: str) -> bool:
        return self.served

    def is_terminating(self, _namespace: str) -> bool:
        return self.terminating

    async def watch_on_demand(self, instance_key: InstanceKey, cryostat: object) -> None:
        pass

    async def live_objects(self, instance_key: InstanceKey) -> Mapping[Key, Obj]:
        return self.owned.live(instance_key)

    async def resolve(self, instance_key: InstanceKey, desired: Desired) -> ReferenceData:
        found = {(each.kind, each.name) for each in desired.references}
        found |= {(each.kind, each.name) for each in desired.requests}
        for kind, name in found:
            obj = self._server.find(Key(kind, instance_key.namespace, name))
            self._data[kind, name] = content_summary(obj) if obj else None
        return dict(self._data)

    def recheck_after(self, instance_key: InstanceKey) -> float:
        return float("inf")

    renewal: float | None = None
    expiry: float | None = None

    def renewal_due(self, instance_key: InstanceKey) -> float | None:
        return self.renewal

    def expiry_due(self, instance_key: InstanceKey) -> float | None:
        return self.expiry

    def forget_instance(self, instance_key: InstanceKey) -> None:
        self.forgotten.append(instance_key)


@pytest.fixture
def reconciler(cluster: Cluster) -> Reconciler:
    observer = cast(Observer, FakeObserver(cluster))
    return Reconciler(cluster.server, observer, cluster.cryostats, Settings(service_tls=False), cluster.metrics)


def refuse(method: str, part: str, error: ApiError) -> Callable[[str, str, Any], ApiError | None]:
    """Return a hook for the API server that refuses the requests of a method to paths with a part."""
    return lambda m, path, _: error if m == method and part in path else None
