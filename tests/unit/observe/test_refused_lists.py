"""A refusal is reported only when it lasts, and no longer than it lasts."""

from __future__ import annotations

import asyncio
import logging

import pytest

from cryostat_operator.kube.errors import ApiError
from cryostat_operator.observe import refused_lists
from cryostat_operator.observe.refused_lists import CHECKS, LATER_CHECKS, RefusedLists

DENIED = ApiError(403, "Forbidden", "cannot list pods")


class Checks:
    """The refusals that the checks find one after the other; the last one is found for ever."""

    def __init__(self, *found: ApiError | None) -> None:
        self.found = list(found)
        self.changes: list[ApiError | None] = []
        self.lists = RefusedLists(self.current, lambda: self.changes.append(self.lists.lasting))

    def current(self) -> ApiError | None:
        return self.found.pop(0) if len(self.found) > 1 else self.found[0]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(refused_lists, "CHECK_SECONDS", 0.0)
    caplog.set_level(logging.INFO)


async def listed() -> None:
    """First lists that are complete."""


async def test_the_first_lists_are_not_waited_for_while_one_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    endless = asyncio.create_task(asyncio.Event().wait())
    checks = Checks(*[DENIED] * (CHECKS - 1), None, DENIED)
    await checks.lists.wait_for(endless)  # type: ignore[arg-type]
    assert len(checks.found) == 1, "a check that finds no refusal begins the count again"
    assert checks.lists.lasting is None
    assert caplog.messages == [
        "No Cryostat is reconciled, because a list or watch was refused: cannot list pods. "
        "Apply the roles of the operator again (manifests/), or install the operator again with OLM"
    ]
    endless.cancel()


async def test_complete_first_lists_end_the_wait(caplog: pytest.LogCaptureFixture) -> None:
    first = asyncio.create_task(listed())
    await Checks(DENIED).lists.wait_for(first)
    assert caplog.messages == []


async def test_a_later_refusal_is_reported_when_it_lasts_and_until_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    short = [DENIED] * (LATER_CHECKS - 1)
    lasting = [DENIED] * (LATER_CHECKS + 5)
    checks = Checks(*short, None, *lasting, None)
    task = asyncio.create_task(checks.lists.run(asyncio.create_task(listed())))
    async with asyncio.timeout(60):
        while len(checks.changes) < 2:
            await asyncio.sleep(0)
    assert checks.changes == [DENIED, None]
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]
    assert caplog.messages[1] == "All lists and watches are allowed again"
    task.cancel()


async def test_first_lists_that_fail_end_the_checks() -> None:
    async def fail() -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        await Checks(DENIED).lists.run(asyncio.create_task(fail()))
