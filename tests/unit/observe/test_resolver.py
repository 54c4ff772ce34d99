"""The Secrets and ConfigMaps that are read for a plan, and the content that it gets."""

from __future__ import annotations

import asyncio
from typing import Any

from cryostat_operator.observe.owned_objects import OwnedObjects
from cryostat_operator.observe.reference_store import ReferenceStore
from cryostat_operator.observe.resolver import MAX_CONCURRENT_READS, ReferenceResolver
from cryostat_operator.plan.model.kinds import InstanceKey, Key, path_of
from tests.unit.api_server import ApiServer
from tests.unit.cluster_state import NAME, NAMESPACE, ClusterState, cryostat
from tests.unit.observe.triggers import RecordedTriggers

INSTANCE = InstanceKey(NAMESPACE, NAME)
LOGIN = Key("Secret", NAMESPACE, "login")
STORAGE = Key("Secret", NAMESPACE, f"{NAME}-storage")
SPEC = {"authorizationOptions": {"basicAuth": {"secretName": "login", "filename": "htpasswd"}}}


class Resolver:
    """A resolver with its stores, and the API server that it reads from."""

    def __init__(self) -> None:
        self.server = ApiServer()
        triggers = RecordedTriggers().triggers
        self.owned = OwnedObjects(triggers, lambda _: True)
        self.stores = {kind: ReferenceStore(kind, lambda _: None) for kind in ("Secret", "ConfigMap")}
        self.resolver = ReferenceResolver(self.server, self.owned, self.stores)

    def put(self, key: Key, **data: str) -> None:
        self.server.put(path_of(key), {"kind": key.kind, "metadata": {"name": key.name}, "data": data})


def live_instance() -> ClusterState:
    """An instance with an existing object, so that missing Secrets are read."""
    account = {"kind": "ServiceAccount", "metadata": {"name": NAME, "namespace": NAMESPACE}}
    return ClusterState(cryostat(SPEC)).with_live(account)


async def test_objects_that_the_plan_needs_are_read_once() -> None:
    given, state = Resolver(), live_instance()
    given.put(LOGIN, htpasswd="YTpi")
    data = await given.resolver.resolve(INSTANCE, state.desired)
    content = data["Secret", "login"]
    assert content
    assert content.keys == {"htpasswd"}
    assert data["Secret", STORAGE.name] is None  # generated later
    requests = len(given.server.requests)
    assert await given.resolver.resolve(INSTANCE, state.desired) == data
    assert len(given.server.requests) == requests


class CountingServer(ApiServer):
    """Counts the objects that are read at once."""

    reading = most = 0

    async def get_or_none(self, *path: Any) -> Any:
        self.reading += 1
        self.most = max(self.most, self.reading)
        await asyncio.sleep(0)
        self.reading -= 1
        return await super().get_or_none(*path)


async def test_few_objects_are_read_at_once() -> None:
    """An object can have 1 MiB, and the author of the Cryostat decides about their number."""
    given = Resolver()
    given.resolver._client = server = CountingServer()
    templates = [{"configMapName": f"template{number}", "filename": "a"} for number in range(40)]
    data = await given.resolver.resolve(INSTANCE, ClusterState(cryostat({"eventTemplates": templates})).desired)
    assert sum(name.startswith("template") for _, name in data) == 40
    assert server.most == MAX_CONCURRENT_READS


async def test_generated_secrets_of_a_new_instance_are_not_read() -> None:
    given = Resolver()
    data = await given.resolver.resolve(INSTANCE, ClusterState(cryostat(SPEC)).desired)
    assert given.server.requests == [("GET", path_of(LOGIN))]
    assert data["Secret", STORAGE.name] is None


async def test_a_generated_secret_of_another_owner_counts_as_missing() -> None:
    given = Resolver()
    given.put(STORAGE, ACCESS_KEY="YQ==")
    data = await given.resolver.resolve(INSTANCE, live_instance().desired)
    assert data["Secret", STORAGE.name] is None


async def test_an_object_that_changes_during_its_read_is_unknown() -> None:
    given, state = Resolver(), live_instance()
    given.put(LOGIN, htpasswd="YTpi")

    def changed_meanwhile(*_: object) -> None:
        given.stores["Secret"].upsert(
            {"metadata": {"namespace": NAMESPACE, "name": "login", "uid": "u", "resourceVersion": "99"}}
        )

    given.server.hook = changed_meanwhile
    assert ("Secret", "login") not in await given.resolver.resolve(INSTANCE, state.desired)
    given.server.hook = None
    assert ("Secret", "login") in await given.resolver.resolve(INSTANCE, state.desired)


async def test_a_deleted_instance_is_forgotten() -> None:
    given = Resolver()
    given.put(LOGIN, htpasswd="YTpi")
    await given.resolver.resolve(INSTANCE, live_instance().desired)
    given.resolver.forget_instance(INSTANCE)
    assert given.resolver.content(INSTANCE, {}) == {}
    assert not given.stores["Secret"].is_known(NAMESPACE, "login")
