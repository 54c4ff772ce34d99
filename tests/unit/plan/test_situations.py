"""Each broken situation of tests/situations.yaml is reported with object, cause and remedy."""

from __future__ import annotations

import re

import pytest

from cryostat_operator.plan.model.kinds import Obj
from cryostat_operator.plan.model.reason_groups import COMPONENT_REASONS
from cryostat_operator.plan.model.reasons import Reason
from cryostat_operator.plan.readiness import DEPLOYMENTS
from tests.unit.situations import LATER, never_broken, repaired, reported, situations

PREFIXES = "|".join(DEPLOYMENTS)
# Warnings about something that has no effect, while the instance works.
HARMLESS = {
    "BackupScheduleInvalid",
    "CertificateNotRenewed",
    "ClaimUnchangeable",
    "ExternalHostIgnored",
    "FormerVolumeUnused",
    "HibernationInvalid",
    "IgnoredByRelease",
    "IngressSpecIgnored",
    "LoginFileInvalid",
    "ReplicasScaled",
    "RequestAboveLimit",
    "SecretValueInvalid",
    "SubProcessMaxHeapSizeIgnored",
}
# What the reconciler finds while it writes, and a spec that the CRD refuses; other tests make these.
WITHOUT_A_ROW = {"ApiServerUnavailable", "ChangedByOthers", "InternalError"}


@pytest.mark.parametrize("situation", situations(), ids=lambda situation: situation["name"])
def test_a_situation_is_reported_with_object_cause_and_remedy(situation: Obj) -> None:
    found = reported(situation)
    condition = found.conditions[situation.get("condition", "Ready")]
    assert condition["reason"] == situation["reason"], condition
    for words in situation["says"]:
        assert words in condition["message"], condition["message"]
    if "summary" in situation:
        assert found.summary == situation["summary"]
    events = {f"{'Warning' if each.actionable else 'Normal'} {each.reason}" for each in found.events}
    harmless = {"Normal LoginGenerated"}
    assert events - harmless == ({situation["event"]} if "event" in situation else set())


@pytest.mark.parametrize("situation", situations(), ids=lambda situation: situation["name"])
def test_a_message_can_be_read(situation: Obj) -> None:
    found = reported(situation)
    ready = found.conditions["Ready"]
    if situation.get("event", "").startswith("Warning") and situation["reason"] not in HARMLESS:
        assert ready["status"] == "False"
    message = ready["message"]
    assert not re.search(r"hunter2|me:word|1a2b|rpc error|back-off", message), message
    assert ready["reason"].endswith("PodTerminating") or "6d4b5c7f8" not in message, message
    assert ".." not in message
    assert ": : " not in message


@pytest.mark.parametrize("situation", situations(), ids=lambda situation: situation["name"])
def test_nothing_of_a_situation_remains_after_it_is_repaired(situation: Obj) -> None:
    status, expected = repaired(situation), never_broken(situation)
    ready = status["conditions"][0]
    assert (ready["type"], ready["status"], ready["reason"]) == ("Ready", "True", "AllComponentsAvailable")
    if reported(situation).conditions["Ready"]["status"] != "True":
        assert ready["lastTransitionTime"] == LATER
    for each in (status, expected):
        for condition in each["conditions"]:
            del condition["lastTransitionTime"]
    assert status == expected


def test_names_are_unique_and_reasons_exist() -> None:
    names = [situation["name"] for situation in situations()]
    assert len(set(names)) == len(names) >= 38
    covered = {re.sub(f"^({PREFIXES})(?!Secret|Key|Version)", "", situation["reason"]) for situation in situations()}
    assert {str(reason) for reason in Reason if reason.actionable and reason.condition} - covered == WITHOUT_A_ROW
    for situation in situations():
        reason = re.sub(f"^({PREFIXES})", "", situation["reason"])
        assert reason in COMPONENT_REASONS or situation["reason"] in set(Reason) - COMPONENT_REASONS, situation["name"]
