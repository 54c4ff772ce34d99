"""A snapshot of a cluster in which everything exists that a Cryostat needs."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.plan.assumed import assumed_certificate, assumed_data, assumed_issued, assumed_snapshot
from cryostat_operator.plan.model.certificates import KEYS, CertificateInfo
from cryostat_operator.plan.model.kinds import Key
from cryostat_operator.plan.model.requests import CertificateRequest, CopyRequest
from cryostat_operator.plan.planner import build, complete
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import NAME, NAMESPACE, cryostat

SETTINGS = Settings(service_tls=True)
CA = CertificateRequest(Key("Secret", NAMESPACE, "ca"), "cryostat-ca")
SERVER = CertificateRequest(
    Key("Secret", NAMESPACE, "server"), "server", ("a.svc",), frozenset({"server auth"}), CA.key, rsa=True
)


def known() -> dict[Key, CertificateInfo]:
    found = {CA.key: assumed_certificate(CA, {})}
    return found | {SERVER.key: assumed_certificate(SERVER, found)}


@pytest.mark.parametrize("openshift", [False, True])
@pytest.mark.parametrize("spec", [{}, {"enableCertManager": True}], ids=["built-in", "cert-manager"])
def test_nothing_is_missing_but_the_content_of_secrets(spec: dict[str, Any], openshift: bool) -> None:
    given = cryostat({**spec, "targetNamespaces": ["apps"]})
    snapshot = assumed_snapshot(given, SETTINGS, openshift=openshift)
    assert set(snapshot.namespaces) == {NAMESPACE, "apps"}
    assert (snapshot.serves("Route"), snapshot.serves("Issuer")) == (openshift, bool(spec))
    desired = build(given, snapshot, SETTINGS)
    assert Key("Deployment", NAMESPACE, NAME) in complete(desired, {}).blocked
    assert complete(desired, assumed_data(desired)).blocked == {}


def test_a_secret_has_the_keys_that_are_needed_and_those_that_are_generated() -> None:
    given = cryostat({"databaseOptions": {"secretName": "mine"}})
    desired = build(given, assumed_snapshot(given, SETTINGS, openshift=False), SETTINGS)
    data = assumed_data(desired)
    mine, login = data["Secret", "mine"], data["Secret", "sample-basic-auth"]
    assert mine is not None
    assert mine.keys == {"CONNECTION_KEY", "ENCRYPTION_KEY"}
    assert login is not None
    assert login.keys > {"htpasswd"}


def test_an_authority_signs_itself() -> None:
    ca = known()[CA.key]
    assert ca.is_ca
    assert ca.pem
    assert ca.issuer_id == ca.key_id
    assert ca.trusted == {ca.key_id}


def test_a_certificate_is_as_requested_and_trusts_its_authority() -> None:
    ca, server = known()[CA.key], known()[SERVER.key]
    assert (server.common_name, server.rsa) == ("server", True)
    assert (server.dns_names, server.usages) == (frozenset({"a.svc"}), frozenset({"server auth"}))
    assert not server.is_ca
    assert server.issuer_id == ca.key_id != server.key_id
    assert server.digests["ca.crt"] == ca.digests["ca.crt"]


def test_a_copy_has_the_digests_of_its_source() -> None:
    request = CopyRequest(Key("Secret", "apps", "copy"), SERVER.key, {"authority": "ca.crt", "unknown": "other"})
    source = known()[SERVER.key]
    found = assumed_certificate(request, known())
    assert found.digests == {"authority": source.digests["ca.crt"]}
    assert (found.keys, found.key_id) == (frozenset({"authority", "unknown"}), source.key_id)


def test_a_secret_of_cert_manager_has_all_keys() -> None:
    assert (assumed_issued(is_ca=False).keys, assumed_issued(is_ca=False).pem) == (KEYS, "")
    assert assumed_issued(is_ca=True).pem
