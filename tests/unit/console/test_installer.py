"""The installation of quick starts and samples, against an API server in memory."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cryostat_operator.console import installer
from cryostat_operator.console.extensions import LABEL, OPERATOR, PLURALS, objects
from cryostat_operator.console.installer import ConsoleInstaller
from cryostat_operator.kube.errors import ApiError, ApiUnavailable
from tests.unit.api_server import ApiServer

DEFINITION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/cryostats.operator.cryostat.io"
EXPECTED = {
    f"/apis/console.openshift.io/v1/{PLURALS[obj['kind']]}/{obj['metadata']['name']}": obj for obj in objects("x-")
}
FIRST = next(iter(EXPECTED))


@pytest.fixture
def server() -> ApiServer:
    """An API server with the CRD of Cryostats and another one."""
    server = ApiServer()
    server.put(DEFINITION, {"metadata": {"uid": "definition"}})
    server.put(DEFINITION.replace("cryostats", "another"), {"metadata": {"uid": "another"}})
    return server


def make(server: ApiServer, enabled: bool = True) -> ConsoleInstaller:
    return ConsoleInstaller(server, "x-", lambda: enabled)


async def test_all_are_created_and_owned_by_the_definition(server: ApiServer) -> None:
    await make(server).ensure()
    for path, obj in EXPECTED.items():
        found = server.find(path)
        assert found is not None, path
        assert found["spec"] == obj["spec"]
        [owner] = found["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"]) == ("CustomResourceDefinition", "definition")
        # It would need the permission to update the finalizers of the CRD.
        assert "blockOwnerDeletion" not in owner


async def test_nothing_is_written_if_all_objects_exist(server: ApiServer) -> None:
    await make(server).ensure()
    written = len(server.writes)
    await make(server).ensure()
    assert len(server.writes) == written == len(EXPECTED)


@pytest.mark.parametrize("part", ["spec", "owner"])
async def test_a_difference_is_corrected_and_annotations_of_others_are_kept(server: ApiServer, part: str) -> None:
    await make(server).ensure()
    changed = server.find(FIRST)
    assert changed is not None
    changed["metadata"]["annotations"] = {"theirs": "stays"}
    if part == "spec":
        changed["spec"]["displayName"] = "another"
    else:
        changed["metadata"]["ownerReferences"][0]["uid"] = "an earlier definition"
    server.put(FIRST, changed)
    server.requests.clear()
    await make(server).ensure()
    restored = server.find(FIRST)
    assert restored is not None
    assert restored["spec"] == EXPECTED[FIRST]["spec"]
    assert restored["metadata"]["ownerReferences"][0]["uid"] == "definition"
    assert restored["metadata"]["annotations"] == {"theirs": "stays"}
    assert server.writes == [("PUT", FIRST)]


async def test_an_object_of_another_owner_is_not_changed(server: ApiServer, caplog: pytest.LogCaptureFixture) -> None:
    server.put(FIRST, {"spec": {"displayName": "theirs"}})
    await make(server).ensure()
    assert len(server.writes) == len(EXPECTED) - 1
    name = EXPECTED[FIRST]["metadata"]["name"]
    assert caplog.messages == [
        f"ConsoleQuickStart {name} lacks the label {LABEL}={OPERATOR}, so the operator does not change it. "
        "Delete it to get that of the operator"
    ]


async def test_a_kind_that_is_not_served_is_left_out(server: ApiServer) -> None:
    def refuse(method: str, path: str, body: Any) -> ApiError | None:
        return ApiError(404, "NotFound", "not served") if "quickstarts" in path else None

    server.hook = refuse
    await make(server).ensure()
    assert [path for path in EXPECTED if server.find(path)] == [path for path in EXPECTED if "yamlsamples" in path]


async def test_without_the_definition_nothing_is_written(server: ApiServer) -> None:
    server.put(DEFINITION, {"metadata": {"uid": "definition", "deletionTimestamp": "2026-01-01T00:00:00Z"}})
    assert not await make(server).ensure()
    server.remove(DEFINITION)
    assert not await make(server).ensure()
    assert server.writes == []


@pytest.fixture
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installer, "RETRY_DELAY", 0.0)


@pytest.mark.parametrize("enabled", [True, False])
async def test_a_request_installs_on_the_leader_only(server: ApiServer, enabled: bool) -> None:
    console = make(server, enabled)
    console.request()
    task = asyncio.create_task(console.run())
    async with asyncio.timeout(60):
        while console._requested.is_set() or (enabled and len(server.writes) < len(EXPECTED)):
            await asyncio.sleep(0)
    task.cancel()
    assert bool(server.requests) == enabled


async def test_a_definition_that_is_created_later_is_awaited(server: ApiServer, no_delay: None) -> None:
    server.remove(DEFINITION)
    console = make(server)
    console.request()
    task = asyncio.create_task(console.run())
    async with asyncio.timeout(60):
        while len(server.requests) < 2:
            await asyncio.sleep(0)
        server.put(DEFINITION, {"metadata": {"uid": "definition"}})
        while len(server.writes) < len(EXPECTED):
            await asyncio.sleep(0)
    task.cancel()


async def test_errors_are_logged_and_retried(
    server: ApiServer, no_delay: None, caplog: pytest.LogCaptureFixture
) -> None:
    errors = [ApiUnavailable(0, "Unavailable", "no connection") for _ in range(3)]  # logged once
    server.hook = lambda method, path, body: errors.pop() if errors else None
    console = make(server)
    console.request()
    task = asyncio.create_task(console.run())
    async with asyncio.timeout(60):
        while len(server.writes) < len(EXPECTED):
            await asyncio.sleep(0)
    task.cancel()
    assert caplog.messages == ["Quick starts and samples of the console are not installed, retrying: no connection"]
