"""The check whether the API server can call the webhooks: a dry-run write, reported once per change."""

from __future__ import annotations

import logging
from typing import Any, cast

import pytest

from cryostat_operator.kube.errors import ApiError
from cryostat_operator.plan.model.reasons import Reason
from cryostat_operator.webhooks.reachability import ANNOTATION, ReachabilityCheck

CRYOSTAT = {"metadata": {"name": "a", "namespace": "n"}}
UNREACHABLE = ApiError(500, "InternalError", 'failed calling webhook "mcryostat.kb.io": timeout')


class Cluster:
    """Records requests, events and metric values."""

    def __init__(self) -> None:
        self.error: ApiError | None = None
        self.requests: list[dict[str, Any]] = []
        self.events: list[tuple[str, str]] = []
        self.metric: list[bool] = []
        self.check = ReachabilityCheck(self, lambda: CRYOSTAT, self.record, self.metric.append)  # type: ignore[arg-type]

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
        ". Allow connections from the control plane to port 9443 of the operator's pods (docs/admission.md)"
    )
    assert cluster.metric == [False, False, True]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert caplog.messages == [message, "The API server reaches the webhooks again"]


async def test_an_event_that_is_refused_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def refuse(*_: object) -> None:
        raise ApiError(403, "Forbidden", "no access")

    cluster = Cluster()
    cluster.error = UNREACHABLE
    check = ReachabilityCheck(cast(Any, cluster), lambda: CRYOSTAT, refuse, cluster.metric.append)
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


async def test_not_before_it_is_due() -> None:
    cluster = Cluster()
    await cluster.check.run_if_due()
    assert cluster.requests == []
    cluster.check._next_check = 0.0
    await cluster.check.run_if_due()
    await cluster.check.run_if_due()
    assert len(cluster.requests) == 1
