"""Conditions about parts of an instance are True only for what was observed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cryostat_operator.plan.model.kinds import KINDS, Key, Obj
from cryostat_operator.plan.model.problems import Problem
from cryostat_operator.plan.model.reasons import Reason
from cryostat_operator.plan.model.snapshot import Snapshot
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import NAMESPACE, ClusterState, cryostat, settled
from tests.unit.plan.reported import condition, summary

AVAILABLE = {"conditions": [{"type": "Available", "status": "True"}]}
CLAIM = Key("PersistentVolumeClaim", NAMESPACE, "sample-database")
APPLICATION = Key("Deployment", NAMESPACE, "sample")
INGRESS = {"networkOptions": {"coreConfig": {"ingressSpec": {"rules": [{"host": "jfr.example.com"}]}}}}
EMPTY_DIR = {"emptyDir": {"enabled": True}}


def without(state: ClusterState, key: Key) -> ClusterState:
    state.snapshot = replace(state.snapshot, live={k: v for k, v in state.snapshot.live.items() if k != key})
    return state


def test_a_copied_condition_that_is_false_refers_to_the_cause() -> None:
    state = settled()
    copied = {"type": "Available", "status": "False", "reason": "x", "message": "Deployment has few pods."}
    state.with_live({**state.snapshot.live[APPLICATION], "status": {"conditions": [copied]}})
    found = condition(state, "MainDeploymentAvailable")
    assert (found["reason"], found["message"]) == (
        "x",
        "Deployment has few pods. See ComponentsAvailable for the cause.",
    )
    copied = {"type": "Available", "status": "True", "reason": "x", "message": "Deployment has pods."}
    state.with_live({**state.snapshot.live[APPLICATION], "status": {"conditions": [copied]}})
    assert condition(state, "MainDeploymentAvailable")["message"] == "Deployment has pods."


def test_claims_are_as_requested_once_they_are_bound() -> None:
    state = settled()
    assert condition(state, "VolumesReady") == {}
    state.with_live({**state.snapshot.live[CLAIM], "status": {"phase": "Pending"}})
    found = condition(state, "VolumesReady")
    assert summary(found) == ("False", "VolumePending")
    assert "PersistentVolumeClaim sample-database is not bound" in found["message"]
    assert "sample-storage" not in found["message"]


def test_a_claim_that_does_not_exist_is_not_as_requested() -> None:
    state = without(settled(), CLAIM)
    assert summary(condition(state, "VolumesReady")) == ("False", "VolumePending")
    refused = Problem("database", Reason.QUOTA_EXCEEDED, f"{CLAIM} cannot be created: too many.", dedup_key=str(CLAIM))
    found = condition(state, "VolumesReady", refused)
    assert summary(found) == ("False", "QuotaExceeded")
    assert found["message"] == refused.message


def test_a_claim_that_waits_for_its_keys_says_so() -> None:
    found = condition(ClusterState(cryostat()).without_data("Secret", "sample-db"), "VolumesReady")
    assert summary(found) == ("False", "SecretPending")
    assert "PersistentVolumeClaim sample-database does not exist yet" in found["message"]


def test_an_instance_without_claims_has_no_condition_about_them() -> None:
    spec = {"storageOptions": {"database": EMPTY_DIR, "objectStorage": EMPTY_DIR}}
    assert condition(settled(spec), "VolumesReady") == {}
    provider = {"url": "https://s3", "region": "r"}
    external = {
        "storageOptions": {"database": EMPTY_DIR},
        "objectStorageOptions": {"provider": provider, "secretName": "s"},
    }
    assert condition(settled(external), "VolumesReady") == {}


def test_an_address_without_a_pod_is_not_exposed() -> None:
    state = settled(INGRESS)
    found = condition(state, "Exposed")
    assert summary(found) == ("False", "ApplicationUnavailable")
    assert found["message"] == (
        "http://jfr.example.com does not answer: Deployment sample has no pod that serves. "
        "See Ready and ComponentsAvailable for the cause."
    )
    state.with_live({**state.snapshot.live[APPLICATION], "status": AVAILABLE})
    assert summary(condition(state, "Exposed")) == ("Unknown", "AddressNotReported")
    ingress = state.snapshot.live[Key("Ingress", NAMESPACE, "sample")]
    state.with_live({**ingress, "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}})
    assert summary(condition(state, "Exposed")) == ("True", "AddressAssigned")
    assert condition(settled(), "Exposed") == {}


def test_a_paused_cryostat_is_reconciled_only_if_nothing_differs() -> None:
    state = settled()
    assert condition(state, "Reconciled", paused=True) == {}
    found = condition(state, "Reconciled", paused=True, differing=[APPLICATION, CLAIM])
    assert summary(found) == ("False", "Paused")
    assert found["message"] == (
        f"{APPLICATION} and 1 more objects differ from the spec. "
        "While the reconciliation is paused, the operator does not change that."
    )


def test_certificates_that_the_operator_has_not_issued_yet() -> None:
    served = Snapshot(apis=frozenset(KINDS) - {"Certificate", "Issuer"})
    new = ClusterState(cryostat(), settings=Settings(service_tls=True), snapshot=served)
    found = condition(new.with_data("Secret", "sample-keystore", "KEYSTORE_PASS"), "TLSSetupComplete")
    assert summary(found) == ("False", "WaitingForCertificate")
    assert found["message"].startswith("The certificates in Secrets ")
    assert found["message"].endswith(" have not been issued yet.")
    found = condition(new.settle(), "TLSSetupComplete")
    assert (found["status"], found["message"]) == (
        "True",
        "Certificates are issued by the operator's own authority. "
        "The agent gateway accepts only agents that present one of them.",
    )


def test_a_refused_write_of_a_certificate_is_in_the_condition_about_tls() -> None:
    state = settled({"enableCertManager": True})
    assert condition(state, "TLSSetupComplete")["status"] == "True"
    assert condition(state, "TLSSetupComplete")["message"].startswith("Certificates are issued by cert-manager. ")
    refused = Problem("tls", Reason.QUOTA_EXCEEDED, "too many Secrets.")
    assert summary(condition(state, "TLSSetupComplete", refused)) == ("False", "QuotaExceeded")
    other = Problem("core", Reason.QUOTA_EXCEEDED, "too many Secrets.")
    assert condition(state, "TLSSetupComplete", other)["status"] == "True"


def test_secrets_that_only_the_ingress_controller_reads_are_named_as_not_checked() -> None:
    spec = {"tls": [{"secretName": "web-tls"}, {"hosts": ["a.example.com"]}], "rules": [{"host": "a.example.com"}]}
    options = {"networkOptions": {"coreConfig": {"ingressSpec": spec}}}
    assert exposed(options)["message"].endswith(
        ". Secret web-tls of ingressSpec.tls is not checked, because only the Ingress controller reads it."
    )
    spec["tls"] = [{"secretName": "web-tls"}, {"secretName": "other-tls"}]
    assert exposed(options)["message"].endswith(
        " Secrets web-tls and other-tls of ingressSpec.tls are not checked, because only the Ingress controller reads "
        "them."
    )
    assert "not checked" not in exposed(options, openshift=True)["message"]


def test_with_another_problem_of_the_ingress_the_note_about_secrets_waits() -> None:
    backend = {"service": {"name": "other", "port": {"number": 80}}}
    rule = {"host": "a.example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    spec = {"tls": [{"secretName": "web-tls"}], "rules": [rule]}
    message = exposed({"networkOptions": {"coreConfig": {"ingressSpec": spec}}})["message"]
    assert message.endswith(
        " The Ingress also has no address: check that a default IngressClass exists and that its controller runs."
    )
    assert "web-tls" not in message


def exposed(spec: dict[str, Any], **options: Any) -> Obj:
    state = settled(spec, **options)
    state.with_live({**state.snapshot.live[APPLICATION], "status": AVAILABLE})
    return condition(state, "Exposed")
