"""Secrets and ConfigMaps that a Cryostat names: missing, appearing, rotated, and never all of them in memory."""

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


def provide(world: Scenario, where: str, *without: str) -> None:
    """Everything that SPEC names."""
    for name, values in SECRETS.items():
        if name not in without:
            world.secret(where, name, **values)
    if "template" not in without:
        world.config_map(where, "template", **{"a.jfc": "<configuration/>"})


def hashes(world: Scenario, where: str) -> dict[str, Object]:
    """Annotations of the pods by Deployment: pods are made anew when they change."""
    found = {name: world.get("Deployment", where, name)["spec"]["template"] for name in ALL}
    return {name: template["metadata"].get("annotations") for name, template in found.items()}


def rolled(world: Scenario, where: str, before: dict[str, Object], expected: Iterable[str]) -> None:
    """Waits until the pods of exactly these Deployments are made anew, and keeps looking until all is quiet."""

    def changed() -> set[str]:
        return {name for name, now in hashes(world, where).items() if now != before[name]}

    eventually(lambda: changed() >= set(expected), what=f"{expected} roll")
    world.settle()
    assert changed() == set(expected)


@pytest.mark.parametrize("missing", [*SECRETS, "template"])
def test_what_is_missing_is_named_and_found_when_it_appears(world: Scenario, missing: str) -> None:
    where = world.namespace()
    provide(world, where, missing)
    cr = world.cryostat(where, **SPEC)
    kind = "ConfigMap" if missing == "template" else "Secret"
    world.told(cr, f"{kind}NotFound", f"{kind} {missing}")
    assert condition(world.now(cr), "ReferencesResolved")["reason"] == f"{kind}NotFound"
    users = {"keys": ["x", "x-database"], "s3": ["x", "x-storage"]}.get(missing, ["x"])
    for name in set(ALL) - set(users):
        eventually(lambda name=name: world.get("Deployment", where, name), what=name)  # type: ignore[misc]
    assert [name for name in ALL if world.find("Deployment", where, name) is None] == users
    assert len(world.events(cr, f"{kind}NotFound")) == 1
    provide(world, where, *({*SECRETS, "template"} - {missing}))
    world.ready(cr)


def test_a_missing_key_is_named_and_found_when_it_appears(world: Scenario) -> None:
    where = world.namespace()
    provide(world, where, "login", "template", "keys")
    login = world.secret(where, "login", wrong="u:x")
    template = world.config_map(where, "template", **{"b.jfc": ""})
    keys = world.secret(where, "keys", CONNECTION_KEY="one")
    cr = world.cryostat(where, **SPEC)
    world.told(cr, "SecretKeyNotFound", "Secret keys lacks ENCRYPTION_KEY")
    world.api.patch(keys, {"stringData": KEYS})
    world.told(cr, "ConfigMapKeyNotFound", "ConfigMap template lacks a.jfc")
    world.api.patch(template, {"data": {"a.jfc": "<configuration/>"}})
    world.told(cr, "SecretKeyNotFound", "Secret login lacks htpasswd")
    world.api.patch(login, {"stringData": {"htpasswd": "u:x"}})
    world.ready(cr)
    assert world.find("Deployment", where, "x")


def test_a_rotation_rolls_exactly_the_pods_that_use_it(world: Scenario) -> None:
    where = world.namespace()
    provide(world, where)
    other = world.secret(where, "other", key="value")
    cr = world.ready(world.cryostat(where, **SPEC))
    users = {"login": ["x"], "s3": ["x", "x-storage"], "trust": ["x"], "credentials": ["x"]}
    for name, expected in users.items():
        before = hashes(world, where)
        key = next(iter(SECRETS[name]))
        world.api.patch(world.get("Secret", where, name), {"stringData": {key: "rotated"}})
        rolled(world, where, before, expected)
    before = hashes(world, where)
    world.api.patch(world.get("ConfigMap", where, "template"), {"data": {"a.jfc": "<other/>"}})
    rolled(world, where, before, ["x"])
    world.settle()
    mark, before = world.plane.audit_mark(), hashes(world, where)
    world.api.patch(other, {"stringData": {"key": "changed"}})
    world.annotate(world.get("Secret", where, "login"), note="not a rotation")
    rolled(world, where, before, [])
    assert world.writes(mark) == []
    with world.down():
        world.api.patch(world.get("Secret", where, "keys"), {"stringData": {"more": "text"}})
    rolled(world, where, before, ["x", "x-database"])
    world.ready(cr)


def test_what_is_taken_away_leaves_the_pods_running(world: Scenario) -> None:
    where = world.namespace()
    provide(world, where)
    cr = world.ready(world.cryostat(where, **SPEC))
    uid, before = world.get("Deployment", where, "x")["metadata"]["uid"], hashes(world, where)
    world.api.delete(world.get("Secret", where, "login"))
    world.told(cr, "SecretNotFound", "Secret login")
    world.secret(where, "login", htpasswd="v:y")
    world.ready(cr)
    assert world.get("Deployment", where, "x")["metadata"]["uid"] == uid
    assert hashes(world, where)["x"] != before["x"]
    assert len(world.events(cr, "SecretNotFound")) == 1


def test_a_secret_of_another_cryostat_is_followed_too(world: Scenario) -> None:
    where = world.namespace()
    login = {"basicAuth": {"secretName": "first-basic-auth", "filename": "htpasswd"}}
    cr = world.cryostat(where, **{**SPEC, "authorizationOptions": login})
    provide(world, where, "login")
    world.told(cr, "SecretNotFound", "first-basic-auth")
    world.cryostat(where, "first")
    world.ready(cr)
    before = hashes(world, where)
    world.api.patch(world.get("Secret", where, "first-basic-auth"), {"data": {"htpasswd": "dTp6"}})
    rolled(world, where, before, ["x"])


def test_secrets_of_others_are_not_held_in_memory(world: Scenario) -> None:
    """Eighty megabytes of them, while it runs and when it starts."""
    where = world.namespace()
    world.start()

    def resident() -> float:
        assert world.operator
        status = Path(f"/proc/{world.operator.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    before = resident()
    content = base64.b64encode(secrets.token_bytes(700_000)).decode()
    for number in range(80):
        world.make("Secret", where, f"big-{number}", data={"key": content})
    cr = world.ready(world.cryostat(where))
    assert resident() < before + 30
    with world.down():
        pass
    world.ready(cr)
    world.settle()
    assert resident() < before + 30
