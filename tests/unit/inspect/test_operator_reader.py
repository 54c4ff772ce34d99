"""Whether the operator runs and its webhooks answer, with the permissions of the user."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Callable
from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.inspect import operator_reader
from cryostat_operator.inspect.instance_reader import InstanceReader
from cryostat_operator.inspect.observed import Observed
from cryostat_operator.inspect.operator_reader import creation_failure
from cryostat_operator.kube.errors import ApiError
from tests.unit.api_server import ApiServer
from tests.unit.inspect.instance import CRYOSTAT_PATH, cryostat, pod, serve

OLM = "openshift-operators"
DEPLOYMENT = "/apis/apps/v1/namespaces/{}/deployments/cryostat-operator-controller"
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{{}}/leases/{constants.LEASE}"
DOWN = ApiError(500, "InternalError", 'Internal error occurred: failed calling webhook "mcryostat.kb.io": refused')


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> ApiServer:
    monkeypatch.setattr(operator_reader, "RENEWAL_SECONDS", 0.0)
    return serve(ApiServer(), cryostat())


async def observed(server: ApiServer) -> Observed:
    return await InstanceReader(server).observe(server.find(CRYOSTAT_PATH) or {})


def renew(server: ApiServer, namespace: str, age: float, holder: str = "a_b") -> None:
    """Store the Lease as renewed so many seconds ago."""
    renewed = datetime.datetime.fromtimestamp(time.time() - age, datetime.UTC).isoformat()
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": renewed}
    server.put(LEASE.format(namespace), {"spec": spec})


def refusing(allowed: Callable[[str], bool]) -> Any:
    return lambda method, path, body: None if allowed(path) else ApiError(403, "Forbidden", "no")


@pytest.mark.parametrize("place", ["cryostat-operator-system", OLM, "anywhere"])
async def test_the_operator_is_found_in_every_namespace(server: ApiServer, place: str) -> None:
    server.put(DEPLOYMENT.format(place), {"status": {"readyReplicas": 0}})
    server.put(f"/apis/apps/v1/namespaces/{place}/deployments/other", {"status": {"readyReplicas": 1}})
    assert (await observed(server)).operator_runs is False
    server.put(DEPLOYMENT.format(place), {"status": {"readyReplicas": 1}})
    assert (await observed(server)).operator_runs is True


async def test_a_user_of_one_namespace_finds_the_operator_where_olm_installs_it(server: ApiServer) -> None:
    server.put(DEPLOYMENT.format(OLM), {"status": {"readyReplicas": 1}})
    server.hook = refusing(lambda path: "/deployments" not in path or f"/{OLM}/" in path)
    found = await observed(server)
    assert found.operator_runs is True
    assert not any("operator" in each for each in found.unreadable)


async def test_the_missing_permission_to_read_the_operator_is_reported(server: ApiServer) -> None:
    server.hook = refusing(lambda path: not path.endswith(("/deployments", "/leases")))
    found = await observed(server)
    assert found.operator_runs is None
    assert "You may not read the Deployment and the Lease of the operator, so it is not checked whether it runs." in (
        found.unreadable
    )


async def test_a_lease_that_is_renewed_shows_that_the_operator_runs(server: ApiServer) -> None:
    renew(server, "anywhere", age=1.0)
    renew(server, "old", age=1000.0)
    found = await observed(server)
    assert (found.operator_runs, found.lease and found.lease["metadata"]["namespace"]) == (True, "anywhere")


@pytest.mark.parametrize(("age", "holder"), [(60.0, "a_b"), (0.0, "")])
async def test_a_lease_that_is_not_renewed(server: ApiServer, age: float, holder: str) -> None:
    renew(server, "anywhere", age, holder)
    assert (await observed(server)).operator_runs is False


async def test_a_lease_that_only_looks_old_is_read_again(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of this machine is an hour ahead of that of the operator."""
    renew(server, "anywhere", age=3600.0)

    async def renewed(seconds: float) -> None:
        if seconds == 7.0:
            renew(server, "anywhere", age=3598.0)

    monkeypatch.setattr(operator_reader, "RENEWAL_SECONDS", 7.0)
    monkeypatch.setattr(asyncio, "sleep", renewed)
    assert (await observed(server)).operator_runs is True


async def test_a_webhook_that_cannot_be_called_is_found_by_a_dry_run(server: ApiServer) -> None:
    assert (await observed(server)).webhook_failure == ""
    assert server.dry_runs == [("PATCH", CRYOSTAT_PATH)]
    server.hook = lambda method, path, body: DOWN if method == "PATCH" else None
    assert (await observed(server)).webhook_failure == DOWN.message
    assert server.writes == []


async def test_the_dry_run_is_sent_once_if_the_webhook_cannot_be_called(server: ApiServer) -> None:
    server.hook = lambda method, path, body: DOWN if method == "PATCH" else None
    reader = InstanceReader(server)
    for _ in range(2):
        assert (await reader.observe(cryostat())).webhook_failure
    assert len(server.dry_runs) == 1


@pytest.mark.parametrize(
    ("error", "recorded"),
    [
        (ApiError(403, "Forbidden", "cannot patch", {"kind": "cryostats", "name": "sample"}), True),
        (ApiError(403, "Forbidden", "admission webhook denied the request"), False),
        (ApiError(409, "Conflict", "changed"), False),
    ],
)
async def test_other_refusals_of_the_dry_run_are_no_failure_of_a_webhook(
    server: ApiServer, error: ApiError, recorded: bool
) -> None:
    server.hook = lambda method, path, body: error if method == "PATCH" else None
    found = await observed(server)
    assert found.webhook_failure == ""
    sentence = "You may not patch cryostats in namespace here, so the webhooks that review changes are not checked."
    assert (sentence in found.unreadable) == recorded


async def test_the_cause_is_reported_if_no_cryostat_can_be_created(server: ApiServer) -> None:
    assert await creation_failure(server, "here") == ""
    server.hook = lambda method, path, body: DOWN
    assert await creation_failure(server, "here") == (
        f"None can be created, because the API server cannot call a webhook: {DOWN.message}."
    )
    server.hook = lambda method, path, body: ApiError(404, "NotFound", "no", {"kind": "namespaces", "name": "here"})
    assert await creation_failure(server, "here") == "Namespace here does not exist."
    assert server.writes == []


async def test_policies_of_other_owners_are_read(server: ApiServer) -> None:
    serve(server, pod("cryostat"))
    server.put("/apis/networking.k8s.io/v1/namespaces/here/networkpolicies/deny", {"spec": {"podSelector": {}}})
    assert [each["metadata"]["name"] for each in (await observed(server)).foreign_policies] == ["deny"]
