"""The operator's CA with renewals, damaged Secrets, and Secrets of other owners."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

import pytest
from cryptography import x509

from cryostat_operator.api import constants
from cryostat_operator.pki import authority
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.kinds import Key
from cryostat_operator.plan.model.requests import CertificateRequest
from tests.cluster.api import Api, Object, condition, eventually
from tests.cluster.conftest import running_scenario
from tests.cluster.controlplane import ControlPlane
from tests.cluster.scenario import Scenario
from tests.cluster.tls import (
    CERTIFICATES,
    NAME,
    ON,
    Secret,
    cryostat,
    deployments,
    ready,
    secret,
    serial,
    tls_condition,
    write,
)

DAY = 86400.0


def issued(api: Api, namespace: str, like: str, now: float) -> Secret:
    """A certificate of the database from the CA of an instance, issued at another time."""
    ca_secret = names.ca_secret(namespace, NAME)
    hosts = tuple(f"{NAME}-{like}{suffix}" for suffix in ("", f".{namespace}.svc", f".{namespace}.svc.cluster.local"))
    usages = frozenset({"server auth", "client auth"} if like == "storage" else {"server auth"})
    common_name = {"database": "cryostat-db"}.get(like, f"cryostat-{like}")
    request = CertificateRequest(
        Key("Secret", namespace, f"{NAME}-{like}-tls"), common_name, hosts, usages, Key("Secret", namespace, ca_secret)
    )
    return authority.issue_certificate(
        request, authority.CertificateAuthority.from_data(secret(api, namespace, ca_secret)), None, now
    )


def serials(api: Api, namespace: str) -> dict[str, int]:
    return {leaf: serial(secret(api, namespace, f"{NAME}-{leaf}")) for leaf in CERTIFICATES}


@pytest.fixture(scope="module")
def running(installed_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    """An operator for all tests of this file."""
    with running_scenario(installed_plane, tmp_path_factory, ON) as scenario:
        yield scenario
        scenario.clean()


@pytest.fixture(autouse=True)
def log(running: Scenario) -> Iterator[None]:
    """Show what the operator logs during a test, if the test fails."""
    before = running.log_size()
    yield
    print(f"--- log of the operator ---\n{running.log_since(before)}")


def create(scenario: Scenario) -> tuple[str, str]:
    """Create a Cryostat, wait until it is Ready, and return its namespace and that of its agents."""
    here, there = scenario.namespace("test"), scenario.namespace("agents")
    scenario.plane.add_volumes(2)
    scenario.api.create(cryostat(here, here, there))
    eventually(lambda: ready(scenario.api, here))
    return here, there


@pytest.fixture(scope="module")
def shared(running: Scenario) -> tuple[str, str]:
    """The instance of all tests that leave it Ready, with the same authority: its namespace, and that of its agents."""
    return create(running)


@pytest.fixture
def instance(running: Scenario) -> tuple[str, str]:
    """The same for one test."""
    return create(running)


@pytest.mark.parametrize("age", [61.0 + 4.5, 100.0, -400.0], ids=["due", "ended", "from-the-future"])
def test_renewed_certificates_restart_only_pods_that_cannot_reload_them(
    installed_plane: ControlPlane, shared: tuple[str, str], age: float
) -> None:
    """The storage reads its new certificate from the volume; the database is restarted."""
    api, (here, _) = installed_plane.api, shared
    before, running = serials(api, here), deployments(api, here)
    old = {f"{leaf}-tls": issued(api, here, leaf, time.time() - age * DAY) for leaf in ("database", "storage")}
    for leaf, certificate in old.items():
        write(api, here, f"{NAME}-{leaf}", certificate)
    eventually(lambda: all(serials(api, here)[leaf] not in (before[leaf], serial(old[leaf])) for leaf in old))
    eventually(lambda: ready(api, here))
    after = serials(api, here)
    assert {name for name in before if after[name] != before[name]} == set(old)
    changed = deployments(api, here)
    assert {name for name in running if changed[name] != running[name]} == {f"{NAME}-database"}


def test_an_event_names_agents_that_need_a_restart(installed_plane: ControlPlane, instance: tuple[str, str]) -> None:
    api, (here, there) = installed_plane.api, instance
    agent = names.agent_certificate(here, NAME, there)
    old = secret(api, there, agent)
    api.delete({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": agent, "namespace": here}})
    eventually(lambda: secret(api, there, agent)["tls.crt"] != old["tls.crt"])

    def renewal_events() -> list[Object]:
        return [e for e in api.list("v1", "Event", here) if e["reason"] == "AgentCertificateRenewed"]

    eventually(renewal_events)
    [event] = renewal_events()
    ends = x509.load_pem_x509_certificate(old["tls.crt"]).not_valid_after_utc
    assert event["type"] == "Normal"
    assert there in event["message"]
    assert f"{ends:%Y-%m-%dT%H:%M:%SZ}" in event["message"]


def test_an_authority_is_renewed_and_nothing_restarts(
    installed_plane: ControlPlane, instance: tuple[str, str], verify: Callable[..., str]
) -> None:
    api, (here, there) = installed_plane.api, instance
    before, running = serials(api, here), deployments(api, here)
    name = names.ca_secret(here, NAME)
    request = CertificateRequest(Key("Secret", here, name), "cryostat-ca")
    # The same CA, created long ago.
    young = secret(api, here, name)
    old = authority.ensure_ca(request, {**young, "ca.crt": b""}, time.time() - 2700 * DAY)
    assert old["tls.key"] == young["tls.key"]
    write(api, here, name, old)

    def renewed() -> bool:
        new = secret(api, here, name)
        return new["tls.crt"] != old["tls.crt"] and new["ca.crt"] == new["tls.crt"] + old["tls.crt"]

    eventually(renewed)
    eventually(lambda: secret(api, there, name)["tls.crt"] == secret(api, here, name)["ca.crt"])
    eventually(lambda: ready(api, here))
    assert serials(api, here) == before
    assert deployments(api, here) == running
    leaf = secret(api, here, f"{NAME}-database-tls")
    for trusted in ("tls.crt", "ca.crt"):
        whom = secret(api, here, name)[trusted]
        assert "OK" in verify({**leaf, "ca.crt": whom}, "sslserver", f"{NAME}-database")


# tests/unit/pki has tests for other invalid data.
RUBBISH = {
    "tls.crt": [b"", b"junk", b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"],
    "tls.key": [b"junk"],
    "ca.crt": [b"", b"junk"],
}


@pytest.mark.parametrize("key", RUBBISH)
def test_invalid_data_is_replaced(
    installed_plane: ControlPlane, shared: tuple[str, str], verify: Callable[..., str], key: str
) -> None:
    api, (here, there) = installed_plane.api, shared
    agent, authority = names.agent_certificate(here, NAME, there), names.ca_secret(here, NAME)
    host = f"a.{names.agent_callback_service(here, NAME)}.{there}.svc"

    def sound(junk: bytes) -> bool:
        root = secret(api, here, authority)["ca.crt"]
        own, theirs, copy = secret(api, here, f"{NAME}-tls"), secret(api, here, agent), secret(api, there, agent)
        assert {own["ca.crt"], theirs["ca.crt"], secret(api, there, authority)["tls.crt"]} == {root}
        assert copy == theirs
        assert junk not in (own[key], theirs[key])
        with suppress(subprocess.CalledProcessError):
            return "OK" in verify(own, "sslserver", NAME) and "OK" in verify(copy, "sslclient", host)
        return False

    for junk in RUBBISH[key]:
        for namespace, name in [(here, f"{NAME}-tls"), (here, agent), (there, agent), (here, authority)]:
            write(api, namespace, name, {key: junk})
        eventually(partial(sound, junk))
        eventually(lambda: ready(api, here))


def test_an_authority_of_another_owner_is_not_used(
    installed_plane: ControlPlane, instance: tuple[str, str], verify: Callable[..., str]
) -> None:
    api, (here, _) = installed_plane.api, instance
    name = names.ca_secret(here, NAME)
    theirs = authority.ensure_ca(CertificateRequest(Key("Secret", here, name), "another"), {}, time.time())
    write(api, here, name, theirs)
    eventually(lambda: secret(api, here, name)["tls.key"] != theirs["tls.key"])

    def trusts_ours() -> bool:
        root = secret(api, here, name)["ca.crt"]
        return {secret(api, here, f"{NAME}-{leaf}")["ca.crt"] for leaf in CERTIFICATES} == {root}

    eventually(trusts_ours)
    assert theirs["tls.crt"] not in secret(api, here, name)["ca.crt"]
    assert "OK" in verify(secret(api, here, f"{NAME}-tls"), "sslserver", NAME)


def test_a_secret_of_another_owner_is_not_changed_until_it_is_deleted(
    installed_plane: ControlPlane, running: Scenario
) -> None:
    api, here = installed_plane.api, running.namespace()
    installed_plane.add_volumes(2)
    name = f"{NAME}-database-tls"
    metadata = {"name": name, "namespace": here}
    theirs = api.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"tls.crt": "x"}})
    api.create(cryostat(here))
    eventually(lambda: tls_condition(api, here).get("reason") == "NameCollision")
    eventually(lambda: f"{NAME}-storage" in deployments(api, here))
    assert f"{NAME}-database" not in deployments(api, here)
    assert api.get("v1", "Secret", name, here)["data"] == theirs["data"]
    api.delete(theirs)
    eventually(lambda: ready(api, here))


def test_a_lost_authority_restarts_the_application_last(
    installed_plane: ControlPlane, instance: tuple[str, str]
) -> None:
    api, (here, _) = installed_plane.api, instance
    mark, name = installed_plane.audit_mark(), names.ca_secret(here, NAME)
    running = deployments(api, here)
    api.delete({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": here}})
    eventually(lambda: all(deployments(api, here)[each] > generation for each, generation in running.items()))
    events = installed_plane.audit_since(mark)
    order = [_restarted(event) for event in events if event["verb"] == "update" and _restarted(event)]
    assert order[-1] == NAME
    assert set(order[:-1]) == {f"{NAME}-database", f"{NAME}-storage"}
    rolled = [_scaled(event) for event in events[: events.index(_last(events, order))] if _scaled(event)]
    assert any(each.startswith(f"{NAME}-database") for each in rolled)
    eventually(
        lambda: condition(api.get(constants.API_VERSION, constants.KIND, NAME, here), "Ready")["status"] == "True"
    )


def _restarted(event: Object) -> str:
    reference = event.get("objectRef") or {}
    by_operator = "cryostat-operator" in event["user"]["username"] and not reference.get("subresource")
    return str(reference.get("name", "")) if by_operator and reference.get("resource") == "deployments" else ""


def _scaled(event: Object) -> str:
    """The ReplicaSet that a rollout created for new pods."""
    reference = event.get("objectRef") or {}
    made = event["verb"] == "create" and reference.get("resource") == "replicasets"
    return str(reference.get("name", "")) if made else ""


def _last(events: list[Object], order: list[str]) -> Object:
    return next(e for e in reversed(events) if e["verb"] == "update" and _restarted(e) == order[-1])
