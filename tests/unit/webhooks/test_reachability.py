"""The check whether the API server can call the webhooks: a dry-run write, reported once per change."""

from __future__ import annotations

import logging
from typing import Any, cast

import pytest

from cryostat_operator.kube.errors import ApiError
from cryostat_operator.plan.model.reasons import Reason
from cryostat_operator.webhooks.reachability import ANNOTATION, MAX_ATTEMPTS, ReachabilityCheck

CRYOSTAT = {"metadata": {"name": "a", "namespace": "n"}}
UNREACHABLE = ApiError(500, "InternalError", 'failed calling webhook "mcryostat.kb.io": timeout')


class Cluster:
    """Records requests, events and metric values."""

    def __init__(self) -> None:
        self.error: ApiError | None = None
        self.requests: list[dict[str, Any]] = []
        self.events: list[tuple[str, str]] = []
        self.metric: list[bool] = []
        self.check = ReachabilityCheck(self, lambda: [CRYOSTAT], self.record, self.metric.append)  # type: ignore[arg-type]

    async def request(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        self.requests.append({"method": method, "path": path, **options})
        if self.error:
            raise self.error
        return {}

    async def record(self, cryostat: dict[str, Any], reason: str, message: str) -> None:
        assert cryostat is CRYOSTAT
        self.events.append((reason, message))


async def test_the_write_is_a_dry_run_that_changes_an_annotation() -> None:
    cluster = Cluster()
    await cluster.check.check(CRYOSTAT)
    [request] = cluster.requests
    assert request["method"] == "PATCH"
    assert request["path"].endswith("/namespaces/n/cryostats/a")
    assert request["params"] == {"dryRun": "All"}
    assert list(request["body"]["metadata"]["annotations"]) == [ANNOTATION]
    assert cluster.metric == [True]
    assert cluster.events == []


async def test_an_unreachable_webhook_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    cluster = Cluster()
    cluster.error = UNREACHABLE
    with caplog.at_level(logging.INFO):
        await cluster.check.check(CRYOSTAT)
        await cluster.check.check(CRYOSTAT)
        cluster.error = None
        await cluster.check.check(CRYOSTAT)
    [(reason, message)] = cluster.events
    assert reason == Reason.WEBHOOK_UNREACHABLE
    assert message.startswith(
        "The API server cannot call the webhooks of the operator, so no Cryostat can be created or changed: "
    )
    assert "failed calling webhook" in message
    assert message.endswith(
        ". Allow connections from the control plane to port 9443 of the operator's pods (docs/webhooks.md)"
    )
    assert cluster.metric == [False, False, True]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert caplog.messages == [message, "The API server reaches the webhooks again"]


async def test_an_event_that_is_refused_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def refuse(*_: object) -> None:
        raise ApiError(403, "Forbidden", "no access")

    cluster = Cluster()
    cluster.error = UNREACHABLE
    check = ReachabilityCheck(cast(Any, cluster), lambda: [CRYOSTAT], refuse, cluster.metric.append)
    await check.check(CRYOSTAT)
    assert caplog.messages[-1] == "Event WebhookUnreachable could not be recorded: no access"


@pytest.mark.parametrize(
    "error",
    [ApiError(403, "Forbidden", "x"), ApiError(404, "NotFound", "x"), ApiError(0, "Unavailable", "x")],
    ids=lambda error: error.reason,
)
async def test_other_errors_are_no_result_of_the_check(error: ApiError) -> None:
    cluster = Cluster()
    cluster.error = error
    await cluster.check.check(CRYOSTAT)
    assert cluster.events == []
    assert cluster.metric == []


async def test_a_cryostat_that_cannot_be_changed_still_shows_that_the_webhooks_are_reached() -> None:
    """A tenant can make the checked Cryostat so large that no annotation can be added."""
    cluster = Cluster()
    for error in (UNREACHABLE, ApiError(422, "Invalid", "metadata.annotations: Too long")):
        cluster.error = error
        await cluster.check.check(CRYOSTAT)
    assert cluster.metric == [False, True]


async def test_the_check_runs_only_when_it_is_due() -> None:
    cluster = Cluster()
    await cluster.check.run_if_due()
    assert cluster.requests == []
    cluster.check._next_check = 0.0
    await cluster.check.run_if_due()
    await cluster.check.run_if_due()
    assert len(cluster.requests) == 1


async def test_cryostats_whose_deletion_the_watch_missed_are_skipped() -> None:
    """A new list of kopf does not report what was deleted since the last one."""
    cluster = Cluster()
    gone = [{"metadata": {"namespace": "n", "name": f"gone{number}"}} for number in range(2 * MAX_ATTEMPTS)]
    cryostats = [*gone[:2], CRYOSTAT, gone[2]]

    async def request(method: str, path: str, **_: Any) -> dict[str, Any]:
        cluster.requests.append({"path": path})
        raise UNREACHABLE if path.endswith("/a") else ApiError(404, "NotFound", "not found")

    cluster.request = request  # type: ignore[method-assign]
    cluster.check._cryostats = lambda: cryostats
    cluster.check._next_check = 0.0
    await cluster.check.run_if_due()
    assert [each["path"].rpartition("/")[2] for each in cluster.requests] == ["gone0", "gone1", "a"]
    assert cluster.metric == [False]
    cryostats[:] = gone
    cluster.check._next_check = 0.0
    await cluster.check.run_if_due()
    assert len(cluster.requests) == 3 + MAX_ATTEMPTS


class Probe:
    """Returns the given results, then the last one again."""

    def __init__(self, *results: bool | None) -> None:
        self.results = list(results)
        self.calls = 0

    async def is_reachable(self) -> bool | None:
        self.calls += 1
        return self.results.pop(0) if len(self.results) > 1 else self.results[0]


async def run(cluster: Cluster, times: int, cryostat: dict[str, Any] | None = None) -> None:
    cluster.check._cryostats = lambda: [cryostat] if cryostat else []
    for _ in range(times):
        cluster.check._next_check = 0.0
        await cluster.check.run_if_due()


def probed(*results: bool | None) -> tuple[Cluster, Probe]:
    cluster, probe = Cluster(), Probe(*results)
    cluster.check._probe = cast(Any, probe)
    return cluster, probe


@pytest.mark.parametrize(("result", "metric"), [(True, [True]), (None, [])])
async def test_without_a_cryostat_one_request_is_enough(result: bool | None, metric: list[bool]) -> None:
    cluster, probe = probed(result)
    await run(cluster, 3)
    assert probe.calls == 1
    assert cluster.requests == []
    assert cluster.metric == metric


async def test_without_a_cryostat_the_second_failure_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    cluster, probe = probed(False, False, False, True)
    with caplog.at_level(logging.INFO):
        await run(cluster, 1)
        assert caplog.messages == []
        await run(cluster, 4)
    assert probe.calls == 4
    assert cluster.metric == [False, False, True]
    assert caplog.messages == [
        "The API server cannot call the webhooks of the operator, so no Cryostat can be created or changed: the "
        "webhooks did not review a Deployment in a dry run. Allow connections from the control plane to port 9443 of "
        "the operator's pods (docs/webhooks.md)",
        "The API server reaches the webhooks again",
    ]
    assert cluster.events == []


async def test_the_event_follows_once_there_is_a_cryostat(caplog: pytest.LogCaptureFixture) -> None:
    cluster, _ = probed(False)
    await run(cluster, 2)
    cluster.error = UNREACHABLE
    await run(cluster, 2, CRYOSTAT)
    assert [reason for reason, _ in cluster.events] == [Reason.WEBHOOK_UNREACHABLE]
    assert len(caplog.messages) == 1


async def test_without_a_probe_nothing_is_sent_without_a_cryostat() -> None:
    cluster = Cluster()
    await run(cluster, 2)
    assert cluster.requests == []
