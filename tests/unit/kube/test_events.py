"""There is one Event per cause, identified by the cause's identity, also after a restart of the operator."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from cryostat_operator.kube.client import Client
from cryostat_operator.kube.errors import ApiError
from cryostat_operator.kube.events import MAX_MESSAGE, EventRecorder, event_digest
from cryostat_operator.plan.model.kinds import Obj
from cryostat_operator.plan.model.problems import Problem
from cryostat_operator.plan.model.reasons import Reason

MISSING = Problem("core", Reason.SECRET_NOT_FOUND, "Secret a does not exist.", dedup_key="Secret a")
LOGIN = Problem("auth", Reason.LOGIN_GENERATED, "Secret x-basic-auth holds the login.")
REFUSED = Problem("core", Reason.QUOTA_EXCEEDED, "too much", dedup_key="Deployment x")
COLLISION = Problem("core", Reason.NAME_COLLISION, "taken", dedup_key="Service x")


class Events(Client):
    """A client with the events of one namespace, and a list of requests."""

    def __init__(self) -> None:
        self.objects: dict[str, Obj] = {}
        self.requests: list[str] = []
        self.refuse: ApiError | None = None

    async def request(self, method: str, path: str, *, body: Any = None, **_: Any) -> Obj:
        self.requests.append(method)
        if self.refuse:
            raise self.refuse
        name = body["metadata"]["name"] if method == "POST" else path.rsplit("/", 1)[1]
        if method == "POST":
            if name in self.objects:
                raise ApiError(409, "AlreadyExists", name)
            self.objects[name] = body
        elif name not in self.objects:
            raise ApiError(404, "NotFound", name)
        elif method == "PATCH":
            self.objects[name] |= body
        return self.objects[name]

    def count(self, problem: Problem) -> int:
        return int(self.objects.get(f"x.{event_digest(cryostat(), problem)}", {}).get("count", 0))


def cryostat(*conditions: tuple[str, str, str]) -> Obj:
    """A Cryostat with conditions: type, status, reason."""
    found = [{"type": kind, "status": status, "reason": reason} for kind, status, reason in conditions]
    return {"metadata": {"name": "x", "namespace": "n", "uid": "u"}, "status": {"conditions": found}}


def record(recorder: EventRecorder, body: Obj, *problems: Problem) -> None:
    """Record the events of a run that ends with the write of the status."""
    asyncio.run(recorder.record_all(body, problems))
    recorder.retain(body, problems)


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def restart(events: Events) -> Callable[[], EventRecorder]:
    """Create the event recorder of a new operator process."""
    return lambda: EventRecorder(cast(Client, events))


def test_a_cause_is_recorded_once(events: Events, restart: Callable[[], EventRecorder]) -> None:
    recorder = restart()
    for _ in range(3):
        record(recorder, cryostat(), MISSING)
    assert (events.count(MISSING), events.requests) == (1, ["POST"])


def test_a_repeated_cause_is_counted(events: Events, restart: Callable[[], EventRecorder]) -> None:
    recorder = restart()
    record(recorder, cryostat(), MISSING)
    record(recorder, cryostat())
    record(recorder, cryostat(), MISSING)
    assert events.count(MISSING) == 2


def test_causes_last_until_the_status_was_written(events: Events, restart: Callable[[], EventRecorder]) -> None:
    recorder = restart()
    for _ in range(3):
        asyncio.run(recorder.record_all(cryostat(), [MISSING]))
        asyncio.run(recorder.record_all(cryostat(), [REFUSED]))  # the refusal of the status
    assert (events.count(MISSING), events.count(REFUSED), events.requests) == (1, 1, ["POST", "POST"])
    recorder.retain(cryostat(), [MISSING])
    asyncio.run(recorder.record_all(cryostat(), [MISSING, REFUSED]))
    assert (events.count(MISSING), events.count(REFUSED)) == (1, 2)


def test_another_cryostat_of_the_same_name_has_its_own_causes(
    events: Events, restart: Callable[[], EventRecorder]
) -> None:
    recorder = restart()
    record(recorder, cryostat(), MISSING)
    restored = cryostat(("AuthenticationEnabled", "True", "LoginGenerated"))
    restored["metadata"]["uid"] = "other"
    record(recorder, restored, LOGIN)
    assert events.requests == ["POST"], "its conditions show which causes were recorded"


def test_the_message_does_not_identify_a_cause(events: Events, restart: Callable[[], EventRecorder]) -> None:
    recorder = restart()
    record(recorder, cryostat(), REFUSED)
    record(recorder, cryostat(), Problem("core", Reason.QUOTA_EXCEEDED, "other words", dedup_key="Deployment x"))
    assert events.requests == ["POST"]


def test_another_object_with_similar_words_is_another_cause(
    events: Events, restart: Callable[[], EventRecorder]
) -> None:
    """The text about `Secret ab` contains `Secret a`."""
    body = cryostat(("ReferencesResolved", "False", "SecretNotFound"))
    other = Problem("core", Reason.SECRET_NOT_FOUND, "Secret a", dedup_key="Secret a ")
    body["status"]["conditions"][0]["message"] = "Secret ab does not exist. Secret a"
    record(restart(), body, other)
    assert events.count(other) == 1


def test_a_cause_that_exists_before_and_after_a_restart_is_not_recorded_again(
    events: Events, restart: Callable[[], EventRecorder]
) -> None:
    record(restart(), cryostat(), REFUSED, COLLISION)
    events.requests.clear()
    # The condition has only the first reason.
    record(restart(), cryostat(("Reconciled", "False", "QuotaExceeded")), REFUSED, COLLISION)
    assert events.requests == ["GET", "GET"]
    assert (events.count(REFUSED), events.count(COLLISION)) == (1, 1)


def test_a_cause_that_began_while_the_operator_was_down_is_recorded(
    events: Events, restart: Callable[[], EventRecorder]
) -> None:
    record(restart(), cryostat(("Reconciled", "False", "QuotaExceeded")), COLLISION)
    assert events.count(COLLISION) == 1


def test_a_cause_that_returned_while_the_operator_was_down_is_counted(
    events: Events, restart: Callable[[], EventRecorder]
) -> None:
    record(restart(), cryostat(), MISSING)
    record(restart(), cryostat(("Ready", "True", "AllComponentsAvailable")), MISSING)
    assert events.count(MISSING) == 2


def test_a_generated_login_causes_no_request_after_a_restart(
    events: Events, restart: Callable[[], EventRecorder]
) -> None:
    record(restart(), cryostat(("AuthenticationEnabled", "True", "LoginGenerated")), LOGIN)
    assert events.requests == []


def test_problems_in_the_message_of_another_event_have_no_event(
    events: Events, restart: Callable[[], EventRecorder]
) -> None:
    recorder = restart()
    record(recorder, cryostat(), Problem("core", Reason.CONFIGMAP_NOT_FOUND, "both", included=(MISSING,)))
    record(recorder, cryostat(), MISSING)
    assert events.requests == ["POST"]


@pytest.mark.parametrize(("status", "again"), [(500, True), (403, False)])
def test_a_failed_event_is_retried(
    events: Events, restart: Callable[[], EventRecorder], status: int, again: bool
) -> None:
    recorder = restart()
    events.refuse = ApiError(status, "Failed", "no")
    record(recorder, cryostat(), MISSING)
    events.refuse = None
    record(recorder, cryostat(), MISSING)
    assert events.count(MISSING) == int(again)


def test_type_and_reason_of_an_event(events: Events, restart: Callable[[], EventRecorder]) -> None:
    record(restart(), cryostat(), MISSING, LOGIN)
    found = {event["reason"]: event["type"] for event in events.objects.values()}
    assert found == {"SecretNotFound": "Warning", "LoginGenerated": "Normal"}


def test_a_recurring_failure_of_pods_is_one_event(events: Events) -> None:
    now = [0.0]
    recorder = EventRecorder(cast(Client, events), lambda: now[0])
    crash = Problem("database", Reason.CONTAINER_CRASHED, "exit code 1", dedup_key="x-database x-db")
    killed = Problem("database", Reason.OUT_OF_MEMORY, "killed", dedup_key="x-database x-db")
    for problems in ([crash], [killed], [crash], [], [killed]):
        now[0] += 300
        record(recorder, cryostat(), *problems)
    assert (events.count(crash), events.count(killed), events.requests) == (1, 1, ["POST", "POST"])
    record(recorder, cryostat())
    now[0] += 3_601
    record(recorder, cryostat(), crash)
    assert events.count(crash) == 2


def test_a_failed_event_about_pods_is_retried(events: Events) -> None:
    recorder = EventRecorder(cast(Client, events))
    crash = Problem("database", Reason.CONTAINER_CRASHED, "exit code 1", dedup_key="x-database x-db")
    events.refuse = ApiError(500, "Failed", "no")
    record(recorder, cryostat(), crash)
    events.refuse = None
    record(recorder, cryostat(), crash)
    assert events.count(crash) == 1


def test_a_pause_causes_no_request_after_a_restart(events: Events, restart: Callable[[], EventRecorder]) -> None:
    pause = Problem("core", Reason.PAUSED, "paused", dedup_key="Paused")
    record(restart(), cryostat(("Ready", "False", "Paused")), pause)
    assert events.requests == []


def test_a_failure_of_pods_before_and_after_a_restart_is_not_recorded_again(
    events: Events, restart: Callable[[], EventRecorder]
) -> None:
    crash = Problem("database", Reason.CONTAINER_CRASHED, "exit code 1", dedup_key="x-database x-db")
    record(restart(), cryostat(), crash)
    record(restart(), cryostat(("Ready", "False", "DatabaseContainerCrashed")), crash)
    assert events.count(crash) == 1


def test_an_event_with_once_is_recorded_once_per_process(events: Events, restart: Callable[[], EventRecorder]) -> None:
    recorder = restart()
    for _ in range(2):
        asyncio.run(recorder.record_once(cryostat(), COLLISION))
    assert events.requests == ["POST"]


def test_requests_that_fail_are_logged_with_the_event(events: Events, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    body, path = cryostat(), f"/api/v1/namespaces/n/events/x.{event_digest(cryostat(), MISSING)}"

    async def request(method: str, *_: object, **__: object) -> Obj:
        raise ApiError(409, "AlreadyExists", "exists") if method == "POST" else ApiError(403, "Forbidden", "no")

    events.refuse = ApiError(403, "Forbidden", "no")
    record(EventRecorder(cast(Client, events)), cryostat(("Ready", "False", "SecretNotFound")), MISSING)
    assert caplog.messages == ["Event SecretNotFound cannot be read: no", "Event SecretNotFound cannot be recorded: no"]
    caplog.clear()
    events.request = request  # type: ignore[method-assign]
    asyncio.run(EventRecorder(cast(Client, events)).record(body, MISSING))
    assert caplog.messages == [f"The count of event {path} cannot be increased: no"]


async def test_a_message_is_one_line_without_control_characters() -> None:
    events = Events()
    recorder = EventRecorder(cast(Client, events))
    await recorder.record(cryostat(), Problem("core", Reason.AGENT_NOT_ADDED, "Pods of Job a\nb\x1b[2J" + "c" * 5000))
    [event] = events.objects.values()
    assert event["message"].startswith("Pods of Job a b\\x1b[2Jccc")
    assert len(event["message"]) == MAX_MESSAGE
