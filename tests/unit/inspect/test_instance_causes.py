"""The first cause and the next command of broken instances."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from cryostat_operator.inspect.instance_causes import causes
from cryostat_operator.inspect.observed import Observed
from cryostat_operator.plan.model.kinds import Obj
from tests.unit.inspect.instance import DOWN, NOW, READY, condition, cryostat, deployment, lease, owned, pod


def not_ready(reason: str, message: str = "what is wrong") -> Obj:
    return cryostat(condition("Ready", "False", reason, message))


PENDING = owned("PersistentVolumeClaim", "sample-database", spec={}, status={"phase": "Pending"})
UP = {**DOWN, "status": {"readyReplicas": 1}}
DENY = {"metadata": {"name": "deny-all"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}}


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
        Observed(cryostat(), expiries={"here/tls": NOW - 3 * 86400}),
        "CertificateExpired",
        "logs deployment/cryostat-operator",
    ),
    "wrong keys": Case(Observed(not_ready("DatabaseSecretMismatched")), "DatabaseSecretMismatched", "edit cryostat"),
    "a certificate that expired while the Cryostat is paused": Case(
        Observed(cryostat(READY, condition("ReconciliationActive", "False", "Paused")), expiries={"here/tls": NOW - 1}),
        "CertificateExpired",
        "annotate cryostat sample operator.cryostat.io/pause-reconciliation-",
    ),
    "a certificate of cert-manager that expired": Case(
        Observed(
            cryostat(),
            (owned("Certificate", "sample-ca", spec={"secretName": "tls"}),),
            expiries={"here/tls": NOW - 1},
        ),
        "CertificateExpired",
        "kubectl -n here describe certificate sample-ca",
    ),
    "paused": Case(Observed(not_ready("Paused")), "Paused", "operator.cryostat.io/pause-reconciliation-"),
    "hibernated": Case(Observed(not_ready("Hibernated")), "Hibernated", "operator.cryostat.io/hibernation-"),
    "a pod that is not ready": Case(
        Observed(not_ready("MainPodNotReady"), (deployment("", 0),)), "MainPodNotReady", "logs deployment/sample"
    ),
    "a connection that a NetworkPolicy denies": Case(
        Observed(not_ready("MainPodNotReady"), (deployment("", 0),), foreign_policies=(DENY,)),
        "MainPodNotReady",
        "kubectl -n here describe networkpolicies deny-all",
        "NetworkPolicy here/deny-all restricts ingress and egress of pods of this instance",
    ),
    "a container that ends because a NetworkPolicy denies its connection": Case(
        Observed(not_ready("MainContainerCrashed"), (deployment("", 0),), foreign_policies=(DENY,)),
        "MainContainerCrashed",
        "logs deployment/sample --all-containers --previous",
        "NetworkPolicy here/deny-all",
    ),
    "a webhook of the operator that cannot be called": Case(
        Observed(cryostat(), webhook_failure='failed calling webhook "mcryostat.kb.io": timeout'),
        "WebhookUnreachable",
        "kubectl -n cryostat-operator-system get pods,services,endpointslices",
        "a change of it is refused",
    ),
    "a webhook of another operator that cannot be called": Case(
        Observed(cryostat(), webhook_failure='failed calling webhook "all.example.com": timeout'),
        "WebhookUnreachable",
        "kubectl get mutatingwebhookconfigurations,validatingwebhookconfigurations",
    ),
    "an operator that holds no Lease": Case(
        Observed(cryostat(), operators=(UP,), lease=lease(""), lease_is_renewed=False),
        "OperatorNotRunning",
        "kubectl -n ops logs deployment/cryostat-operator-controller",
        "is not reconciled",
    ),
    "an operator that does not renew its Lease": Case(
        Observed(cryostat(), lease=lease(), lease_is_renewed=False), "OperatorNotRunning", "-n ops get pods,events"
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


def test_a_healthy_instance_has_no_cause() -> None:
    assert causes(Observed(cryostat(), expiries={"here/tls": NOW + 1}), NOW) == []


def test_a_condition_with_the_message_of_ready_is_not_repeated() -> None:
    part = condition("ReferencesResolved", "False", "SecretNotFound", "Secret a does not exist")
    ready = {**part, "type": "Ready", "message": "Secret a does not exist. The application is available."}
    found = causes(Observed(cryostat(ready, part)), NOW)
    assert len(found) == 1
    assert "Ready is False" in found[0].chain[0]


def test_parts_that_were_not_observed_are_no_further_causes() -> None:
    ready = condition("Ready", "False", "InvalidSpec", "the spec is invalid")
    parts = [condition(kind, "Unknown", "NotObserved", "not observed") for kind in ("VolumesReady", "Reconciled")]
    assert [cause.reason for cause in causes(Observed(cryostat(ready, *parts)), NOW)] == ["InvalidSpec"]


def test_all_conditions_that_are_false_are_causes() -> None:
    other = condition("Exposed", "False", "RouteRejected", "the host is taken")
    off = condition("AgentsAuthenticated", "False", "TLSDisabled", "no TLS")
    found = causes(Observed(cryostat(not_ready("X")["status"]["conditions"][0], other, off)), NOW)
    assert [cause.reason for cause in found] == ["X", "RouteRejected"]


def test_ready_for_an_older_spec_is_not_ready() -> None:
    assert not Observed(cryostat(READY, observedGeneration=0)).ready


def test_hibernating_components_are_not_further_causes() -> None:
    parts = [condition(kind, "False", "Hibernated", f"{kind} hibernates") for kind in ("Ready", "Exposed")]
    [cause] = causes(Observed(cryostat(*parts)), NOW)
    assert cause.message == "Ready hibernates"


def test_consequences_of_other_causes_are_left_out() -> None:
    volume = condition("VolumesReady", "False", "VolumePending", "is not bound")
    address = condition("Exposed", "False", "ApplicationUnavailable", "does not answer")
    ready = not_ready("DatabaseVolumePending")["status"]["conditions"][0]
    found = causes(Observed(cryostat(ready, volume, address)), NOW)
    assert [cause.reason for cause in found] == ["DatabaseVolumePending"]
    found = causes(Observed(cryostat(not_ready("Paused")["status"]["conditions"][0], volume)), NOW)
    assert [cause.reason for cause in found] == ["Paused", "VolumePending"]
    [only] = causes(Observed(cryostat(address)), NOW)
    assert only.reason == "ApplicationUnavailable"
