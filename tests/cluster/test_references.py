"""Secrets and ConfigMaps that a Cryostat names: missing, created later, rotated. Others are not cached."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.api import Object, condition, eventually
from tests.cluster.scenario import Scenario

ALL = ("x", "x-database", "x-storage", "x-reports")
KEYS = {"CONNECTION_KEY": "one", "ENCRYPTION_KEY": "two"}
SPEC: dict[str, Any] = {
    "reportOptions": {"replicas": 1},
    "authorizationOptions": {"basicAuth": {"secretName": "login", "filename": "htpasswd"}},
    "databaseOptions": {"secretName": "keys"},
    "objectStorageOptions": {"secretName": "s3"},
    "eventTemplates": [{"configMapName": "template", "filename": "a.jfc"}],
    "trustedCertSecrets": [{"secretName": "trust", "certificateKey": "ca.crt"}],
    "declarativeCredentials": [{"secretName": "credentials"}],
}
SECRETS = {
    "login": {"htpasswd": "u:x"}, "keys": KEYS, "s3": {"ACCESS_KEY": "a", "SECRET_KEY": "b"},
    "trust": {"ca.crt": "PEM"}, "credentials": {"c.json": "{}"},
}  # fmt: skip


def create_references(scenario: Scenario, where: str, *without: str) -> None:
    """Create all objects that SPEC names."""
    for name, values in SECRETS.items():
        if name not in without:
            scenario.secret(where, name, **values)
    if "template" not in without:
        scenario.config_map(where, "template", **{"a.jfc": "<configuration/>"})


def hashes(scenario: Scenario, where: str) -> dict[str, Object]:
    """The annotations of the pod templates by Deployment. A change restarts the pods."""
    found = {name: scenario.get("Deployment", where, name)["spec"]["template"] for name in ALL}
    return {name: template["metadata"].get("annotations") for name, template in found.items()}


def wait_for_restarts(scenario: Scenario, where: str, before: dict[str, Object], expected: Iterable[str]) -> None:
    """Wait until exactly these Deployments have restarted and the operator stops writing."""

    def changed() -> set[str]:
        return {name for name, now in hashes(scenario, where).items() if now != before[name]}

    eventually(lambda: changed() >= set(expected), what=f"{expected} restart")
    scenario.wait_until_idle()
    assert changed() == set(expected)


@pytest.mark.parametrize("missing", [*SECRETS, "template"])
def test_missing_references_are_named_and_used_when_they_exist(scenario: Scenario, missing: str) -> None:
    where = scenario.namespace()
    create_references(scenario, where, missing)
    cr = scenario.cryostat(where, **SPEC)
    kind = "ConfigMap" if missing == "template" else "Secret"
    scenario.wait_for_reason(cr, f"{kind}NotFound", f"{kind} {missing}")
    assert condition(scenario.live(cr), "ReferencesResolved")["reason"] == f"{kind}NotFound"
    users = {"keys": ["x", "x-database"], "s3": ["x", "x-storage"]}.get(missing, ["x"])
    for name in set(ALL) - set(users):
        eventually(lambda name=name: scenario.get("Deployment", where, name), what=name)  # type: ignore[misc]
    assert [name for name in ALL if scenario.find("Deployment", where, name) is None] == users
    assert len(scenario.events(cr, f"{kind}NotFound")) == 1
    create_references(scenario, where, *({*SECRETS, "template"} - {missing}))
    scenario.wait_until_ready(cr)


def test_a_missing_key_is_named_and_used_when_it_exists(scenario: Scenario) -> None:
    where = scenario.namespace()
    create_references(scenario, where, "login", "template", "keys")
    login = scenario.secret(where, "login", wrong="u:x")
    template = scenario.config_map(where, "template", **{"b.jfc": ""})
    keys = scenario.secret(where, "keys", CONNECTION_KEY="one")
    cr = scenario.cryostat(where, **SPEC)
    scenario.wait_for_reason(cr, "SecretKeyNotFound", "Secret keys lacks the key ENCRYPTION_KEY")
    scenario.api.patch(keys, {"stringData": KEYS})
    scenario.wait_for_reason(cr, "ConfigMapKeyNotFound", "ConfigMap template lacks the key a.jfc")
    scenario.api.patch(template, {"data": {"a.jfc": "<configuration/>"}})
    scenario.wait_for_reason(cr, "SecretKeyNotFound", "Secret login lacks the key htpasswd")
    scenario.api.patch(login, {"stringData": {"htpasswd": "u:x"}})
    scenario.wait_until_ready(cr)
    assert scenario.find("Deployment", where, "x")


def test_a_rotation_restarts_only_the_pods_that_use_the_secret(scenario: Scenario) -> None:
    where = scenario.namespace()
    create_references(scenario, where)
    other = scenario.secret(where, "other", key="value")
    cr = scenario.wait_until_ready(scenario.cryostat(where, **SPEC))
    users = {"login": ["x"], "s3": ["x", "x-storage"], "trust": ["x"], "credentials": ["x"]}
    for name, expected in users.items():
        before = hashes(scenario, where)
        key = next(iter(SECRETS[name]))
        scenario.api.patch(scenario.get("Secret", where, name), {"stringData": {key: "rotated"}})
        wait_for_restarts(scenario, where, before, expected)
    before = hashes(scenario, where)
    scenario.api.patch(scenario.get("ConfigMap", where, "template"), {"data": {"a.jfc": "<other/>"}})
    wait_for_restarts(scenario, where, before, ["x"])
    scenario.wait_until_idle()
    mark, before = scenario.plane.audit_mark(), hashes(scenario, where)
    scenario.api.patch(other, {"stringData": {"key": "changed"}})
    scenario.annotate(scenario.get("Secret", where, "login"), note="not a rotation")
    wait_for_restarts(scenario, where, before, [])
    assert scenario.writes(mark) == []
    with scenario.stopped():
        scenario.api.patch(scenario.get("Secret", where, "keys"), {"stringData": {"more": "text"}})
    wait_for_restarts(scenario, where, before, ["x", "x-database"])
    scenario.wait_until_ready(cr)


def test_deleted_references_leave_the_pods_running(scenario: Scenario) -> None:
    where = scenario.namespace()
    create_references(scenario, where)
    cr = scenario.wait_until_ready(scenario.cryostat(where, **SPEC))
    uid, before = scenario.get("Deployment", where, "x")["metadata"]["uid"], hashes(scenario, where)
    scenario.api.delete(scenario.get("Secret", where, "login"))
    scenario.wait_for_reason(cr, "SecretNotFound", "Secret login")
    scenario.secret(where, "login", htpasswd="v:y")
    scenario.wait_until_ready(cr)
    assert scenario.get("Deployment", where, "x")["metadata"]["uid"] == uid
    assert hashes(scenario, where)["x"] != before["x"]
    assert len(scenario.events(cr, "SecretNotFound")) == 1


def test_changes_of_another_cryostats_secret_are_noticed(scenario: Scenario) -> None:
    where = scenario.namespace()
    login = {"basicAuth": {"secretName": "first-basic-auth", "filename": "htpasswd"}}
    cr = scenario.cryostat(where, **{**SPEC, "authorizationOptions": login})
    create_references(scenario, where, "login")
    scenario.wait_for_reason(cr, "SecretNotFound", "first-basic-auth")
    scenario.cryostat(where, "first")
    scenario.wait_until_ready(cr)
    before = hashes(scenario, where)
    scenario.api.patch(scenario.get("Secret", where, "first-basic-auth"), {"data": {"htpasswd": "dTp6"}})
    wait_for_restarts(scenario, where, before, ["x"])


def test_secrets_that_no_cryostat_names_are_not_cached(scenario: Scenario) -> None:
    """50 MB of Secrets are created while the operator runs, and exist when it starts."""
    where = scenario.namespace()
    scenario.start()

    def resident() -> float:
        assert scenario.operator
        status = Path(f"/proc/{scenario.operator.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    before = resident()
    content = base64.b64encode(secrets.token_bytes(700_000)).decode()
    for number in range(54):
        scenario.make("Secret", where, f"big-{number}", data={"key": content})
    cr = scenario.wait_until_ready(scenario.cryostat(where))
    assert resident() < before + 30
    with scenario.stopped():
        pass
    scenario.wait_until_ready(cr)
    scenario.wait_until_idle()
    assert resident() < before + 30
