"""The first list of Cryostats, before kopf delivers them. tests/unit/test_runtime.py has the deliveries."""

from __future__ import annotations

import asyncio
import logging

import pytest

from cryostat_operator.kube.errors import ApiError
from cryostat_operator.observe import listed_cryostats
from cryostat_operator.observe.cryostats import CryostatStore
from cryostat_operator.observe.listed_cryostats import ListedCryostats
from cryostat_operator.plan.model.kinds import InstanceKey, Obj
from tests.unit.cryostat_server import COLLECTION, ONE, Cluster, until


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Cluster:
    monkeypatch.setattr(listed_cryostats, "POLL_INTERVAL", 0.01)
    caplog.set_level(logging.WARNING)
    return Cluster()


async def test_a_refused_first_list_is_retried(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    listed = ListedCryostats(cluster, CryostatStore(lambda _: None))
    cluster.add(ONE)
    refusals = [ApiError(403, "Forbidden", "roles are not known yet"), ApiError(401, "Unauthorized", "no token yet")]
    cluster.hook = lambda *_: refusals.pop(0) if refusals else None
    await listed.read()
    assert listed.exists(ONE)
    assert cluster.requests == [("GET", COLLECTION)] * 3
    assert caplog.messages == [
        "List of Cryostats failed, retrying: roles are not known yet",
        "List of Cryostats failed, retrying: no token yet",
    ]


async def test_without_the_definition_there_are_no_cryostats(cluster: Cluster) -> None:
    listed = ListedCryostats(cluster, CryostatStore(lambda _: None))
    cluster.hook = lambda *_: ApiError(404, "NotFound", "no such resource")
    await asyncio.wait_for(listed.read(), 60)
    assert not listed.exists(ONE)
    assert len(cluster.requests) == 1


async def test_cryostats_are_read_once_their_definition_is_served(cluster: Cluster) -> None:
    store = CryostatStore(lambda _: None)
    listed = ListedCryostats(cluster, store)
    cluster.hook = lambda *_: ApiError(404, "NotFound", "no such resource")
    await asyncio.wait_for(listed.read(), 60)
    body = cluster.add(ONE)
    cluster.hook = None
    waiting = asyncio.create_task(listed.wait_until_delivered())
    await until(lambda: listed.exists(ONE))
    assert not waiting.done()
    store.handle_event(None, body)
    await asyncio.wait_for(waiting, 60)


class SlowStore(CryostatStore):
    """A store to which one more Cryostat is delivered after every second poll."""

    def __init__(self, keys: list[InstanceKey]) -> None:
        super().__init__(lambda _: None)
        self._keys = keys
        self._polls = dict.fromkeys(keys, 0)

    def get(self, instance_key: InstanceKey) -> Obj | None:
        self._polls[instance_key] += 1
        return {} if self._polls[instance_key] > 2 * self._keys.index(instance_key) else None


async def test_cryostats_are_not_listed_again_while_some_are_delivered(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listed_cryostats, "MAX_IDLE_POLLS", 3)
    keys = [InstanceKey("a", f"x{number}") for number in range(6)]
    for key in keys:
        cluster.add(key)
    listed = ListedCryostats(cluster, SlowStore(keys))
    await asyncio.wait_for(listed.wait_until_delivered(), 60)
    assert cluster.requests.count(("GET", COLLECTION)) == 1


async def test_the_definition_may_be_installed_later(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    listed = ListedCryostats(cluster, CryostatStore(lambda _: None))
    refusals = [ApiError(404, "NotFound", "no such API")]
    cluster.hook = lambda *_: refusals.pop() if refusals else None
    cluster.served = []
    task = asyncio.create_task(listed.wait_until_served())
    await until(lambda: len(caplog.messages) == 2)
    assert not task.done()
    cluster.served = [{"name": "cryostats"}]
    await asyncio.wait_for(task, 60)
    waiting = "Waiting for the CustomResourceDefinition cryostats.operator.cryostat.io"
    assert caplog.messages[:2] == [f"{waiting}: no such API. Install it", f"{waiting}. Install it"]
