"""Concurrent writes, their outcomes, and the write limiter."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.kube.errors import ApiError
from cryostat_operator.plan.diff.plan_diff import Change
from cryostat_operator.plan.model.kinds import Key, Obj, path_of
from cryostat_operator.reconcile import applier
from tests.unit.reconcile.conftest import INSTANCE, OWNERSHIP_LABELS, Cluster


def creation(name: str) -> Change:
    metadata = {"name": name, "namespace": "here", "labels": OWNERSHIP_LABELS}
    return Change(
        "create", Key("ConfigMap", "here", name), {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    )


async def test_each_change_has_one_outcome(cluster: Cluster) -> None:
    cluster.server.hook = refuse("bad")
    outcomes = await cluster.applier.apply(INSTANCE, [creation("good"), creation("bad")])
    assert {o.change.key.name: o.state for o in outcomes} == {"good": "applied", "bad": "refused"}


async def test_an_object_whose_labels_were_removed_is_not_reported_as_deleted(cluster: Cluster) -> None:
    """The watch selects by label, so the object leaves the cache, and the operator tries to create it."""
    made = creation("x")
    await cluster.applier.apply(INSTANCE, [made])
    owner = {
        "apiVersion": constants.API_VERSION,
        "kind": constants.KIND,
        "name": "sample",
        "uid": "u",
        "controller": True,
    }
    cluster.put(made.key, cached=False, apiVersion="v1", metadata={"ownerReferences": [owner]})
    [outcome] = await cluster.applier.apply(INSTANCE, [made])
    assert (outcome.state, outcome.change.verb, outcome.change.event) == ("applied", "replace", None)
    assert outcome.change.paths
    assert all(path.startswith("metadata.") for path in outcome.change.paths)


async def test_a_refused_write_is_not_repeated_at_once(cluster: Cluster) -> None:
    cluster.server.hook = refuse("bad")
    [first] = await cluster.applier.apply(INSTANCE, [creation("bad")])
    [second] = await cluster.applier.apply(INSTANCE, [creation("bad")])
    assert first.problem == second.problem
    assert len(cluster.server.requests) == 1
    cluster.applier.reset()
    await cluster.applier.apply(INSTANCE, [creation("bad")])
    assert len(cluster.server.requests) == 2


async def test_writes_without_limiter_are_always_sent(cluster: Cluster) -> None:
    cluster.server.hook = refuse("bad")
    for _ in range(3):
        await cluster.applier.write_all(INSTANCE, [creation("bad")])
    assert len(cluster.server.requests) == 3


async def test_a_write_that_is_reverted_is_a_no_op(cluster: Cluster) -> None:
    key = Key("ConfigMap", "here", "x")
    live = cluster.put(key, metadata={"labels": OWNERSHIP_LABELS}, data={"a": "other"})

    async def revert(_: Key, obj: Obj) -> Obj:
        return cluster.server.put(path_of(key), {**obj, "data": {"a": "other"}})

    cluster.server.replace = revert  # type: ignore[method-assign, assignment]
    change = Change("replace", key, {**live, "data": {"a": "desired"}}, live=live)
    [outcome] = await cluster.applier.apply(INSTANCE, [change])
    assert outcome.state == "no-op"
    assert outcome.problem
    assert outcome.problem.reason == "ChangedByOthers"


async def test_an_unexpected_exception_is_reported_without_its_text(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("password")

    cluster.server.hook = fail
    [outcome] = await cluster.applier.apply(INSTANCE, [creation("x")])
    assert outcome.problem
    assert outcome.problem.reason == "InternalError"
    assert outcome.problem.message == (
        "ConfigMap here/x: internal error of the operator (RuntimeError). "
        "Report it with the operator's log to the maintainers of the operator."
    )
    assert caplog.messages == ["Internal error while writing ConfigMap here/x"]


async def test_each_write_is_logged(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await cluster.applier.apply(INSTANCE, [creation("x")])
    assert caplog.messages == ["Created ConfigMap here/x"]
    texts = {"create": "Created", "replace": "Updated", "recreate": "Deleted for re-creation", "delete": "Deleted"}
    assert texts == applier.LOG_VERBS


async def test_a_change_of_another_client_is_logged_with_its_name(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    key = Key("ConfigMap", "here", "x")
    live = cluster.put(key, metadata={"labels": OWNERSHIP_LABELS}, data={"a": "other"})
    entry = {"other": True, "manager": "kubectl-edit", "fieldsV1": {"f:data": {"f:a": {}}}}
    live["metadata"]["managedFields"] = [entry]
    await cluster.applier.apply(
        INSTANCE, [Change("replace", key, {**live, "data": {"a": "desired"}}, live=live, paths=("data.a",))]
    )
    assert caplog.messages == [
        "Updated ConfigMap here/x",
        "ConfigMap here/x: kubectl-edit had set data.a, and the operator restored what the Cryostat requests. "
        "Change the Cryostat instead, if it has a field for this (docs/other-controllers.md).",
    ]


async def test_writes_of_one_instance_are_concurrent_up_to_a_limit(cluster: Cluster) -> None:
    assert await most_at_a_time(cluster, 40) == applier.MAX_CONCURRENT_WRITES_PER_INSTANCE


async def test_an_instance_with_slow_writes_gets_few_slots_once(cluster: Cluster) -> None:
    cluster.applier._slow.add(INSTANCE)
    assert await most_at_a_time(cluster, 10) == applier.MAX_CONCURRENT_WRITES_SLOW
    assert INSTANCE not in cluster.applier._slow


async def most_at_a_time(cluster: Cluster, count: int) -> int:
    """The maximum number of creations in flight while `count` objects are created."""
    running = most = 0

    async def create(obj: Obj, **_: Any) -> Obj:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return cluster.server.put(path_of(Key("ConfigMap", "here", obj["metadata"]["name"])), obj)

    cluster.server.create = create  # type: ignore[method-assign]
    await cluster.applier.write_all(INSTANCE, [creation(f"x{number}") for number in range(count)])
    return most


def refuse(name: str) -> Any:
    """A hook that refuses the creation of one object."""

    def hook(method: str, path: str, body: Any) -> ApiError | None:
        refused = method == "POST" and body["metadata"]["name"] == name
        return ApiError(403, "Forbidden", "no") if refused else None

    return hook
