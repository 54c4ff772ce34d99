"""States of objects."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.inspect.states import BAD, GOOD, WAITING, state_of

EARLY, LATE = "2026-11-25T03:17:00Z", "2026-11-26T03:17:00Z"


@pytest.mark.parametrize(
    ("status", "suspend", "color", "text"),
    [
        ({}, False, GOOD, "no backup yet"),
        ({"lastScheduleTime": LATE, "active": [{}]}, False, GOOD, "no backup yet"),
        ({"lastScheduleTime": LATE}, False, WAITING, f"no backup yet, the Job of {LATE} failed"),
        ({"lastScheduleTime": EARLY, "lastSuccessfulTime": LATE}, False, GOOD, f"last successful backup {LATE}"),
        (
            {"lastScheduleTime": LATE, "lastSuccessfulTime": EARLY},
            False,
            WAITING,
            f"last successful backup {EARLY}, the Job of {LATE} failed",
        ),
        ({"lastSuccessfulTime": LATE}, True, GOOD, f"last successful backup {LATE}, suspended"),
    ],
)
def test_the_state_of_a_cron_job_has_the_time_of_the_last_backup(
    status: dict[str, Any], suspend: bool, color: str, text: str
) -> None:
    state = state_of(
        {
            "kind": "CronJob",
            "metadata": {"name": "x-backup"},
            "spec": {"schedule": "@daily", "suspend": suspend},
            "status": status,
        }
    )
    assert (state.color, state.text) == (color, f"schedule @daily, {text}")


def admitted(status: str, reason: str = "") -> dict[str, Any]:
    return {"conditions": [{"type": "Admitted", "status": status, "reason": reason}]}


@pytest.mark.parametrize(
    ("ingress", "color", "text"),
    [
        ([], WAITING, "x.example.com, no router has admitted it yet"),
        ([{}], WAITING, "x.example.com, no router has admitted it yet"),
        ([admitted("False", "HostAlreadyClaimed")], BAD, "x.example.com: HostAlreadyClaimed"),
        ([admitted("False", "HostAlreadyClaimed"), admitted("True")], GOOD, "x.example.com, admitted"),
    ],
)
def test_the_state_of_a_route_is_its_admission(ingress: list[Any], color: str, text: str) -> None:
    route = {
        "kind": "Route",
        "metadata": {"name": "x"},
        "spec": {"host": "x.example.com"},
        "status": {"ingress": ingress},
    }
    state = state_of(route)
    assert (state.color, state.text) == (color, text)
