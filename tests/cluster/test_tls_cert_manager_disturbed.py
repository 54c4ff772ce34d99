"""The real cert-manager with foreign Secrets, damaged Secrets, and without its CRDs."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from cryptography.hazmat.primitives.serialization import pkcs12

from cryostat_operator.plan.model import names
from tests.cluster.api import eventually
from tests.cluster.cert_manager import CertManager
from tests.cluster.cert_manager_plane import installed as installed
from tests.cluster.cert_manager_plane import issued as issued
from tests.cluster.cert_manager_plane import manager as manager
from tests.cluster.cert_manager_plane import operator as operator
from tests.cluster.cert_manager_plane import plane as plane
from tests.cluster.cert_manager_plane import running as running
from tests.cluster.conftest import NamespaceFactory
from tests.cluster.controlplane import ControlPlane
from tests.cluster.scenario import Scenario
from tests.cluster.tls import (
    CERTIFICATES,
    NAME,
    SLOW,
    by_cert_manager,
    cryostat,
    deployments,
    is_idle,
    kept_objects,
    ready,
    secret,
    tls_condition,
    write,
)


def test_it_waits_for_cert_manager_and_continues_when_it_is_installed_and_installed_again(
    plane: ControlPlane, namespace: NamespaceFactory, operator: Scenario, manager: CertManager
) -> None:
    api, here = plane.api, namespace(plane)
    api.create(cryostat(here, enableCertManager=True))
    eventually(lambda: tls_condition(api, here).get("reason") == "CertManagerUnavailable")
    time.sleep(2)
    events = [e for e in api.list("v1", "Event", here) if e["reason"] == "CertManagerUnavailable"]
    assert len(events) == 1
    assert len(api.list("v1", "Service", here)) == 5
    assert not deployments(api, here)
    manager.install()
    eventually(lambda: by_cert_manager(api, here), SLOW)
    kept, running = kept_objects(api, here), set(deployments(api, here))
    manager.uninstall()
    eventually(lambda: tls_condition(api, here).get("reason") == "CertManagerUnavailable", SLOW)
    assert not ready(api, here)
    assert set(deployments(api, here)) == running
    manager.install()
    eventually(lambda: by_cert_manager(api, here), SLOW)
    assert kept_objects(api, here) == kept
    assert set(deployments(api, here)) == running


def test_a_secret_of_another_owner_is_not_overwritten(
    plane: ControlPlane, installed: CertManager, namespace: NamespaceFactory, operator: Scenario
) -> None:
    api, here = plane.api, namespace(plane)
    metadata = {"name": f"{NAME}-database-tls", "namespace": here}
    theirs = api.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"key": "value"}})
    api.create(cryostat(here))
    eventually(lambda: tls_condition(api, here).get("reason") == "NameCollision", SLOW)
    eventually(lambda: f"{NAME}-storage" in deployments(api, here), SLOW)
    assert api.get("v1", "Secret", metadata["name"], here)["data"] == theirs["data"]
    assert f"{NAME}-database" not in deployments(api, here)
    api.delete(theirs)
    eventually(lambda: by_cert_manager(api, here), SLOW)


def test_damaged_and_lost_secrets_are_issued_again(
    plane: ControlPlane, issued: tuple[str, str], verify: Callable[..., str]
) -> None:
    api, (here, there) = plane.api, issued
    agent = names.agent_certificate(here, NAME, there)
    before = {each: secret(api, here, f"{NAME}-{each}") for each in CERTIFICATES}
    write(api, here, f"{NAME}-database-tls", {"tls.crt": b"rubbish"})
    write(api, here, f"{NAME}-reports-tls", {"tls.key": before["tls"]["tls.key"]})
    write(api, there, agent, {"tls.key": before["tls"]["tls.key"], "ca.crt": b"rubbish"})
    api.delete({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"{NAME}-storage-tls", "namespace": here}})
    changed = {"database-tls", "reports-tls", "storage-tls"}

    def issued_again() -> bool:
        now = {each: secret(api, here, f"{NAME}-{each}") for each in CERTIFICATES}
        return {each for each in CERTIFICATES if now[each]["tls.key"] != before[each]["tls.key"]} <= changed and all(
            now[each]["tls.crt"] != before[each]["tls.crt"] for each in changed
        )

    eventually(issued_again, SLOW)
    eventually(lambda: secret(api, there, agent) == secret(api, here, agent), SLOW)
    eventually(lambda: by_cert_manager(api, here), SLOW)
    for each in CERTIFICATES:
        service = NAME if each == "tls" else f"{NAME}-{each.removesuffix('-tls')}"
        found = secret(api, here, f"{NAME}-{each}")
        assert "OK" in verify(found, "sslserver", service)
        assert found["ca.crt"] == before[each]["ca.crt"]


def test_keystores_follow_a_password_that_is_generated_again(
    plane: ControlPlane, installed: CertManager, namespace: NamespaceFactory, operator: Scenario
) -> None:
    """cert-manager does not create a keystore again when its password changes. The application would not start."""
    api, here = plane.api, namespace(plane)
    api.create(cryostat(here))
    eventually(lambda: by_cert_manager(api, here), SLOW)

    def password() -> bytes:
        return secret(api, here, f"{NAME}-keystore")["KEYSTORE_PASS"]

    def opens_with(password: bytes) -> bool:
        with suppress(ValueError):
            return bool(pkcs12.load_key_and_certificates(secret(api, here, f"{NAME}-tls")["keystore.p12"], password))
        return False

    eventually(lambda: is_idle(plane), SLOW, "no request for two seconds")
    before = password()
    assert opens_with(before)
    api.delete({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"{NAME}-keystore", "namespace": here}})
    eventually(lambda: api.find("v1", "Secret", f"{NAME}-keystore", here), SLOW)
    assert password() != before
    eventually(lambda: api.find("v1", "Secret", f"{NAME}-tls", here) and opens_with(password()), SLOW)
    eventually(lambda: by_cert_manager(api, here), SLOW)


def test_keys_in_a_removed_target_namespace_are_deleted(
    plane: ControlPlane, installed: CertManager, namespace: NamespaceFactory, operator: Scenario
) -> None:
    api, here, there = plane.api, namespace(plane), namespace(plane, "agents")
    live = api.create(cryostat(here, here, there))
    eventually(lambda: by_cert_manager(api, here), SLOW)
    assert len(api.list("v1", "Secret", there)) == 2
    api.patch(live, {"spec": {"targetNamespaces": [here]}})
    eventually(lambda: not api.list("v1", "Secret", there), SLOW)
    eventually(lambda: api.find("v1", "Secret", names.agent_certificate(here, NAME, there), here) is None, SLOW)
    eventually(lambda: by_cert_manager(api, here), SLOW)


def test_owner_references_of_cert_manager_are_kept(
    plane: ControlPlane, installed: CertManager, namespace: NamespaceFactory, operator: Scenario
) -> None:
    """With this option, cert-manager restores its owner references of Secrets, which have another field."""
    api, here, there = plane.api, namespace(plane), namespace(plane, "agents")
    with installed.restarted("--enable-certificate-owner-ref=true"):
        api.create(cryostat(here, there))
        eventually(lambda: by_cert_manager(api, here), SLOW)
        eventually(lambda: is_idle(plane), SLOW, "no request for two seconds")
        secrets = [found for found in api.list("v1", "Secret", here) if "ca.crt" in found["data"]]
        assert all(len(found["metadata"]["ownerReferences"]) == 1 for found in secrets)
        before = {found["metadata"]["name"]: found["metadata"]["resourceVersion"] for found in secrets}
        time.sleep(3)
        assert {name: api.get("v1", "Secret", name, here)["metadata"]["resourceVersion"] for name in before} == before
