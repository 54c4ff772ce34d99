"""Operations on objects, against a server on loopback."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cryostat_operator.kube import client as client_module
from cryostat_operator.kube.client import MERGE_PATCH, accept_metadata
from cryostat_operator.kube.errors import ApiError
from cryostat_operator.plan.model.kinds import Key
from tests.unit.kube.server import FakeServer

KEY = Key("Service", "a", "x")
NOT_FOUND = {"reason": "NotFound", "message": "services x not found", "details": {"kind": "services", "name": "x"}}


async def test_only_a_missing_object_is_none() -> None:
    server = FakeServer()
    server.respond(404, NOT_FOUND)
    server.respond(404, NOT_FOUND)
    server.respond(403, {"reason": "Forbidden", "message": "no"})
    async with server.running() as client:
        assert await client.get_or_none(KEY) is None
        assert await client.get_or_none("/apis/x") is None
        with pytest.raises(ApiError, match="no") as found:
            await client.get_or_none(KEY)
    assert found.value.status == 403
    assert server.requests[1].path == "/apis/x"


async def test_the_status_is_patched_at_its_subresource() -> None:
    server = FakeServer()
    server.respond(200, {"a": 1})
    async with server.running() as client:
        assert await client.patch_status("/apis/c", {"conditions": [], "old": None}) == {"a": 1}
    [request] = server.requests
    assert (request.method, request.path, request.headers["Content-Type"]) == ("PATCH", "/apis/c/status", MERGE_PATCH)
    assert json.loads(server.bodies[0]) == {"status": {"conditions": [], "old": None}}


async def test_a_deletion_names_the_uid_and_ignores_a_missing_object() -> None:
    server = FakeServer()
    server.respond(404, NOT_FOUND)
    server.respond(200)
    server.respond(409, {"reason": "Conflict", "message": "the UID differs"})
    async with server.running() as client:
        await client.delete(KEY, "u")
        await client.delete(Key("Deployment", "a", "x"), "u")
        with pytest.raises(ApiError, match="UID"):
            await client.delete(KEY, "u")
    policies = [json.loads(body)["propagationPolicy"] for body in server.bodies]
    assert policies == ["Background", "Foreground", "Background"]
    assert json.loads(server.bodies[0])["preconditions"] == {"uid": "u"}


async def test_metadata_is_read_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "LIST_PAGE_SIZE", 1)
    server = FakeServer()
    server.respond(200, {"metadata": {"continue": "c"}, "items": [{"metadata": {"namespace": "a", "name": "x"}}]})
    server.respond(200, {"metadata": {}, "items": [{"metadata": {"name": "y"}}]})
    async with server.running() as client:
        found: list[Any] = []
        await client.list_metadata("/x", found.append)
    assert [obj["metadata"]["name"] for obj in found] == ["x", "y"]
    assert [dict(r.query) for r in server.requests] == [{"limit": "1"}, {"limit": "1", "continue": "c"}]
    assert server.requests[0].headers["Accept"] == accept_metadata("PartialObjectMetadataList")
