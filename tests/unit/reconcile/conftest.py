"""The parts of the reconciler, connected to the in-memory API server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from cryostat_operator.api import constants
from cryostat_operator.metrics import Metrics
from cryostat_operator.observe.cryostats import CryostatStore
from cryostat_operator.observe.owned_objects import OwnedObjects
from cryostat_operator.observe.triggers import Triggers
from cryostat_operator.plan.model.kinds import InstanceKey, Key, Obj, path_of
from cryostat_operator.reconcile.adoption import Adoption
from cryostat_operator.reconcile.applier import Applier
from cryostat_operator.reconcile.finalizer import Finalizer
from cryostat_operator.reconcile.status_writer import StatusWriter
from tests.unit.api_server import ApiServer

INSTANCE = InstanceKey("here", "sample")
CRYOSTAT_PATH = f"/apis/{constants.API_VERSION}/namespaces/here/{constants.PLURAL}/sample"
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
        found = self.server.find(CRYOSTAT_PATH)
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
