"""Lists that a user may read, and those that are recorded as unreadable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cryostat_operator.inspect.list_reader import ListReader
from cryostat_operator.kube.errors import ApiError, ApiUnavailable
from cryostat_operator.plan.model.kinds import KINDS
from tests.unit.api_server import ApiServer

PODS = ("", "v1", "pods")


@pytest.fixture
def server() -> ApiServer:
    server = ApiServer()
    server.put("/api/v1/namespaces/here/pods/x", {"metadata": {"labels": {"a": "b"}}})
    return server


def refusing(status: int, matches: Callable[[str], bool] = lambda _: True) -> Any:
    kind = ApiError if status else ApiUnavailable
    return lambda _method, path, _body: kind(status, "Refused", "no") if matches(path) else None


async def test_objects_are_selected(server: ApiServer) -> None:
    reader = ListReader(server)
    for selector, count in (("a=b", 1), ("a=c", 0)):
        assert len(await reader.read_list(*PODS, "here", selector) or ()) == count
    assert reader.unreadable == {}


async def test_an_api_that_is_not_served_has_no_objects(server: ApiServer) -> None:
    server.hook = refusing(404)
    reader = ListReader(server)
    assert await reader.read_list(*PODS) == []
    assert reader.unreadable == {}


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_list_is_recorded_once(server: ApiServer, status: int) -> None:
    server.hook = refusing(status)
    reader = ListReader(server)
    for _ in range(2):
        assert await reader.read_list(*PODS) is None
    assert await reader.read_list(*PODS, "here") is None
    assert [*reader.unreadable] == [
        "You may not list pods in all namespaces, so they are not shown.",
        "You may not list pods in namespace here, so they are not shown.",
    ]


@pytest.mark.parametrize("status", [0, 500])
async def test_other_failures_are_errors(server: ApiServer, status: int) -> None:
    server.hook = refusing(status)
    with pytest.raises(ApiError):
        await ListReader(server).read_list(*PODS)
    with pytest.raises(ApiError):
        await ListReader(server).is_missing("here")


async def test_without_permissions_in_all_namespaces_those_that_are_named_are_read() -> None:
    server = ApiServer()
    for namespace in ("here", "there", "elsewhere"):
        server.put(f"/api/v1/namespaces/{namespace}/services/{namespace}", {})
    reader = ListReader(server)
    named = ("here", "there", "here", "closed")
    found = await reader.read_anywhere(KINDS["Service"], named, "")
    assert {each["metadata"]["name"] for each in found} == {"here", "there", "elsewhere"}
    assert {(each["apiVersion"], each["kind"]) for each in found} == {("v1", "Service")}
    server.hook = refusing(403, lambda path: "/namespaces/" not in path or "closed" in path)
    found = await reader.read_anywhere(KINDS["Service"], named, "")
    assert [each["metadata"]["name"] for each in found] == ["here", "there"]
    assert [*reader.unreadable] == ["You may not list services in namespace closed, so they are not shown."]


async def test_a_namespace_is_missing_only_if_it_is_known_not_to_exist(server: ApiServer) -> None:
    server.put("/api/v1/namespaces/here", {})
    reader = ListReader(server)
    assert not await reader.is_missing("here")
    assert await reader.is_missing("absent")
    server.hook = refusing(403)
    assert not await reader.is_missing("absent")
