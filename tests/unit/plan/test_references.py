"""Tests of the Secrets and ConfigMaps that objects need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cryostat_operator.api import constants
from cryostat_operator.plan.instance import Instance
from cryostat_operator.plan.model.certificates import TLS_CA_KEY, CertificateInfo
from cryostat_operator.plan.model.desired_state import Blocked, Reference
from cryostat_operator.plan.model.kinds import Key
from cryostat_operator.plan.model.problems import Problem
from cryostat_operator.plan.model.reasons import Reason
from cryostat_operator.plan.model.snapshot import ContentSummary, Snapshot
from cryostat_operator.plan.references import Requirements, content_digest
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import NAMESPACE, ClusterState, cryostat, settled

USER = Key("Deployment", NAMESPACE, "sample")


def requirements(
    needs: Iterable[Reference],
    data: Mapping[tuple[str, str], ContentSummary | None],
    *,
    others: Mapping[Key, frozenset[Reference]] | None = None,
    config_maps: Mapping[str, Mapping[str, str]] | None = None,
    requested: tuple[str, ...] = (),
    blocked: tuple[Blocked, ...] = (),
    hot_reloaded: Mapping[str, frozenset[str]] | None = None,
    certificates: Mapping[Key, CertificateInfo] | None = None,
) -> Requirements:
    snapshot = Snapshot(data=data, certificates=certificates or {})
    instance = Instance(cryostat(), snapshot, Settings(service_tls=False))
    by_key = {entry.key: entry for entry in blocked}
    all_needs = {USER: frozenset(needs), **(others or {})}
    return Requirements(instance, config_maps or {}, requested, by_key, hot_reloaded or {}, all_needs)


def secret(*keys: str, optional: bool = False, name: str = "s") -> Reference:
    return Reference("Secret", name, frozenset(keys), optional)


def test_an_object_waits_until_it_is_known_whether_a_secret_exists() -> None:
    problem = requirements([secret(optional=True)], {}).blocked_by(USER)
    assert problem is not None
    assert (problem.reason, problem.actionable, problem.component) == ("ReferencePending", False, "core")
    assert problem.message == "Deployment sample waits until Secret s has been read."


def test_the_message_names_the_fields_that_lead_to_the_object() -> None:
    spec = {
        "declarativeCredentials": [{"secretName": "other"}, {"secretName": "a"}],
        "trustedCertSecrets": [{"secretName": "a"}],
        "eventTemplates": [{"configMapName": "b", "filename": "a"}],
    }
    state = ClusterState(cryostat(spec))
    state.without_data("Secret", "a").with_data("ConfigMap", "b", "x")
    problem = Requirements(state.instance, {}, set(), {}, {}, {USER: frozenset({secret(name="a")})}).blocked_by(USER)
    assert problem
    assert problem.message == (
        "Secret a does not exist, but Deployment sample needs it. Create it, or correct "
        "spec.declarativeCredentials[1].secretName and spec.trustedCertSecrets[0].secretName."
    )
    needs = frozenset({Reference("ConfigMap", "b", frozenset({"a"}))})
    problem = Requirements(state.instance, {}, set(), {}, {}, {USER: needs}).blocked_by(USER)
    assert problem
    assert problem.message == (
        "ConfigMap b lacks the key a, which Deployment sample needs. Add it, or correct the name of the key next to "
        "spec.eventTemplates[0].configMapName."
    )


def test_fields_that_name_another_object_of_the_same_name_are_not_named() -> None:
    spec = {
        "trustedCertSecrets": [{"secretName": "a"}],
        "eventTemplates": [{"configMapName": "a", "filename": "a"}],
        "storageOptions": {"pvc": {"spec": {"storageClassName": "a"}}},
        "networkOptions": {
            "coreConfig": {"ingressSpec": {"ingressClassName": "a", "defaultBackend": {"service": {"name": "a"}}}}
        },
    }
    state = ClusterState(cryostat(spec))
    state.without_data("Secret", "a")
    problem = Requirements(state.instance, {}, set(), {}, {}, {USER: frozenset({secret(name="a")})}).blocked_by(USER)
    assert problem
    assert problem.message.endswith(" Create it, or correct spec.trustedCertSecrets[0].secretName.")


def test_a_key_without_a_value_is_named() -> None:
    content = ContentSummary(frozenset(), "", empty=frozenset({"a"}))
    problem = requirements([secret("a")], {("Secret", "s"): content}).blocked_by(USER)
    assert problem
    assert problem.reason == "SecretKeyNotFound"
    assert problem.message == "Secret s has no value in the key a, which Deployment sample needs. Set the key a."


def test_missing_secrets_and_keys_are_actionable_and_named_together() -> None:
    data = {("Secret", "a"): None, ("Secret", "b"): ContentSummary(frozenset({"x"}), "")}
    needs = [secret("x", "y", name="b"), secret(name="a"), secret(name="unknown")]
    problem = requirements(needs, data).blocked_by(USER)
    assert problem is not None
    assert problem.reason == "SecretNotFound"
    assert problem.actionable
    assert problem.message == (
        "Secret a does not exist, but Deployment sample needs it. Create it. "
        "Secret b lacks the key y, which Deployment sample needs. Add it."
    )
    assert problem.dedup_key == "Secret a"


DATABASE = USER._replace(name="sample-database")
CLAIM = Key("PersistentVolumeClaim", NAMESPACE, "sample-database")


def test_objects_that_miss_the_same_secret_have_one_problem() -> None:
    others = {CLAIM: frozenset({secret("a")}), DATABASE: frozenset({secret("a"), secret("b")})}
    found = requirements([secret("b")], {("Secret", "s"): None}, others=others)
    problems = {found.blocked_by(key) for key in (USER, CLAIM, DATABASE)}
    assert [problem.message for problem in problems if problem] == [
        "Secret s does not exist, but Deployments sample and sample-database need it. Create it."
    ]
    alone = requirements([], {("Secret", "s"): None}, others={CLAIM: frozenset({secret("a")})}).blocked_by(CLAIM)
    assert alone
    assert "PersistentVolumeClaim sample-database needs it" in alone.message


def test_only_objects_that_need_a_missing_key_are_named() -> None:
    data = {("Secret", "s"): ContentSummary(frozenset({"a"}), "")}
    found = requirements([secret("a")], data, others={DATABASE: frozenset({secret("b")})})
    assert found.blocked_by(USER) is None
    problem = found.blocked_by(DATABASE)
    assert problem
    assert problem.message == "Secret s lacks the key b, which Deployment sample-database needs. Add it."


def test_several_objects_wait_for_a_secret_that_is_generated() -> None:
    others = {DATABASE: frozenset({secret()})}
    problem = requirements([secret()], {("Secret", "s"): None}, others=others, requested=("s",)).blocked_by(DATABASE)
    assert problem
    assert problem.message == ("Deployments sample and sample-database wait until the operator has generated Secret s.")
    problem = requirements([secret()], {}, others=others).blocked_by(USER)
    assert problem
    assert problem.message == "Deployments sample and sample-database wait until Secret s has been read."


def test_a_secret_of_cert_manager_is_waited_for() -> None:
    state = settled({"enableCertManager": True}).without_data("Secret", "sample-agent-tls")
    problem = state.plan.blocked[USER].problem
    assert (problem.reason, problem.actionable, problem.component) == ("WaitingForCertificate", False, "tls")
    assert problem.message == (
        "Secret sample-agent-tls lacks the certificate that Deployment sample needs: cert-manager has not issued it "
        "for Certificate sample-agent-proxy."
    )
    assert problem.lasting_remedy == (
        "check that cert-manager runs, and see kubectl -n here describe certificate sample-agent-proxy"
    )


def test_an_optional_secret_that_is_missing_blocks_nothing() -> None:
    assert requirements([secret(optional=True)], {("Secret", "s"): None}).blocked_by(USER) is None


def test_an_object_waits_for_a_generated_secret() -> None:
    problem = requirements([secret("k")], {("Secret", "s"): None}, requested=("s",)).blocked_by(USER)
    assert problem is not None
    assert (problem.reason, problem.actionable) == ("SecretPending", False)
    assert problem.message == "Deployment sample waits until the operator has generated Secret s."


def test_a_blocked_secret_blocks_what_needs_it_for_the_same_reason() -> None:
    cause = Problem("tls", Reason.NAME_COLLISION, "taken")
    blocked = Blocked(Key("Secret", NAMESPACE, "s"), cause)
    content = {("Secret", "s"): ContentSummary(frozenset({"k"}), "")}
    assert requirements([secret("k")], content, blocked=(blocked,)).blocked_by(USER) == cause
    assert requirements([secret("k", optional=True)], content, blocked=(blocked,)).blocked_by(USER) is None


def test_planned_config_maps_are_known_without_a_read() -> None:
    planned = {"c": {"k": "v"}}
    present, absent = (Reference("ConfigMap", "c", frozenset({key})) for key in ("k", "other"))
    assert requirements([present], {}, config_maps=planned).blocked_by(USER) is None
    problem = requirements([absent], {}, config_maps=planned).blocked_by(USER)
    assert problem is not None
    assert problem.reason == "ConfigMapKeyNotFound"


def hashes(digest: str, ca: str, *, hot_reloaded: bool) -> tuple[str, str]:
    key = Key("Secret", NAMESPACE, "s")
    found = requirements(
        [],
        {("Secret", "s"): ContentSummary(frozenset(), digest)},
        config_maps={"c": {"k": "v"}},
        hot_reloaded={USER.name: frozenset({"s"})} if hot_reloaded else {},
        certificates={key: CertificateInfo(frozenset(), {TLS_CA_KEY: ca})},
    )
    result = found.content_hashes(USER, [secret(), Reference("ConfigMap", "c")])
    return result[constants.ANNOTATION_SECRET_HASH], result[constants.ANNOTATION_CONFIG_MAP_HASH]


def test_content_changes_the_hash_of_its_kind_only() -> None:
    before, after = hashes("1", "ca", hot_reloaded=False), hashes("2", "ca", hot_reloaded=False)
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_only_the_authorities_of_a_hot_reloaded_secret_change_the_hash() -> None:
    before = hashes("1", "ca", hot_reloaded=True)
    assert hashes("2", "ca", hot_reloaded=True) == before
    assert hashes("1", "other", hot_reloaded=True) != before


def test_a_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert content_digest({"a": "1", "b": "2"}) == content_digest({"b": "2", "a": "1"})
    assert content_digest({"a": "1"}) != content_digest({"a": "2"})
