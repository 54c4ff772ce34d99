"""The real cert-manager issues the requested certificates; the issuer changes in every direction."""

from __future__ import annotations

import time
from collections.abc import Callable

from cryostat_operator.api import constants
from cryostat_operator.plan.model import names
from tests.cluster import cert_manager
from tests.cluster.api import Api, Object, condition, eventually
from tests.cluster.cert_manager import CertManager
from tests.cluster.cert_manager_plane import installed as installed
from tests.cluster.cert_manager_plane import issued as issued
from tests.cluster.cert_manager_plane import manager as manager
from tests.cluster.cert_manager_plane import operator as operator
from tests.cluster.cert_manager_plane import plane as plane
from tests.cluster.cert_manager_plane import running as running
from tests.cluster.conftest import NamespaceFactory
from tests.cluster.controlplane import ControlPlane
from tests.cluster.operator_process import operator_requests
from tests.cluster.scenario import Scenario
from tests.cluster.tls import (
    CERTIFICATES,
    NAME,
    SLOW,
    Secret,
    by_cert_manager,
    by_operator,
    cryostat,
    deployments,
    is_idle,
    kept_objects,
    ready,
    secret,
    tls_condition,
)


def is_disabled(api: Api, namespace: str) -> bool:
    return ready(api, namespace, "CertManagerDisabled")


def issuer_objects(api: Api, *namespaces: str) -> set[str]:
    """The names of the objects of the former issuer."""
    found = [s for namespace in namespaces for s in api.list("v1", "Secret", namespace) if "tls.crt" in s["data"]]
    for kind in ("Issuer", "Certificate"):
        if api.find("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{kind.lower()}s.cert-manager.io"):
            found += [o for namespace in namespaces for o in api.list(cert_manager.API_VERSION, kind, namespace)]
    return {f"{obj['metadata']['namespace']}/{obj['metadata']['name']}" for obj in found}


def owners(api: Api, namespace: str) -> set[str]:
    """The kinds of the owners of all Secrets with certificates."""
    secrets = [s for s in api.list("v1", "Secret", namespace) if "tls.crt" in s["data"]]
    return {reference["kind"] for s in secrets for reference in s["metadata"].get("ownerReferences", [])}


def test_the_issuer_changes_in_every_direction(
    plane: ControlPlane,
    namespace: NamespaceFactory,
    operator: Scenario,
    verify: Callable[..., str],
    manager: CertManager,
) -> None:
    api, here, there = plane.api, namespace(plane), namespace(plane, "agents")
    live = api.create(cryostat(here, here, there))

    def ask(way: bool | None) -> None:
        api.patch(live, {"spec": {"enableCertManager": way}})

    def reaches(state: Callable[[Api, str], bool]) -> Secret:
        eventually(lambda: state(api, here), SLOW, state.__name__)
        assert kept_objects(api, here) == kept
        if state is is_disabled:
            eventually(lambda: not issuer_objects(api, here, there))
            return {}
        agent = names.agent_certificate(here, NAME, there)
        eventually(lambda: secret(api, there, agent) == secret(api, here, agent))
        found = secret(api, here, f"{NAME}-tls")
        assert "OK" in verify(found, "sslserver", NAME)
        return found

    eventually(lambda: by_operator(api, here), SLOW)
    kept = kept_objects(api, here)
    first = reaches(by_operator)
    manager.install()
    second = reaches(by_cert_manager)  # built-in → cert-manager
    assert second["ca.crt"] != first["ca.crt"]
    eventually(lambda: owners(api, here) == {"Certificate"})
    ask(False)
    reaches(is_disabled)  # cert-manager → off
    ask(True)
    reaches(by_cert_manager)  # off → cert-manager
    ask(None)
    manager.uninstall()
    third = reaches(by_operator)  # cert-manager → built-in
    assert third["ca.crt"] != second["ca.crt"]
    eventually(lambda: owners(api, here) == {"Cryostat"})
    ask(False)
    reaches(is_disabled)  # built-in → off
    ask(None)
    reaches(by_operator)  # off → built-in
    ask(True)
    eventually(lambda: tls_condition(api, here)["reason"] == "CertManagerUnavailable")
    ask(None)
    reaches(by_operator)  # changed back before it was complete
    manager.install()
    reaches(by_cert_manager)
    api.delete(live)
    eventually(lambda: not issuer_objects(api, here, there), SLOW)


def test_a_stopped_cert_manager_blocks_only_objects_that_need_certificates(
    plane: ControlPlane, namespace: NamespaceFactory, operator: Scenario, manager: CertManager
) -> None:
    api, here = plane.api, namespace(plane)
    manager.define()
    live: Object = api.create(cryostat(here))
    eventually(lambda: tls_condition(api, here).get("reason") == "WaitingForCertificate")
    eventually(lambda: len(api.list("v1", "Service", here)) == 5)
    assert not [e for e in api.list("v1", "Event", here) if e["type"] == "Warning"]

    def says(reason: str, words: str) -> bool:
        found = condition(api.get(constants.API_VERSION, constants.KIND, NAME, here), "Ready")
        assert (found["status"], found["reason"]) == ("False", reason), found
        assert words in found["message"], found
        return True

    eventually(lambda: says("WaitingForCertificate", f"Certificate {here}/{NAME}-"), what="a Certificate is named")
    words = f"Certificate {here}/{NAME}-ca is not ready: cert-manager has not reported its status"
    eventually(lambda: says("CertificateNotIssued", words), 2 * SLOW, "the wait becomes a problem after a minute")
    [event] = eventually(lambda: [e for e in api.list("v1", "Event", here) if e["type"] == "Warning"])
    assert (event["reason"], event["count"]) == ("CertificateNotIssued", 1)
    api.patch(live, {"spec": {"enableCertManager": False}})
    eventually(lambda: is_disabled(api, here))


def test_every_certificate_is_issued_and_verifies(
    plane: ControlPlane,
    installed: CertManager,
    namespace: NamespaceFactory,
    operator: Scenario,
    verify: Callable[..., str],
) -> None:
    api, here, there = plane.api, namespace(plane), namespace(plane, "agents")
    mark, started = plane.audit_mark(), time.monotonic()
    api.create(cryostat(here, there))
    eventually(lambda: len(deployments(api, here)) == 3, SLOW, interval=0.05)
    seconds = time.monotonic() - started
    eventually(lambda: by_cert_manager(api, here), SLOW)
    requests = operator_requests(plane.audit_since(mark))
    print(f"{seconds:.2f} s, {len(requests)} requests")
    for each in CERTIFICATES:
        service = NAME if each == "tls" else f"{NAME}-{each.removesuffix('-tls')}"
        assert "OK" in verify(secret(api, here, f"{NAME}-{each}"), "sslserver", f"{service}.{here}.svc.cluster.local")
    assert "keystore.p12" in secret(api, here, f"{NAME}-tls")
    agent = names.agent_certificate(here, NAME, there)
    assert secret(api, there, agent) == secret(api, here, agent)
    assert owners(api, here) == {"Certificate"}
    eventually(lambda: is_idle(plane), SLOW, "no request for two seconds")


def test_a_field_of_another_client_does_not_issue_a_certificate_again(
    plane: ControlPlane, installed: CertManager, namespace: NamespaceFactory, operator: Scenario
) -> None:
    api, here = plane.api, namespace(plane)
    api.create(cryostat(here))
    eventually(lambda: by_cert_manager(api, here), SLOW)
    live = api.get(cert_manager.API_VERSION, "Certificate", f"{NAME}-database", here)
    before = secret(api, here, f"{NAME}-database-tls")
    api.patch(live, {"spec": {"revisionHistoryLimit": 3}})
    time.sleep(2)
    after = api.get(cert_manager.API_VERSION, "Certificate", f"{NAME}-database", here)
    assert after["spec"]["revisionHistoryLimit"] == 3
    assert secret(api, here, f"{NAME}-database-tls") == before
    issuer = api.get(cert_manager.API_VERSION, "Issuer", f"{NAME}-self-signed", here)
    api.patch(issuer, {"spec": {"selfSigned": None, "ca": {"secretName": "other"}}})
    eventually(lambda: "selfSigned" in api.get(cert_manager.API_VERSION, "Issuer", f"{NAME}-self-signed", here)["spec"])


def test_certificates_follow_a_new_authority(
    plane: ControlPlane, issued: tuple[str, str], verify: Callable[..., str]
) -> None:
    api, (here, there) = plane.api, issued
    authority = names.ca_secret(here, NAME)
    old = secret(api, here, authority)["tls.crt"]
    api.delete({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": authority, "namespace": here}})

    def replaced() -> bool:
        new = secret(api, here, authority)["tls.crt"]
        agent = names.agent_certificate(here, NAME, there)
        trusted = [secret(api, here, f"{NAME}-{each}")["ca.crt"] for each in CERTIFICATES]
        return new != old and {new} == {
            *trusted,
            secret(api, there, agent)["ca.crt"],
            secret(api, there, authority)["tls.crt"],
        }

    eventually(replaced, SLOW)
    eventually(lambda: by_cert_manager(api, here), SLOW)
    assert "OK" in verify(secret(api, here, f"{NAME}-tls"), "sslserver", NAME)
