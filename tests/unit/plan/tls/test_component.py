"""The certificates of both issuers, what they wait for, and which pods restart after a renewal."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.assumed import assumed_certificate
from cryostat_operator.plan.diff.plan_diff import diff
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.certificates import CertificateInfo
from cryostat_operator.plan.model.desired_state import Plan
from cryostat_operator.plan.model.kinds import Key, Obj
from cryostat_operator.plan.model.requests import CertificateRequest, CopyRequest
from cryostat_operator.plan.model.snapshot import NamespaceState
from cryostat_operator.plan.tls.checks import copy_differs, reissue_reason
from tests.unit.cluster_state import NAME, NAMESPACE, find, names_of
from tests.unit.plan.tls.states import CA, UID, WITH, certificate, state, tls_reason, with_uid


def test_without_tls_there_are_no_certificates_and_issuers() -> None:
    settled = state(False).settle()
    assert not any("tls" in name or name.startswith("cryostat-ca") for name in names_of(settled.plan, "Secret"))
    assert tls_reason(settled) == ("True", "CertManagerDisabled")


def test_both_issuers_fill_the_same_secrets() -> None:
    built_in, asked = state().settle(), state(True, apis=WITH).settle()
    assert tls_reason(built_in) == tls_reason(asked) == ("True", "AllCertificatesReady")
    assert names_of(built_in.plan, "Secret") == names_of(asked.plan, "Secret")
    requested = {
        key: request.keys for key, request in built_in.plan.requests.items() if isinstance(request, CertificateRequest)
    }
    assert {key: fact.keys for key, fact in asked.snapshot.certificates.items()} == requested


def test_a_settled_instance_needs_no_writes() -> None:
    for settled in (state(targets=("a", NAMESPACE)).settle(), state(True, apis=WITH, targets=("a",)).settle()):
        live = {key: with_uid(obj) for key, obj in settled.snapshot.live.items()}
        settled.snapshot = replace(settled.snapshot, live=live)
        for obj in live.values():
            for reference in obj["metadata"].get("ownerReferences", ()):
                if reference["kind"] == "Certificate":
                    reference["uid"] = "u"
        actions = diff(settled.plan, settled.snapshot, UID).changes
        assert [action for action in actions if action.key.kind not in ("ConfigMap", "Deployment")] == []


# --- target namespaces ---


def test_other_namespaces_get_copies_and_their_own_certificate() -> None:
    plan = state(targets=(NAMESPACE, "apps")).settle().plan
    agent = names.agent_certificate(NAMESPACE, NAME, "apps")
    copies = {request.key: request for request in plan.requests.values() if isinstance(request, CopyRequest)}
    assert {(key.namespace, key.name) for key in copies} == {("apps", CA.name), ("apps", agent)}
    assert dict(copies[Key("Secret", "apps", CA.name)].values) == {"tls.crt": "ca.crt"}
    request = plan.requests[Key("Secret", NAMESPACE, agent)]
    assert isinstance(request, CertificateRequest)
    assert request.dns_names == (f"*.{names.agent_callback_service(NAMESPACE, NAME)}.apps.svc",)
    assert request.rsa
    assert find(plan, "Secret", agent, "apps")["metadata"]["labels"] == {
        constants.LABEL_NAME: NAME,
        constants.LABEL_NAMESPACE: NAMESPACE,
    }


def test_copies_of_a_former_target_are_deleted() -> None:
    settled = state(targets=(NAMESPACE, "apps")).settle()
    copy_of_agent = Key("Secret", "apps", names.agent_certificate(NAMESPACE, NAME, "apps"))
    settled.snapshot = replace(
        settled.snapshot, live={key: with_uid(obj) for key, obj in settled.snapshot.live.items()}
    )
    settled.with_spec({"targetNamespaces": [NAMESPACE]})
    deleted = {action.key for action in diff(settled.plan, settled.snapshot, UID).changes if action.verb == "delete"}
    source = replace_namespace(copy_of_agent, NAMESPACE)
    assert deleted >= {copy_of_agent, source, Key("Secret", "apps", CA.name)}


def replace_namespace(key: Key, namespace: str) -> Key:
    return Key(key.kind, namespace, key.name)


def test_a_terminating_target_namespace_blocks_nothing() -> None:
    settled = state(targets=(NAMESPACE, "apps"))
    settled.snapshot = replace(
        settled.snapshot, namespaces={**settled.snapshot.namespaces, "apps": NamespaceState(True)}
    )
    plan = settled.settle().plan
    assert Key("Secret", "apps", CA.name) in plan.blocked
    assert NAME in names_of(plan, "Deployment")


# --- unsuitable certificates ---


REQUEST = CertificateRequest(certificate(state()), "cryostat-db", ("a", "b"), frozenset({"server auth"}), CA)


def known(**changes: object) -> dict[Key, CertificateInfo]:
    authority = assumed_certificate(CertificateRequest(CA, "cryostat-ca"), {})
    snapshot = {CA: authority}
    return {**snapshot, REQUEST.key: replace(assumed_certificate(REQUEST, snapshot), **changes)}  # type: ignore[arg-type]


def test_a_certificate_as_requested_is_not_changed() -> None:
    assert reissue_reason(REQUEST, known(), None) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"keys": frozenset({"tls.crt", "tls.key"})},
        {"key_matches": False},
        {"renewal_due": True},
        {"common_name": "other"},
        {"dns_names": frozenset({"a"})},
        {"usages": frozenset({"server auth", "client auth"})},
        {"rsa": True},
        {"issuer_id": "another"},
        {"trusted": frozenset({"another"})},
    ],
)
def test_an_unsuitable_certificate_is_issued_again(changes: dict[str, object]) -> None:
    assert reissue_reason(REQUEST, known(**changes), None)


def test_a_certificate_of_a_former_authority_serves_until_it_is_due() -> None:
    snapshot = known()
    both = snapshot[CA].trusted | {"successor"}
    snapshot[CA] = replace(snapshot[CA], key_id="successor", trusted=both)
    assert reissue_reason(REQUEST, snapshot, None)  # it must contain the successor for its readers
    snapshot[REQUEST.key] = replace(snapshot[REQUEST.key], trusted=both)
    assert reissue_reason(REQUEST, snapshot, None) is None


def test_keystores_follow_their_password() -> None:
    request = replace(REQUEST, password=(Key("Secret", NAMESPACE, "pass"), "p"), password_digest="new")
    snapshot = {CA: known()[CA], REQUEST.key: assumed_certificate(request, known())}
    live: Obj = {"metadata": {"annotations": {constants.ANNOTATION_KEYSTORE_PASSWORD: "new"}}}
    assert reissue_reason(request, snapshot, live) is None
    assert reissue_reason(replace(request, password_digest="newer"), snapshot, live)


def test_a_copy_is_compared_by_its_public_parts() -> None:
    request = CopyRequest(
        Key("Secret", "apps", "x"), REQUEST.key, {name: name for name in ("tls.crt", "tls.key", "ca.crt")}
    )
    snapshot = known()
    snapshot[request.key] = assumed_certificate(request, snapshot)
    assert not copy_differs(request, snapshot)
    assert copy_differs(request, {**snapshot, request.key: replace(snapshot[request.key], key_matches=False)})
    assert copy_differs(
        request, {**snapshot, REQUEST.key: replace(snapshot[REQUEST.key], digests={"tls.crt": "new", "ca.crt": "x"})}
    )


def test_a_copy_follows_its_source_and_not_the_former_one() -> None:
    settled = state(targets=(NAMESPACE, "apps")).settle()
    settled.snapshot = replace(
        settled.snapshot, live={key: with_uid(obj) for key, obj in settled.snapshot.live.items()}
    )
    changed = replace(settled.snapshot.certificates[CA], digests={"tls.crt": "new", "ca.crt": "new"})
    copied = Key("Secret", "apps", CA.name)

    def written() -> set[Key]:
        actions = diff(settled.plan, settled.snapshot, UID)
        return {action.key for action in actions.ready} & {CA, copied}

    settled.with_certificates({CA: replace(changed, renewal_due=True)})
    assert written() == {CA}
    settled.with_certificates({CA: changed})
    assert written() == {copied}


# --- restarts ---


def hashes(plan: Plan) -> dict[str, str]:
    templates = {k.name: o["spec"]["template"]["metadata"] for k, o in plan.objects.items() if k.kind == "Deployment"}
    return {name: metadata["annotations"][constants.ANNOTATION_SECRET_HASH] for name, metadata in templates.items()}


@pytest.mark.parametrize(
    ("secret", "restarted"),
    [
        ("tls", {NAME}),
        ("agent-tls", set()),
        ("storage-tls", set()),
        ("reports-tls", set()),
        ("database-tls", {f"{NAME}-database"}),
    ],
)
def test_a_renewed_certificate_restarts_only_what_cannot_reload_it(secret: str, restarted: set[str]) -> None:
    settled = state()
    settled.with_spec({"reportOptions": {"replicas": 1}}).settle()
    before, key = hashes(settled.plan), certificate(settled, secret)
    fact = settled.snapshot.certificates[key]
    settled.with_certificates({key: replace(fact, digests={**fact.digests, "tls.crt": "renewed"})})
    settled.with_data("Secret", key.name, *fact.keys, digest="renewed")
    after = hashes(settled.plan)
    assert {name for name in after if after[name] != before[name]} == restarted


def test_another_authority_restarts_everything() -> None:
    settled = state()
    settled.with_spec({"reportOptions": {"replicas": 1}}).settle()
    before = hashes(settled.plan)
    for key, fact in settled.snapshot.certificates.items():
        settled.with_certificates({key: replace(fact, digests={"tls.crt": "new", "ca.crt": "new"})})
        settled.with_data("Secret", key.name, *fact.keys, digest="new")
    after = hashes(settled.without_deployments().plan)
    assert all(after[name] != before[name] for name in before)


def test_the_application_follows_when_the_database_runs() -> None:
    settled = state().settle()
    database = find(settled.plan, "Deployment", f"{NAME}-database")
    key = certificate(settled)
    fact = settled.snapshot.certificates[key]
    live = {k: copy.deepcopy(o) for k, o in settled.snapshot.live.items()}
    settled.snapshot = replace(settled.snapshot, live=live)
    settled.with_certificates({key: replace(fact, digests={"tls.crt": "new", "ca.crt": "new"})})
    settled.with_data("Secret", key.name, *fact.keys, digest="new")
    main = Key("Deployment", NAMESPACE, NAME)
    assert settled.plan.blocked[main].problem.reason == "RollingInOrder"
    rolling = copy.deepcopy(find(settled.plan, "Deployment", database["metadata"]["name"]))
    rolling["metadata"]["generation"] = 2
    rolling["status"] = {"observedGeneration": 2, "conditions": [progressing("ReplicaSetUpdated")]}
    settled.with_live(rolling)
    assert main in settled.plan.blocked
    rolled_out: Obj = {**rolling["status"], "conditions": [progressing("NewReplicaSetAvailable")]}
    settled.with_live({**rolling, "status": rolled_out})
    assert main in settled.plan.blocked, "this is the status of the former rollout"
    settled.with_live({**rolling, "status": rolled_out | {"updatedReplicas": 1}})
    assert main in settled.plan.blocked
    settled.with_live({**rolling, "status": rolled_out | {"updatedReplicas": 1, "availableReplicas": 1}})
    assert main in settled.plan.objects


def progressing(reason: str) -> Obj:
    return {"type": "Progressing", "status": "True", "reason": reason}
