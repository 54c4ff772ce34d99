"""Which resources are watched, and which lists are waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from cryostat_operator.api import constants
from cryostat_operator.kube.discovery import DEFINITIONS
from cryostat_operator.kube.errors import ApiError
from cryostat_operator.kube.reflector import Reflector, Source
from cryostat_operator.observe import informers
from cryostat_operator.observe.api_server import ApiServerEndpoints
from cryostat_operator.observe.authentication import AuthenticationStore
from cryostat_operator.observe.chosen_namespaces import ChosenNamespaces
from cryostat_operator.observe.informers import FOREIGN_SELECTOR, INGRESS_CLASS, OWNED_SELECTOR, Informers, Stores
from cryostat_operator.observe.ingress_classes import IngressClassStore
from cryostat_operator.observe.namespaces import NamespaceStore
from cryostat_operator.observe.owned_objects import OwnedObjects
from cryostat_operator.observe.pods import PodStore
from cryostat_operator.observe.reference_store import ReferenceStore
from cryostat_operator.plan.model.kinds import KINDS, Key, collection_path
from tests.unit.observe.objects import INSTANCE
from tests.unit.observe.triggers import RecordedTriggers
from tests.unit.observe.watched_cluster import SERVICE, Apis, put, running_watches


class Watched:
    """Informers with stores, which count how often other kinds are served than before."""

    def __init__(self, server: Apis, *chosen: str) -> None:
        recorded = RecordedTriggers()
        self.kinds_changed = 0
        self.stores = Stores(
            OwnedObjects(recorded.triggers, lambda _: True),
            NamespaceStore(lambda _: None),
            PodStore(lambda _: None),
            {kind: ReferenceStore(kind, lambda _: None) for kind in ("Secret", "ConfigMap")},
            ApiServerEndpoints(lambda: None),
            AuthenticationStore(lambda: None),
            IngressClassStore(lambda: None),
        )
        namespaces = ChosenNamespaces(server, chosen, lambda _: None)
        self.informers = Informers(server, self.stores, namespaces, self._count)

    def _count(self) -> None:
        self.kinds_changed += 1

    @property
    def sources(self) -> dict[str, Source]:
        reflectors = self.informers._reflectors.items()
        return {name: each._source for name, (each, _) in reflectors if isinstance(each, Reflector)}


@pytest.fixture
def server() -> Apis:
    server = Apis()
    put(server, SERVICE)
    return server


@pytest.fixture
async def watched(server: Apis) -> AsyncIterator[Watched]:
    found = Watched(server)
    await found.informers.start()
    yield found
    await found.informers.stop()


REQUIRED = {name for name, kind in KINDS.items() if not (kind.optional or kind.on_demand)}
ALWAYS = {"Namespace", "EndpointSlice", "Pod", "foreign Secret", "foreign ConfigMap", *DEFINITIONS}


async def test_the_kinds_that_the_api_server_serves_are_watched(watched: Watched) -> None:
    assert running_watches() == REQUIRED | ALWAYS
    assert set(watched.stores.owned.records(INSTANCE)) == {SERVICE}
    assert watched.kinds_changed == 1


async def test_owned_objects_and_those_of_others_are_selected_by_labels(watched: Watched) -> None:
    assert OWNED_SELECTOR.split(",") == [constants.LABEL_NAME, constants.LABEL_NAMESPACE]
    assert f"!{constants.LABEL_NAME}" == FOREIGN_SELECTOR
    sources = watched.sources
    assert {sources[kind].selector for kind in REQUIRED} == {OWNED_SELECTOR}
    for kind in ("Secret", "ConfigMap"):
        foreign = sources[f"foreign {kind}"]
        assert foreign == Source(collection_path(kind), FOREIGN_SELECTOR, metadata_only=True)
    assert sources["Namespace"].metadata_only


async def test_a_kind_is_watched_on_demand_once(server: Apis, watched: Watched) -> None:
    for kind in ("CronJob", INGRESS_CLASS):
        assert kind not in running_watches()
        for _ in range(2):
            await watched.informers.watch_on_demand(kind)
        assert kind in running_watches()
    path = collection_path("CronJob")
    assert [each for _, each in server.requests].count(path) == 1


async def test_kinds_that_are_served_later_are_watched_and_dropped_again(server: Apis, watched: Watched) -> None:
    route = Key("Route", "here", "x")
    put(server, route)
    added = {"Route", "ConsoleLink", "Authentication"}
    for openshift in (True, False):
        server.openshift = openshift
        await watched.informers.discovery.discover()
        async with asyncio.timeout(60):
            while running_watches() & added != (added if openshift else set()):
                await asyncio.sleep(0)
        assert (route in watched.stores.owned.records(INSTANCE)) is openshift
    assert watched.kinds_changed == 3


async def test_a_list_of_an_optional_kind_is_not_waited_for_without_end(
    server: Apis, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(informers, "OPTIONAL_SYNC_TIMEOUT", 0.01)
    path = collection_path("CronJob")
    server.hook = lambda method, each, body: ApiError(403, "Forbidden", "no") if each == path else None
    async with asyncio.timeout(60):
        await watched.informers.watch_on_demand("CronJob")
    assert watched.informers.refusal is None, "the operator works without it"


async def test_a_refused_list_of_a_required_resource_is_reported_and_waited_for(server: Apis) -> None:
    path = collection_path("Service")
    server.hook = lambda method, each, body: ApiError(403, "Forbidden", "no") if each == path else None
    found = Watched(server)
    start = asyncio.create_task(found.informers.start())
    async with asyncio.timeout(60):
        while not found.informers.refusal:
            await asyncio.sleep(0)
    for _ in range(100):
        await asyncio.sleep(0)
    assert not start.done()
    start.cancel()
    await found.informers.stop()


async def test_the_silence_of_optional_kinds_does_not_count(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    await watched.informers.watch_on_demand("CronJob")
    silence = {collection_path("CronJob"): 9.0, collection_path("Service"): 3.0}
    monkeypatch.setattr(
        Reflector, "seconds_since_contact", property(lambda reflector: silence.get(reflector._source.path, 1.0))
    )
    assert watched.informers.seconds_since_contact == 3.0


async def test_every_watch_is_stopped(watched: Watched) -> None:
    await watched.informers.stop()
    assert running_watches() == set()


async def test_namespaced_kinds_are_watched_in_the_chosen_namespaces(server: Apis) -> None:
    found = Watched(server, "there")
    await found.informers.start()
    lists = {path for method, path in server.requests if method == "GET"}
    assert collection_path("Service", "there") in lists
    assert collection_path("Service") not in lists
    assert collection_path("ClusterRoleBinding") in lists
    assert found.stores.owned.records(INSTANCE) == {}
    await found.informers.stop()
