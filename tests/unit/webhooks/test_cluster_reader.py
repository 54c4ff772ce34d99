"""What the webhooks read from the cluster, and the events that they record on a Cryostat."""

from __future__ import annotations

import asyncio
from dataclasses import fields
from typing import Any, cast
from unittest.mock import AsyncMock

import pytest

from cryostat_operator.api.v1beta2 import Cryostat
from cryostat_operator.kube.errors import ApiUnavailable
from cryostat_operator.observe.cryostats import CryostatStore
from cryostat_operator.plan.model.kinds import Key
from cryostat_operator.plan.model.reasons import Reason
from cryostat_operator.plan.model.snapshot import ContentSummary, NamespaceState, Snapshot
from cryostat_operator.settings import Settings
from cryostat_operator.webhooks.cluster_reader import (
    INSTANCE_FIELDS,
    MAX_CONCURRENT_LOOKUPS,
    MAX_CONCURRENT_READS,
    CachedReader,
)

CRYOSTAT = {"metadata": {"name": "a", "namespace": "n", "uid": "u"}}


class Client:
    """Keeps the bodies of requests."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []

    async def request(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        self.bodies.append(options["body"])
        return {}


@pytest.mark.parametrize("reason", [Reason.WEBHOOK_UNREACHABLE, Reason.AGENT_NOT_ADDED])
async def test_an_event_is_recorded_once(reason: Reason) -> None:
    client = Client()
    reader = CachedReader(cast(Any, client), cast(Any, None), cast(Any, None), lambda: True)
    for _ in range(2):
        await reader.record_event(CRYOSTAT, reason, "a cause")
    [event] = client.bodies
    assert (event["reason"], event["type"], event["message"]) == (reason, "Warning", "a cause")
    assert event["involvedObject"]["name"] == "a"


class Cached:
    """An observer with objects of one Cryostat."""

    full = Snapshot(
        openshift=True,
        namespaces={"n": NamespaceState()},
        live={Key("PersistentVolumeClaim", "n", "a-database"): {}},
        data={("Secret", "a"): ContentSummary(frozenset(), "")},
        terminating=frozenset({Key("Secret", "n", "b")}),
        stopping=frozenset({"database"}),
        ca_certificate="pem",
    )

    def cached_snapshot(self, *_: object) -> Snapshot:
        return self.full


@pytest.mark.parametrize(("uid", "is_known"), [("u", True), ("other", False), ("", False)])
def test_objects_of_a_cryostat_are_known_only_to_callers_who_know_its_uid(uid: str, is_known: bool) -> None:
    cryostats = CryostatStore(lambda _: None)
    stored = {**CRYOSTAT, "metadata": {**CRYOSTAT["metadata"], "resourceVersion": "1"}, "spec": {}}
    cryostats.handle_event("ADDED", stored)
    reader = CachedReader(cast(Any, None), cast(Any, Cached()), cryostats, lambda: True)
    cryostat = Cryostat.model_validate({"metadata": {**CRYOSTAT["metadata"], "uid": uid}, "spec": {}})
    expected = Cached.full if is_known else Snapshot(openshift=True, namespaces=Cached.full.namespaces)
    assert reader.snapshot(cryostat, Settings()) == expected


def test_each_part_of_a_snapshot_is_about_the_instance_or_the_cluster() -> None:
    """A new part must be added here, and to `INSTANCE_FIELDS` if it shows what an instance has."""
    api_server = {"api_server", "api_server_ports", "apis"}
    cluster = {*api_server, "authentication_missing", "authentication_type", "ingress_classes"}
    cluster |= {"namespaces", "not_served"}
    assert {each.name for each in fields(Snapshot)} == {"openshift"} | cluster | set(INSTANCE_FIELDS)


class OpenShift:
    """An observer that found OpenShift, or not."""

    def __init__(self, openshift: bool) -> None:
        self.openshift = openshift


class Lookups:
    """A client that answers GET requests for one ConfigMap."""

    def __init__(self, data: dict[str, str] | None) -> None:
        self.data = data
        self.paths: list[str] = []

    async def get_or_none(self, path: str) -> dict[str, Any] | None:
        self.paths.append(path)
        return {"data": self.data} if self.data is not None else None


@pytest.mark.parametrize(
    ("data", "fips"),
    [
        ({"install-config": "apiVersion: v1\nfips: true\nplatform: {}\n"}, True),
        ({"install-config": "apiVersion: v1\nfips: false\n"}, False),
        ({"install-config": "name: fips: true here\n"}, False),
        ({}, False),
        (None, False),
    ],
)
async def test_fips_mode_is_read_once_from_the_configuration_of_the_installation(
    data: dict[str, str] | None, fips: bool
) -> None:
    client = Lookups(data)
    reader = CachedReader(cast(Any, client), cast(Any, OpenShift(True)), cast(Any, None), lambda: True)
    assert [await reader.fips(), await reader.fips()] == [fips, fips]
    assert client.paths == ["/api/v1/namespaces/kube-system/configmaps/cluster-config-v1"]


async def test_the_fips_mode_is_read_only_on_openshift() -> None:
    client = Lookups({"install-config": "fips: true"})
    reader = CachedReader(cast(Any, client), cast(Any, OpenShift(False)), cast(Any, None), lambda: True)
    assert not await reader.fips()
    assert client.paths == []


class SlowLookups:
    """A client that counts how many objects are read at once."""

    reading = most = 0

    async def get_or_none(self, path: str) -> None:
        self.reading += 1
        self.most = max(self.most, self.reading)
        await asyncio.sleep(0)
        self.reading -= 1


async def test_few_objects_are_read_at_once() -> None:
    client = SlowLookups()
    reader = CachedReader(cast(Any, client), cast(Any, None), cast(Any, None), lambda: True)
    await asyncio.gather(*(reader.content("Secret", "n", f"x{number}") for number in range(40)))
    assert client.most == MAX_CONCURRENT_READS


async def test_few_unknown_cryostats_are_looked_up_at_a_time() -> None:
    """Each forged review can name another one, and leader election uses the same connections."""
    client = SlowLookups()
    reader = CachedReader(cast(Any, client), cast(Any, None), CryostatStore(lambda _: None), lambda: True)
    await asyncio.gather(*(reader.cryostat("n", f"x{number}") for number in range(40)))
    assert client.most == MAX_CONCURRENT_LOOKUPS


async def test_the_texts_of_a_config_map() -> None:
    client = AsyncMock()
    reader = CachedReader(cast(Any, client), cast(Any, None), cast(Any, None), lambda: True)
    client.get_or_none.return_value = {"data": {"file": "text"}}
    assert await reader.config_map("n", "c") == {"file": "text"}
    client.get_or_none.assert_awaited_once_with("/api/v1/namespaces/n/configmaps/c")
    client.get_or_none.return_value = {}
    assert await reader.config_map("n", "c") == {}
    client.get_or_none.return_value = None
    assert await reader.config_map("n", "c") is None
    assert await reader.config_map("n", "../secrets/s") is None
    assert client.get_or_none.await_count == 3


@pytest.mark.parametrize(
    ("page", "count"),
    [
        ({"items": [], "metadata": {}}, 2),
        ({"items": [{}], "metadata": {"continue": "x", "remainingItemCount": 99}}, 100),
        ({"items": [{}], "metadata": {"continue": "x"}}, 2),
    ],
)
async def test_the_cryostats_of_a_namespace_are_counted(page: dict[str, Any], count: int) -> None:
    client = AsyncMock()
    client.request.return_value = page
    store = CryostatStore(lambda _: None)
    for namespace, name in (("n", "a"), ("n", "b"), ("other", "a")):
        metadata = {"namespace": namespace, "name": name, "uid": name, "resourceVersion": "1"}
        store.handle_event("ADDED", {"metadata": metadata})
    reader = CachedReader(client, cast(Any, None), store, lambda: True)
    assert await reader.count("n") == count
    assert client.request.await_args.args == ("GET", "/apis/operator.cryostat.io/v1beta2/namespaces/n/cryostats")
    assert client.request.await_args.kwargs["params"] == {"limit": "1"}
    assert await reader.count("../x") == 0
    assert client.request.await_count == 1
    for error in (ApiUnavailable(0, "Unavailable", "no response"), TimeoutError()):
        client.request.side_effect = error
        assert await reader.count("n") == 2


def test_the_text_of_the_cryostats_of_a_namespace_is_counted() -> None:
    store = CryostatStore(lambda _: None)

    def event(kind: str, namespace: str, name: str, version: int, level: str) -> None:
        metadata = {
            "namespace": namespace,
            "name": name,
            "uid": name,
            "resourceVersion": str(version),
            "generation": version,
        }
        store.handle_event(kind, {"metadata": metadata, "spec": {"level": level}})

    for namespace, name in (("n", "a"), ("n", "b"), ("other", "a")):
        event("ADDED", namespace, name, 1, "x" * 15)
    reader = CachedReader(cast(Any, None), cast(Any, None), store, lambda: True)
    assert reader.text_lengths("n") == {"a": 20, "b": 20}
    assert reader.text_lengths("none") == {}
    event("MODIFIED", "n", "b", 2, "x" * 5)
    assert reader.text_lengths("n") == {"a": 20, "b": 10}
    event("DELETED", "n", "b", 3, "")
    assert reader.text_lengths("n") == {"a": 20}
