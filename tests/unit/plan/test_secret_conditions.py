"""Conditions about Secrets are True only if the Secrets were seen with the required keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.images import Image
from cryostat_operator.plan.database_keys import KEYS
from cryostat_operator.plan.model.certificates import CertificateInfo
from cryostat_operator.plan.model.kinds import KINDS, Key
from cryostat_operator.plan.model.snapshot import Snapshot
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import NAMESPACE, ClusterState, cryostat, settled
from tests.unit.plan.reported import condition, summary

LOGIN = {"authorizationOptions": {"basicAuth": {"secretName": "login", "filename": "users"}}}
BUILT_IN = Snapshot(apis=frozenset(KINDS) - {"Certificate", "Issuer"})
GATEWAY = "sample-agent-tls"


def unread(state: ClusterState, secret: str) -> ClusterState:
    data = {key: content for key, content in state.snapshot.data.items() if key != ("Secret", secret)}
    state.snapshot = replace(state.snapshot, data=data)
    return state


@pytest.mark.parametrize(
    ("keys", "reason", "message"),
    [
        (
            ("CONNECTION_KEY",),
            "SecretKeyNotFound",
            "Secret mine lacks ENCRYPTION_KEY. The database cannot start without it: add it.",
        ),
        (
            None,
            "SecretNotFound",
            "Secret mine with the keys of the database does not exist. "
            "Create it, or correct spec.databaseOptions.secretName.",
        ),
    ],
)
def test_database_keys_are_not_ready_until_the_secret_of_the_user_has_them(
    keys: tuple[str, ...] | None, reason: str, message: str
) -> None:
    state = settled({"databaseOptions": {"secretName": "mine"}})
    _ = state.without_data("Secret", "mine") if keys is None else state.with_data("Secret", "mine", *keys)
    found = condition(state, "DatabaseKeysReady")
    assert summary(found) == ("False", reason)
    assert found["message"] == message
    assert condition(state.with_data("Secret", "mine", *KEYS), "DatabaseKeysReady") == {}


def test_database_keys_that_are_not_known_are_unknown() -> None:
    new = ClusterState(cryostat())
    assert summary(condition(new, "DatabaseKeysReady")) == ("Unknown", "ReferencePending")
    assert condition(new, "DatabaseKeysReady")["message"] == "Secret sample-db has not been read yet."
    found = condition(new.without_data("Secret", "sample-db"), "DatabaseKeysReady")
    assert summary(found) == ("False", "SecretPending")
    assert found["message"] == "Secret sample-db with the keys of the database has not been generated yet."


@pytest.mark.parametrize("secret", ["sample-db", "sample-storage", "sample-basic-auth"])
def test_a_generated_secret_that_is_missing_is_not_found(secret: str) -> None:
    state = settled()
    assert condition(state, "ReferencesResolved") == {}
    found = condition(state.without_data("Secret", secret), "ReferencesResolved")
    assert found["status"] == "False"
    assert f"Secret {secret} does not exist. " in found["message"]
    found = condition(unread(state, secret), "ReferencesResolved")
    assert summary(found) == ("Unknown", "ReferencePending")


def test_lost_keys_of_the_database_are_explained_by_another_condition() -> None:
    found = condition(settled().without_data("Secret", "sample-db"), "ReferencesResolved")
    assert summary(found) == ("False", "SecretNotFound")
    assert found["message"] == "Secret sample-db does not exist. See DatabaseKeysReady for the cause."
    found = condition(settled().with_data("Secret", "sample-db", "CONNECTION_KEY"), "ReferencesResolved")
    assert summary(found) == ("False", "SecretKeyNotFound")
    assert found["message"].startswith("Secret sample-db lacks the key ENCRYPTION_KEY. ")
    found = condition(settled().without_data("Secret", "sample-storage"), "ReferencesResolved")
    assert found["message"] == (
        "Secret sample-storage does not exist. The operator generates it; see Ready for the cause if this lasts."
    )


def test_secrets_that_lack_the_same_are_one_sentence() -> None:
    state = settled()
    for name in ("sample-storage", "sample-basic-auth", "sample-oauth2-cookie"):
        state.without_data("Secret", name)
    assert condition(state, "ReferencesResolved")["message"] == (
        "Secret sample-basic-auth, Secret sample-oauth2-cookie and Secret sample-storage do not exist. "
        "The operator generates them; see Ready for the cause if this lasts."
    )


def test_a_secret_that_two_deployments_miss_is_named_once_next_to_other_problems() -> None:
    templates = {"eventTemplates": [{"configMapName": "absent", "filename": "a.jfc"}]}
    state = settled({"databaseOptions": {"secretName": "mine"}, **templates})
    state.without_data("Secret", "mine").without_data("ConfigMap", "absent")
    assert condition(state, "ReferencesResolved")["message"] == (
        "ConfigMap absent does not exist, but Deployment sample needs it. Create it, or correct "
        "spec.eventTemplates[0].configMapName. Secret mine does not exist, but Deployments sample-database and sample "
        "need it. Create it, or correct spec.databaseOptions.secretName."
    )


@pytest.mark.parametrize(
    ("keys", "status", "reason"),
    [(("users",), "True", "BasicAuth"), (("other",), "False", "SecretKeyNotFound"), (None, "False", "SecretNotFound")],
)
def test_a_login_needs_its_secret(keys: tuple[str, ...] | None, status: str, reason: str) -> None:
    state = settled(LOGIN)
    _ = state.without_data("Secret", "login") if keys is None else state.with_data("Secret", "login", *keys)
    found = condition(state, "AuthenticationEnabled")
    assert summary(found) == (status, reason)
    assert ("There is no access without a login" in found["message"]) == (status == "False")


def test_a_generated_login_needs_its_secret() -> None:
    state = settled().without_data("Secret", "sample-basic-auth")
    assert summary(condition(state, "AuthenticationEnabled")) == ("False", "SecretPending")
    found = condition(unread(state, "sample-basic-auth"), "AuthenticationEnabled")
    assert summary(found) == ("Unknown", "ReferencePending")
    assert condition(settled({}, openshift=True), "AuthenticationEnabled")["status"] == "True", "it needs no Secret"


def test_agents_are_authenticated_only_with_a_certificate_of_the_gateway() -> None:
    state = ClusterState(cryostat(), settings=Settings(service_tls=True), snapshot=BUILT_IN).settle()
    assert condition(state, "AgentsAuthenticated") == {}, "TLSSetupComplete says it"
    expired = CertificateInfo(frozenset(), expired=True, not_after="2026-01-01T00:00:00Z")
    state.with_certificates({Key("Secret", NAMESPACE, GATEWAY): expired})
    found = condition(state, "AgentsAuthenticated")
    assert summary(found) == ("False", "CertificateExpired")
    assert found["message"] == (
        "The certificate of the agent gateway in Secret sample-agent-tls expired at 2026-01-01T00:00:00Z. "
        "Agents refuse the connection. See TLSSetupComplete for the cause."
    )
    found = condition(state.without_data("Secret", GATEWAY), "AgentsAuthenticated")
    assert summary(found) == ("False", "WaitingForCertificate")
    assert "Secret sample-agent-tls with the certificate of the agent gateway does not exist" in found["message"]
    assert summary(condition(unread(state, GATEWAY), "AgentsAuthenticated")) == ("Unknown", "ReferencePending")


def test_the_secret_of_the_scheduled_backup_is_checked() -> None:
    annotations = {
        constants.ANNOTATION_BACKUP_SCHEDULE: "0 1 * * *",
        constants.ANNOTATION_BACKUP_TARGET: "pvc:backups",
        constants.ANNOTATION_BACKUP_SECRET: "backups",
    }
    settings = Settings(service_tls=False, operator_image=Image("operator:1"))
    state = ClusterState(cryostat(annotations=annotations), settings=settings).settle()
    assert condition(state, "ReferencesResolved") == {}
    state.without_data("Secret", "backups")
    assert condition(state, "ReferencesResolved")["message"] == (
        "Secret backups does not exist, but CronJob sample-backup needs it. Create it."
    )


@pytest.mark.parametrize(
    ("spec", "service_tls", "remedy"),
    [
        ({"enableCertManager": False}, True, "To enable TLS, remove spec.enableCertManager: false."),
        (
            {},
            False,
            "To enable TLS, remove DISABLE_SERVICE_TLS of the operator, or install cert-manager and set "
            "spec.enableCertManager: true.",
        ),
        (
            {"enableCertManager": False},
            False,
            "To enable TLS, remove spec.enableCertManager: false and DISABLE_SERVICE_TLS of the operator, or install "
            "cert-manager and set spec.enableCertManager: true.",
        ),
    ],
)
def test_agents_without_tls(spec: dict[str, Any], service_tls: bool, remedy: str) -> None:
    state = ClusterState(cryostat(spec), settings=Settings(service_tls=service_tls))
    found = condition(state.settle(), "AgentsAuthenticated")
    assert summary(found) == ("False", "TLSDisabled")
    assert found["message"].endswith(remedy)
