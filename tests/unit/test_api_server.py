"""The in-memory API server behaves as a real one in all that unit tests need."""

from __future__ import annotations

import asyncio

import pytest

from cryostat_operator.kube.client import JSON_PATCH
from cryostat_operator.kube.errors import ApiError
from cryostat_operator.plan.model.kinds import Key, Obj, collection_path
from tests.unit.api_server import ApiServer

KEY = Key("ConfigMap", "here", "x")
PATH = "/api/v1/namespaces/here/configmaps/x"


def config_map(**metadata: object) -> Obj:
    return {"kind": "ConfigMap", "metadata": {"name": "x", "namespace": "here", **metadata}, "data": {"a": "1"}}


async def test_an_object_is_created_once() -> None:
    server = ApiServer()
    created = await server.create(config_map())
    assert created["metadata"]["uid"]
    with pytest.raises(ApiError) as error:
        await server.create(config_map())
    assert (error.value.status, error.value.reason) == (409, "AlreadyExists")
    assert await server.get(KEY) == created


async def test_an_update_of_an_older_version_is_a_conflict() -> None:
    server = ApiServer()
    created = await server.create(config_map())
    await server.replace(KEY, {**created, "data": {"a": "2"}})
    with pytest.raises(ApiError) as error:
        await server.replace(KEY, created)
    assert (error.value.status, error.value.reason) == (409, "Conflict")


async def test_a_merge_patch_removes_null_and_keeps_the_rest() -> None:
    server = ApiServer()
    await server.create(config_map(labels={"a": "1", "b": "2"}))
    changed = await server.merge_patch(KEY, {"metadata": {"labels": {"a": None, "c": "3"}}})
    assert changed["metadata"]["labels"] == {"b": "2", "c": "3"}
    assert changed["data"] == {"a": "1"}


async def test_a_json_patch_fails_if_its_test_fails() -> None:
    server = ApiServer()
    await server.create(config_map(finalizers=["a"]))
    path = "/metadata/finalizers"
    patch = [{"op": "test", "path": f"{path}/0", "value": "b"}, {"op": "remove", "path": f"{path}/0"}]
    with pytest.raises(ApiError) as error:
        await server.request("PATCH", PATH, body=patch, content_type=JSON_PATCH)
    assert error.value.status == 422
    await server.request(
        "PATCH", PATH, body=[{"op": "add", "path": f"{path}/-", "value": "b"}], content_type=JSON_PATCH
    )
    assert (await server.get(KEY))["metadata"]["finalizers"] == ["a", "b"]


async def test_finalizers_delay_the_deletion() -> None:
    server = ApiServer()
    created = await server.create(config_map(finalizers=["a"]))
    await server.delete(KEY, created["metadata"]["uid"])
    assert "deletionTimestamp" in (await server.get(KEY))["metadata"]
    await server.merge_patch(KEY, {"metadata": {"finalizers": None}})
    assert await server.get_or_none(KEY) is None


async def test_a_deletion_with_another_uid_is_a_conflict() -> None:
    server = ApiServer()
    await server.create(config_map())
    with pytest.raises(ApiError) as error:
        await server.delete(KEY, "other")
    assert error.value.status == 409
    assert server.find(KEY)


async def test_lists_are_filtered_by_selector_and_namespace() -> None:
    server = ApiServer()
    await server.create(config_map(labels={"a": "1"}))
    server.put("/api/v1/namespaces/there/configmaps/y", {"metadata": {}})
    everywhere = collection_path("ConfigMap")
    names = {
        selector: [
            o["metadata"]["name"]
            for o in (await server.request("GET", everywhere, params={"labelSelector": selector}))["items"]
        ]
        for selector in ("", "a", "!a", "a=1", "a=2")
    }
    assert names == {"": ["x", "y"], "a": ["x"], "!a": ["y"], "a=1": ["x"], "a=2": []}


async def test_a_watch_has_an_event_for_every_change() -> None:
    server = ApiServer()
    seen = []
    async with server.watch(collection_path("ConfigMap"), {}, "") as events:
        created = await server.create(config_map())
        await server.merge_patch(KEY, {"data": {"a": "2"}})
        await server.delete(KEY, created["metadata"]["uid"])
        async with asyncio.timeout(60):
            async for event in events:
                seen.append(event["type"])
                if event["type"] == "DELETED":
                    break
    assert seen == ["ADDED", "MODIFIED", "DELETED"]
