"""One broken instance each: the first cause and the next command."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from cryostat_operator.inspect.causes import causes
from cryostat_operator.inspect.observed import Observed
from cryostat_operator.plan.model.kinds import Obj
from tests.unit.inspect.instance import NOW, READY, condition, cryostat, deployment, owned, pod


def not_ready(reason: str, message: str = "what is wrong") -> Obj:
    return cryostat(condition("Ready", "False", reason, message))


PENDING = owned("PersistentVolumeClaim", "sample-database", spec={}, status={"phase": "Pending"})
DOWN = {"metadata": {"name": "cryostat-operator-controller", "namespace": "ops"}, "status": {}}


class Case(NamedTuple):
    observed: Observed
    reason: str
    command: str
    chain: str = ""


CASES = {
    "a Secret is missing": Case(Observed(not_ready("SecretNotFound")), "SecretNotFound", "get secrets"),
    "a bad namespace": Case(Observed(not_ready("NamespaceNotFound")), "NamespaceNotFound", "get namespaces"),
    "the Route is taken": Case(Observed(not_ready("RouteRejected")), "RouteRejected", "get routes"),
    "a quota": Case(Observed(not_ready("QuotaExceeded")), "QuotaExceeded", "describe resourcequota"),
    "a claim without volume": Case(
        Observed(not_ready("DatabaseVolumePending"), (deployment("-database", 0), PENDING)),
        "DatabaseVolumePending",
        "describe persistentvolumeclaim sample-database",
        "PersistentVolumeClaim sample-database: Pending",
    ),
    "an image that cannot be pulled": Case(
        Observed(
            not_ready("MainImagePullFailed"),
            (deployment("", 0),),
            (pod("cryostat", "ImagePullBackOff", "manifest unknown"), pod("database", "ErrImagePull", "other")),
        ),
        "MainImagePullFailed",
        "describe pods -l app=sample",
        "manifest unknown",
    ),
    "a certificate that expired": Case(
        Observed(cryostat(), expiries={"here/tls": NOW - 3 * 86400}), "CertificateExpired", "describe secret tls"
    ),
    "wrong keys": Case(Observed(not_ready("DatabaseSecretMismatched")), "DatabaseSecretMismatched", "edit cryostat"),
    "paused": Case(Observed(not_ready("Paused")), "Paused", "operator.cryostat.io/pause-reconciliation-"),
    "hibernated": Case(Observed(not_ready("Hibernated")), "Hibernated", "operator.cryostat.io/hibernation-"),
    "a connection that a NetworkPolicy denies": Case(
        Observed(not_ready("MainPodNotReady"), (deployment("", 0),)), "MainPodNotReady", "logs deployment/sample"
    ),
    "no operator": Case(Observed(cryostat(), operators=(DOWN,)), "OperatorNotRunning", "-n ops get pods"),
    "no operator has processed it": Case(
        Observed(cryostat(condition("Ready", "Unknown", "WaitingForOperator", "no operator"))),
        "WaitingForOperator",
        "kubectl -n cryostat-operator-system get pods,events",
        "Ready is Unknown",
    ),
    "no status": Case(Observed({**cryostat(), "status": {}}), "NoStatus", "get pods"),
    "an old status": Case(Observed(cryostat(observedGeneration=0)), "StatusOutdated", "get pods"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_first_cause_names_the_next_command(case: Case) -> None:
    first = causes(case.observed, NOW)[0]
    assert first.reason == case.reason
    assert case.command in first.command
    assert "{" not in first.command
    assert any(case.chain in step for step in first.chain) or not case.chain


def test_pods_of_other_components_are_not_in_the_chain() -> None:
    [first] = causes(CASES["an image that cannot be pulled"].observed, NOW)
    assert not any("database" in step for step in first.chain)


def test_an_instance_that_is_well_has_no_cause() -> None:
    assert causes(Observed(cryostat(), expiries={"here/tls": NOW + 1}), NOW) == []


def test_a_part_that_says_the_same_as_ready_is_not_repeated() -> None:
    part = condition("ReferencesResolved", "False", "SecretNotFound", "Secret a does not exist")
    ready = {**part, "type": "Ready", "message": "Secret a does not exist. The application is available."}
    found = causes(Observed(cryostat(ready, part)), NOW)
    assert len(found) == 1
    assert "Ready is False" in found[0].chain[0]


def test_parts_that_were_not_observed_are_no_further_causes() -> None:
    ready = condition("Ready", "False", "InvalidSpec", "the spec is invalid")
    parts = [condition(kind, "Unknown", "NotObserved", "not observed") for kind in ("VolumesReady", "Reconciled")]
    assert [cause.reason for cause in causes(Observed(cryostat(ready, *parts)), NOW)] == ["InvalidSpec"]


def test_all_parts_that_are_false_are_causes() -> None:
    other = condition("Exposed", "False", "RouteRejected", "the host is taken")
    off = condition("AgentsAuthenticated", "False", "TLSDisabled", "no TLS")
    found = causes(Observed(cryostat(not_ready("X")["status"]["conditions"][0], other, off)), NOW)
    assert [cause.reason for cause in found] == ["X", "RouteRejected"]


def test_ready_for_an_older_spec_is_not_ready() -> None:
    assert not Observed(cryostat(READY, observedGeneration=0)).ready


def test_parts_that_hibernate_are_no_further_causes() -> None:
    parts = [condition(kind, "False", "Hibernated", f"{kind} hibernates") for kind in ("Ready", "Exposed")]
    [cause] = causes(Observed(cryostat(*parts)), NOW)
    assert cause.message == "Ready hibernates"
