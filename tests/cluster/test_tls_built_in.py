"""The operator's CA on a real API server: certificates are issued, renewed, restored and deleted."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable

from cryostat_operator.api import constants
from cryostat_operator.plan.model import names
from tests.cluster.api import condition, eventually
from tests.cluster.conftest import NamespaceFactory, OperatorFactory
from tests.cluster.controlplane import ControlPlane
from tests.cluster.operator_process import operator_requests
from tests.cluster.tls import (
    CERTIFICATES,
    NAME,
    ON,
    cryostat,
    deployments,
    ready,
    secret,
    serial,
    tls_condition,
)


def test_every_certificate_is_issued_at_once_and_verifies(
    installed_plane: ControlPlane, namespace: NamespaceFactory, operator: OperatorFactory, verify: Callable[..., str]
) -> None:
    api, here, there = installed_plane.api, namespace(installed_plane), namespace(installed_plane, "agents")
    operator(installed_plane, ON)
    mark, started = installed_plane.audit_mark(), time.monotonic()
    api.create(cryostat(here, here, there))
    eventually(lambda: len(deployments(api, here)) == 3, interval=0.02)
    seconds = time.monotonic() - started
    requests = operator_requests(installed_plane.audit_since(mark))
    print(f"{seconds:.2f} s, {len(requests)} requests")
    eventually(lambda: ready(api, here))
    assert "own authority" in tls_condition(api, here)["message"]
    for each in CERTIFICATES:
        data = secret(api, here, f"{NAME}-{each}")
        service = NAME if each == "tls" else f"{NAME}-{each.removesuffix('-tls')}"
        assert "OK" in verify(data, "sslserver", f"{service}.{here}.svc.cluster.local")
    agent_secret = names.agent_certificate(here, NAME, there)
    source, copy = secret(api, here, agent_secret), secret(api, there, agent_secret)
    assert copy == source
    assert "OK" in verify(copy, "sslclient", f"a.{names.agent_callback_service(here, NAME)}.{there}.svc")
    public = secret(api, there, names.ca_secret(here, NAME))
    assert set(public) == {"tls.crt"}
    assert public["tls.crt"] == source["ca.crt"]


def test_lost_and_damaged_secrets_are_issued_again_by_the_same_authority(
    installed_plane: ControlPlane, namespace: NamespaceFactory, operator: OperatorFactory
) -> None:
    api, here = installed_plane.api, namespace(installed_plane)
    operator(installed_plane, ON)
    api.create(cryostat(here))
    eventually(lambda: ready(api, here))
    before = {each: secret(api, here, f"{NAME}-{each}") for each in CERTIFICATES}
    api.delete({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"{NAME}-database-tls", "namespace": here}})
    damaged = api.get("v1", "Secret", f"{NAME}-reports-tls", here)
    api.patch(damaged, {"data": {"tls.key": base64.b64encode(before["agent-tls"]["tls.key"]).decode()}})

    def issued_again() -> bool:
        now = {each: secret(api, here, f"{NAME}-{each}") for each in CERTIFICATES}
        changed = {each for each in CERTIFICATES if serial(now[each]) != serial(before[each])}
        return changed == {"database-tls", "reports-tls"} and len({data["ca.crt"] for data in now.values()}) == 1

    eventually(issued_again)
    eventually(lambda: ready(api, here))


def test_a_lost_authority_is_replaced_with_all_certificates_that_it_signed(
    installed_plane: ControlPlane, namespace: NamespaceFactory, operator: OperatorFactory, verify: Callable[..., str]
) -> None:
    api, here, there = installed_plane.api, namespace(installed_plane), namespace(installed_plane, "agents")
    operator(installed_plane, ON)
    api.create(cryostat(here, there))
    eventually(lambda: ready(api, here))
    authority = names.ca_secret(here, NAME)
    old = secret(api, here, authority)
    api.delete({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": authority, "namespace": here}})

    def replaced() -> bool:
        new = secret(api, here, authority)["ca.crt"]
        trusted = [secret(api, here, f"{NAME}-{each}")["ca.crt"] for each in CERTIFICATES]
        copies = [secret(api, there, authority)["tls.crt"]]
        copies.append(secret(api, there, names.agent_certificate(here, NAME, there))["ca.crt"])
        return new != old["ca.crt"] and {new, *trusted, *copies} == {new}

    eventually(replaced)
    assert "OK" in verify(secret(api, here, f"{NAME}-tls"), "sslserver", NAME)
    eventually(lambda: ready(api, here))


def test_nothing_is_written_when_idle_or_restarted(
    installed_plane: ControlPlane, namespace: NamespaceFactory, operator: OperatorFactory
) -> None:
    api, here, there = installed_plane.api, namespace(installed_plane), namespace(installed_plane, "agents")
    process = operator(installed_plane, ON)
    api.create(cryostat(here, there))
    eventually(lambda: ready(api, here))

    def is_idle() -> bool:
        mark = installed_plane.audit_mark()
        time.sleep(1)
        return not operator_requests(installed_plane.audit_since(mark))

    eventually(is_idle, what="the operator sends no requests for a second")
    mark = installed_plane.audit_mark()
    process.stop()
    operator(installed_plane, ON)
    time.sleep(2)
    events = operator_requests(installed_plane.audit_since(mark))
    writes = [(e["verb"], e["requestURI"]) for e in events if e["verb"] not in ("get", "list")]
    assert writes == []


def test_keys_are_deleted_with_target_namespaces_and_tls(
    installed_plane: ControlPlane, namespace: NamespaceFactory, operator: OperatorFactory
) -> None:
    api, here, there = installed_plane.api, namespace(installed_plane), namespace(installed_plane, "agents")
    operator(installed_plane, ON)
    live = api.create(cryostat(here, here, there))
    eventually(lambda: ready(api, here))
    agent = names.agent_certificate(here, NAME, there)
    api.patch(live, {"spec": {"targetNamespaces": [here]}})
    eventually(lambda: not api.list("v1", "Secret", there))
    eventually(lambda: api.find("v1", "Secret", agent, here) is None)
    api.patch(live, {"spec": {"targetNamespaces": [here, there]}})
    eventually(lambda: api.list("v1", "Secret", there))
    former = api.get("v1", "Namespace", there)
    api.delete(former)
    eventually(lambda: not api.find("v1", "Namespace", there), what="the namespace is deleted")
    api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": there}})
    eventually(lambda: api.find("v1", "Secret", agent, here) is None, what="the key of the former namespace is deleted")
    assert api.list("v1", "Secret", there) == []
    accepted = {constants.ANNOTATION_ACCEPT_NAMESPACES: api.get("v1", "Namespace", there)["metadata"]["uid"]}
    api.patch(live, {"metadata": {"annotations": accepted}})
    eventually(lambda: api.find("v1", "Secret", agent, there), what="a new key after the acceptance")
    api.patch(live, {"spec": {"targetNamespaces": [here, there], "enableCertManager": False}})
    eventually(lambda: ready(api, here, "CertManagerDisabled"))
    kept = {"basic-auth", "db", "oauth2-cookie", "storage"}
    eventually(lambda: {s["metadata"]["name"] for s in api.list("v1", "Secret", here)} == {f"{NAME}-{n}" for n in kept})
    assert (
        condition(api.get(constants.API_VERSION, constants.KIND, NAME, here), "AgentsAuthenticated")["reason"]
        == "TLSDisabled"
    )
    api.patch(live, {"spec": {"enableCertManager": None}})
    eventually(lambda: ready(api, here))
    api.delete(live)
    eventually(lambda: not api.list("v1", "Secret", there))
    eventually(lambda: not api.list("v1", "Secret", here))
