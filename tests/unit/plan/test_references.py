"""Tests of the Secrets and ConfigMaps that objects need."""

from __future__ import annotations

from collections.abc import Mapping

from cryostat_operator.api import constants
from cryostat_operator.plan.instance import Instance
from cryostat_operator.plan.model.certificates import TLS_CA_KEY, CertificateInfo
from cryostat_operator.plan.model.desired_state import Blocked, Reference
from cryostat_operator.plan.model.kinds import Key
from cryostat_operator.plan.model.problems import Problem
from cryostat_operator.plan.model.snapshot import ContentSummary, Snapshot
from cryostat_operator.plan.references import Requirements, content_digest
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import NAMESPACE, ClusterState, cryostat

USER = Key("Deployment", NAMESPACE, "sample")


def requirements(
    data: Mapping[tuple[str, str], ContentSummary | None],
    *,
    config_maps: Mapping[str, Mapping[str, str]] | None = None,
    requested: tuple[str, ...] = (),
    blocked: tuple[Blocked, ...] = (),
    hot_reloaded: Mapping[str, frozenset[str]] | None = None,
    certificates: Mapping[Key, CertificateInfo] | None = None,
) -> Requirements:
    snapshot = Snapshot(data=data, certificates=certificates or {})
    instance = Instance(cryostat(), snapshot, Settings(service_tls=False))
    by_key = {entry.key: entry for entry in blocked}
    return Requirements(instance, config_maps or {}, requested, by_key, hot_reloaded or {})


def secret(*keys: str, optional: bool = False, name: str = "s") -> Reference:
    return Reference("Secret", name, frozenset(keys), optional)


def test_an_object_waits_until_it_is_known_whether_a_secret_exists() -> None:
    problem = requirements({}).blocked_by("core", USER, [secret(optional=True)])
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
    found = Requirements(state.instance, {}, set(), {}, {})
    problem = found.blocked_by("core", USER, [secret(name="a")])
    assert problem
    assert problem.message == (
        "Secret a does not exist. Deployment sample needs it. Create it, or correct "
        "spec.declarativeCredentials[1].secretName and spec.trustedCertSecrets[0].secretName."
    )
    problem = found.blocked_by("core", USER, [Reference("ConfigMap", "b", frozenset({"a"}))])
    assert problem
    assert problem.message == (
        "ConfigMap b lacks the key a. Deployment sample needs it. Add it, or correct the name of the key next to "
        "spec.eventTemplates[0].configMapName."
    )


def test_a_key_without_a_value_is_named() -> None:
    content = ContentSummary(frozenset(), "", empty=frozenset({"a"}))
    problem = requirements({("Secret", "s"): content}).blocked_by("core", USER, [secret("a")])
    assert problem
    assert problem.reason == "SecretKeyNotFound"
    assert problem.message == "Secret s has no value in the key a. Deployment sample needs it. Set the key a."


def test_missing_secrets_and_keys_are_actionable_and_named_together() -> None:
    found = requirements({("Secret", "a"): None, ("Secret", "b"): ContentSummary(frozenset({"x"}), "")})
    needs = [secret("x", "y", name="b"), secret(name="a"), secret(name="unknown")]
    problem = found.blocked_by("core", USER, needs)
    assert problem is not None
    assert problem.reason == "SecretNotFound"
    assert problem.actionable
    assert problem.message == (
        "Secret a does not exist. Deployment sample needs it. Create it. "
        "Secret b lacks the key y. Deployment sample needs it. Add it."
    )
    assert problem.dedup_key == "Secret a"


def test_an_optional_secret_that_is_missing_blocks_nothing() -> None:
    assert requirements({("Secret", "s"): None}).blocked_by("core", USER, [secret(optional=True)]) is None


def test_a_generated_secret_is_waited_for() -> None:
    problem = requirements({("Secret", "s"): None}, requested=("s",)).blocked_by("core", USER, [secret("k")])
    assert problem is not None
    assert (problem.reason, problem.actionable) == ("SecretPending", False)
    assert problem.message == "Deployment sample waits until the operator has generated Secret s."


def test_a_blocked_secret_blocks_what_needs_it_for_the_same_reason() -> None:
    cause = Problem("tls", "NameCollision", "taken")
    blocked = Blocked(Key("Secret", NAMESPACE, "s"), cause)
    content = {("Secret", "s"): ContentSummary(frozenset({"k"}), "")}
    found = requirements(content, blocked=(blocked,))
    assert found.blocked_by("core", USER, [secret("k")]) == cause
    assert found.blocked_by("core", USER, [secret("k", optional=True)]) is None


def test_planned_config_maps_are_known_without_a_read() -> None:
    found = requirements({}, config_maps={"c": {"k": "v"}})
    assert found.blocked_by("core", USER, [Reference("ConfigMap", "c", frozenset({"k"}))]) is None
    problem = found.blocked_by("core", USER, [Reference("ConfigMap", "c", frozenset({"other"}))])
    assert problem is not None
    assert problem.reason == "ConfigMapKeyNotFound"


def hashes(digest: str, ca: str, *, hot_reloaded: bool) -> tuple[str, str]:
    key = Key("Secret", NAMESPACE, "s")
    found = requirements(
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


def test_of_a_hot_reloaded_secret_only_the_authorities_count() -> None:
    before = hashes("1", "ca", hot_reloaded=True)
    assert hashes("2", "ca", hot_reloaded=True) == before
    assert hashes("1", "other", hot_reloaded=True) != before


def test_a_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert content_digest({"a": "1", "b": "2"}) == content_digest({"b": "2", "a": "1"})
    assert content_digest({"a": "1"}) != content_digest({"a": "2"})
