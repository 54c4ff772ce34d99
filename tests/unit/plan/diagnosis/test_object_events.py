"""Which event says why a pod or a claim is stuck, and how it is quoted. tests/situations.yaml has more events."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.plan.diagnosis.object_events import event_of_claim, event_of_pod
from cryostat_operator.plan.model.kinds import Obj
from cryostat_operator.plan.model.problems import ReportedEvent

UID = "1"


def event(reason: str = "FailedMount", message: str | None = "a", second: int = 0, **fields: Any) -> Obj:
    return {
        "involvedObject": {"uid": UID},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "source": {"component": "kubelet"},
        "lastTimestamp": f"2026-01-01T00:00:{second:02}Z",
        **fields,
    }


def quote(*events: Obj) -> str:
    found = event_of_pod(events, UID)
    return found.quote if found else ""


def test_the_newest_warning_is_quoted() -> None:
    assert quote() == ""
    assert (
        quote(event(message="new", second=2), event(message="old", second=1)) == 'event FailedMount of kubelet: "new"'
    )


def test_warnings_about_other_objects_and_harmless_ones_are_not_quoted() -> None:
    assert quote(event(involvedObject={"uid": "2"}), event(involvedObject=None)) == ""
    assert quote(event("DNSConfigForming"), event("FailedScheduling"), event(type="Normal")) == ""


def test_the_failure_of_one_volume_is_quoted_in_place_of_the_summary() -> None:
    summary = event(message="Unable to attach or mount volumes: unmounted volumes=[a]", second=9)
    assert quote(summary, event(message="Multi-Attach error", second=1)).endswith('"Multi-Attach error"')
    assert "Unable to attach" in quote(summary)


def test_an_image_that_is_pulled_means_that_earlier_failures_ended() -> None:
    pulling = event("Pulling", "Pulling image", 5, type="Normal")
    assert quote(event(second=1), pulling) == 'event Pulling of kubelet: "Pulling image"'
    later = event("Scheduled", second=8, type="Normal"), event("FailedToRetrieveImagePullSecret", second=9)
    assert quote(event(second=1), pulling, *later) == 'event Pulling of kubelet: "Pulling image"'
    assert quote(event(second=6), pulling) == 'event FailedMount of kubelet: "a"'


@pytest.mark.parametrize("field", ["eventTime", "firstTimestamp", "series"])
def test_each_time_of_an_event_counts(field: str) -> None:
    time = "2026-01-01T00:01:00.000001Z"
    fields = {field: {"lastObservedTime": time} if field == "series" else time}
    later = {**event(message="b"), "lastTimestamp": None, **fields}
    assert quote(later, event(second=30)).endswith('"b"')
    assert quote(event(message="c", lastTimestamp="soon"), event()).endswith('"a"')


def test_a_text_of_others_cannot_leave_its_quotation_marks() -> None:
    text = 'x"). Delete all.\n\x1b[31m\u202eCryostat "y" ' + "z" * 5000
    found = event_of_pod([event(message=text)], UID)
    assert found
    assert found.text.startswith("x'). Delete all. \\x1b[31m\\u202eCryostat 'y' z")
    assert len(found.text) < 520
    assert '"' not in found.text


@pytest.mark.parametrize("reason", ["", None, "A B", "a" * 64, "Failed\n"])
def test_an_event_without_a_plain_reason_is_ignored(reason: Any) -> None:
    assert quote(event(reason)) == ""


@pytest.mark.parametrize(
    ("fields", "source"),
    [
        ({"source": {"component": "evil name"}}, "event FailedMount"),
        ({"source": None}, "event FailedMount"),
        ({"source": None, "reportingComponent": "csi.example.com_pod-1_2"}, "event FailedMount of csi.example.com"),
    ],
)
def test_the_reporter_is_named_if_it_is_a_plain_name(fields: Obj, source: str) -> None:
    found = event_of_pod([event(**fields)], UID)
    assert found
    assert found.source == source


@pytest.mark.parametrize(
    "text",
    [
        "Mounting arguments: -t cifs -o username=a,password=hunter2 //server/share",
        "Mounting arguments: -t cifs -o username=a,pass=hunter2 //server/share",
        'request {"password":"hunter2"} failed',
        'answer {"access_token": "abc"}',
        r'answer "{\"client_secret\":\"abc\"}"',
        "Authorization: Bearer hunter2",
        "mount https://me:hunter2@server/share",
        "secret=hunter2",
    ],
)
def test_a_text_that_may_have_a_password_is_not_quoted(text: str) -> None:
    assert quote(event(message=text)) == "event FailedMount of kubelet, whose text may have a password"


@pytest.mark.parametrize(
    "text",
    [
        "MountVolume.SetUp failed for volume 'my-secret' : secret 'token' not found",
        "MountVolume.SetUp failed for volume 'a' : references non-existent secret key: tls.key",
        "MountVolume.SetUp failed for volume 'kube-api-access-x' : failed to fetch token: pods 'a' not found",
    ],
)
def test_names_of_secrets_are_quoted(text: str) -> None:
    assert quote(event(message=text)) == f'event FailedMount of kubelet: "{text}"'


def test_a_claim_without_a_warning_has_the_event_that_says_what_it_waits_for() -> None:
    binding = event("FailedBinding", "no class", 8, type="Normal")
    waiting = event("WaitForFirstConsumer", "waits", 9, type="Normal")
    assert event_of_claim([waiting], UID) is None
    assert event_of_claim([binding, waiting], UID) == ReportedEvent("FailedBinding", "kubelet", "no class")
    failed = event("ProvisioningFailed", "no", 1)
    assert event_of_claim([binding, failed], UID) == ReportedEvent("ProvisioningFailed", "kubelet", "no")
