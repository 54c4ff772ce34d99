"""Requests for certificates of the operator's own CA."""

from __future__ import annotations

from typing import Any

from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.kinds import Key
from cryostat_operator.plan.model.requests import CertificateRequest
from cryostat_operator.plan.tls import built_in, specs
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import NAME, NAMESPACE, ClusterState, cryostat

CA = Key("Secret", NAMESPACE, names.ca_secret(NAMESPACE, NAME))
KEYSTORE = Key("Secret", NAMESPACE, f"{NAME}-tls")


def state(**data: str) -> ClusterState:
    found = ClusterState(cryostat(), settings=Settings(service_tls=True))
    return found.with_data("Secret", f"{NAME}-keystore", **data)


def requests(given: ClusterState) -> dict[Key, CertificateRequest]:
    found = built_in.build(given.instance).requests
    return {request.key: request for request in found if isinstance(request, CertificateRequest)}


def test_the_ca_signs_itself_and_all_others() -> None:
    found = requests(state(KEYSTORE_PASS="p"))
    assert found[CA].ca is None
    assert {request.ca for key, request in found.items() if key != CA} == {CA}
    assert {key.name for key in found} == {CA.name, *(each.secret for each in specs.certificates(state().instance))}


def test_keystores_wait_for_their_password() -> None:
    plan = built_in.build(state().instance)
    [blocked] = plan.blocked
    assert (blocked.key, blocked.problem.reason) == (KEYSTORE, "SecretPending")
    assert KEYSTORE not in requests(state())
    assert blocked.problem.message == (
        f"The keystore in Secret here/{KEYSTORE.name} waits for its password, in Secret sample-keystore."
    )


def test_the_password_of_the_keystore_is_identified_by_a_digest() -> None:
    first, other = state(KEYSTORE_PASS="p"), ClusterState(cryostat(), settings=Settings(service_tls=True))
    other.with_data("Secret", f"{NAME}-keystore", "KEYSTORE_PASS", digest="changed")
    one, two = (requests(each)[KEYSTORE] for each in (first, other))
    assert one.password == (Key("Secret", NAMESPACE, f"{NAME}-keystore"), "KEYSTORE_PASS")
    assert one.password_digest != two.password_digest
    objects: dict[str, Any] = {obj["metadata"]["name"]: obj for obj in built_in.build(first.instance).objects}
    assert one.password_digest in objects[KEYSTORE.name]["metadata"]["annotations"].values()


def test_a_secret_of_cert_manager_is_not_overwritten() -> None:
    certificate = {"kind": "Certificate", "metadata": {"name": f"{NAME}-database", "namespace": NAMESPACE}}
    plan = built_in.build(state(KEYSTORE_PASS="p").with_live(certificate).instance)
    [blocked] = plan.blocked
    assert blocked.key == Key("Secret", NAMESPACE, f"{NAME}-database-tls")
    assert blocked.key not in {request.key for request in plan.requests}
    assert blocked.problem.message == (
        "Certificate here/sample-database of cert-manager is being deleted; "
        "the operator issues the certificate itself afterwards."
    )
