"""Issuers and Certificates for cert-manager, and the Secrets that it writes."""

from __future__ import annotations

import copy
from dataclasses import replace

from cryostat_operator.plan.diff.comparison import differences
from cryostat_operator.plan.diff.plan_diff import diff
from cryostat_operator.plan.model.kinds import Key
from cryostat_operator.plan.model.snapshot import ContentSummary
from cryostat_operator.plan.tls import cert_manager
from tests.unit.cluster_state import NAME, NAMESPACE, find, names_of
from tests.unit.plan.tls.states import CA, UID, WITH, certificate, state, tls_reason, with_uid


def test_unavailable_cert_manager_blocks_only_objects_that_need_certificates() -> None:
    blocked = state(True).settle()
    assert names_of(blocked.plan, "Deployment") == set()
    assert len(names_of(blocked.plan, "Service")) == 5
    assert tls_reason(blocked) == ("False", "CertManagerUnavailable")
    assert [p.reason for p in blocked.plan.problems if p.actionable] == ["CertManagerUnavailable"]


def test_the_authority_comes_first() -> None:
    asked = state(True, apis=WITH).without_data("Secret", CA.name).plan
    assert names_of(asked, "Issuer") == {f"{NAME}-self-signed"}
    assert names_of(asked, "Certificate") == {f"{NAME}-ca"}
    assert len(names_of(state(True, apis=WITH).settle().plan, "Certificate")) == 7


def test_secrets_are_looked_up_before_cert_manager_would_overwrite_them() -> None:
    unknown = state(True, apis=WITH)
    assert names_of(unknown.plan, "Certificate") == set()
    theirs = {("Secret", CA.name): ContentSummary(frozenset({"key"}), "d", certificate="")}
    unknown.snapshot = replace(unknown.snapshot, data={**unknown.snapshot.data, **theirs})
    assert names_of(unknown.plan, "Certificate") == set()
    assert unknown.plan.blocked[CA].problem.reason == "NameCollision"
    content = {("Secret", CA.name): ContentSummary(frozenset({"key"}), "d", certificate=f"{NAME}-ca")}
    unknown.snapshot = replace(unknown.snapshot, data={**unknown.snapshot.data, **content})
    assert names_of(unknown.plan, "Certificate") == {f"{NAME}-ca"}


def test_certificates_own_their_secrets_once_all_are_there() -> None:
    settled = state(True, apis=WITH).settle()
    secrets = [obj for key, obj in settled.plan.objects.items() if key in settled.snapshot.certificates]
    assert all(obj["metadata"].get("ownerReferences") for obj in secrets)
    live = {key: obj for key, obj in settled.snapshot.live.items() if key != certificate(settled)}
    settled.snapshot = replace(settled.snapshot, live=live)
    some = [obj for key, obj in settled.plan.objects.items() if key in settled.snapshot.certificates]
    assert len(some) == len(secrets) - 1
    assert not any(obj["metadata"].get("ownerReferences") for obj in some)


def test_an_owner_reference_that_cert_manager_set_stays() -> None:
    settled = state(True, apis=WITH).settle()
    secret = certificate(settled)
    [reference] = find(settled.plan, "Secret", secret.name)["metadata"]["ownerReferences"]
    theirs = {**reference, "blockOwnerDeletion": True}
    for present, expected in (([theirs], theirs), ([{**theirs, "uid": "former"}], reference), ([], reference)):
        settled.snapshot.live[secret]["metadata"]["ownerReferences"] = present
        assert find(settled.plan, "Secret", secret.name)["metadata"]["ownerReferences"] == [expected]


def test_additions_of_others_to_a_certificate_are_no_difference() -> None:
    planned_certificate = find(state(True, apis=WITH).settle().plan, "Certificate", NAME)
    live = copy.deepcopy(planned_certificate)
    live["spec"] |= {"duration": "2160h", "privateKey": {"algorithm": "RSA"}}
    live["spec"]["dnsNames"].reverse()
    assert differences(planned_certificate, live) == []
    del live["spec"]["keystores"]["pkcs12"]["profile"]  # unknown to old releases
    assert differences(planned_certificate, live) == []
    live["spec"]["dnsNames"].append("other")
    assert differences(planned_certificate, live) == ["spec.dnsNames"]


def test_certificates_of_a_lost_authority_are_discarded() -> None:
    settled = state(True, apis=WITH).settle()
    settled.with_certificates({CA: replace(settled.snapshot.certificates[CA], key_id="another")})
    settled.snapshot = replace(
        settled.snapshot, live={key: with_uid(obj) for key, obj in settled.snapshot.live.items()}
    )
    deleted = {action.key for action in diff(settled.plan, settled.snapshot, UID).changes if action.verb == "delete"}
    assert len(deleted) == 6
    assert CA not in deleted


def test_objects_of_another_issuer_are_deleted_before_cert_manager_issues() -> None:
    settled = state().settle()
    settled.snapshot = replace(
        settled.snapshot, apis=WITH, live={k: with_uid(o) for k, o in settled.snapshot.live.items()}
    )
    plan = settled.plan
    assert names_of(plan, "Certificate") == set()
    delete = {key for part in plan.components for key in part.delete}
    assert {key.name for key in delete} == {key.name for key in settled.snapshot.certificates}
    assert Key("Deployment", NAMESPACE, NAME) in plan.blocked


def test_the_authority_keeps_its_key_and_signs_all_other_certificates() -> None:
    plan = state(True, apis=WITH).settle().plan
    ca = find(plan, "Certificate", f"{NAME}-ca")["spec"]
    assert (ca["isCA"], ca["privateKey"], ca["secretName"]) == (True, {"rotationPolicy": "Never"}, CA.name)
    assert find(plan, "Issuer", ca["issuerRef"]["name"])["spec"] == {"selfSigned": {}}
    for name in names_of(plan, "Certificate") - {f"{NAME}-ca"}:
        issuer = find(plan, "Issuer", find(plan, "Certificate", name)["spec"]["issuerRef"]["name"])
        assert issuer["spec"] == {"ca": {"secretName": CA.name}}, name


def test_only_the_application_has_a_keystore() -> None:
    plan = state(True, apis=WITH).settle().plan
    specs = {name: find(plan, "Certificate", name)["spec"] for name in names_of(plan, "Certificate")}
    assert [name for name, spec in specs.items() if "keystores" in spec] == [NAME]
    assert specs[NAME]["keystores"]["pkcs12"]["passwordSecretRef"]["name"] == f"{NAME}-keystore"


def test_the_problem_of_a_cluster_without_cert_manager_names_the_field() -> None:
    assert cert_manager.unavailable().message == (
        "cert-manager is not installed. spec.enableCertManager: true requires it. Install it, or remove the field: "
        "the operator then issues certificates itself."
    )
