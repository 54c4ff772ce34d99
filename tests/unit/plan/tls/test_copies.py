"""Copies of certificates in target namespaces."""

from __future__ import annotations

from dataclasses import replace

from cryostat_operator.plan.instance import Instance
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.certificates import CertificateInfo
from cryostat_operator.plan.model.kinds import Key
from cryostat_operator.plan.model.requests import CopyRequest
from cryostat_operator.plan.model.snapshot import NamespaceState
from cryostat_operator.plan.tls import copies
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import NAME, NAMESPACE, ClusterState, cryostat

CA = Key("Secret", NAMESPACE, names.ca_secret(NAMESPACE, NAME))
AGENT = Key("Secret", NAMESPACE, names.agent_certificate(NAMESPACE, NAME, "apps"))
KEYS = frozenset({"tls.crt", "tls.key", "ca.crt"})


def instance(*issued: Key, **namespaces: NamespaceState) -> Instance:
    state = ClusterState(cryostat({"targetNamespaces": [NAMESPACE, "apps"]}), settings=Settings(service_tls=True))
    state.with_certificates({key: CertificateInfo(KEYS) for key in issued})
    state.snapshot = replace(state.snapshot, namespaces={**state.snapshot.namespaces, **namespaces})
    return state.instance


def test_each_other_namespace_gets_the_ca_certificate_and_that_of_its_agents() -> None:
    found = copies.build(instance(CA, AGENT))
    requests = {request.key: request for request in found.requests}
    ca, agent = requests[CA._replace(namespace="apps")], requests[AGENT._replace(namespace="apps")]
    assert isinstance(ca, CopyRequest)
    assert isinstance(agent, CopyRequest)
    assert (ca.source, dict(ca.values)) == (CA, {"tls.crt": "ca.crt"})  # never its private key
    assert (agent.source, agent.keys) == (AGENT, KEYS)
    assert [obj["metadata"]["namespace"] for obj in found.objects] == ["apps", "apps"]
    assert found.blocked == ()


def test_a_copy_waits_for_its_source() -> None:
    found = copies.build(instance(CA))
    [blocked] = found.blocked
    assert (blocked.key, blocked.problem.reason) == (AGENT._replace(namespace="apps"), "WaitingForCertificate")
    assert len(found.requests) == 1
    assert blocked.problem.message == f"Secret apps/{AGENT.name} waits for its source, Secret here/{AGENT.name}."


def test_copies_in_an_unreachable_namespace_are_kept() -> None:
    found = copies.build(instance(CA, AGENT, apps=NamespaceState(terminating=True)))
    assert found.requests == ()
    assert {blocked.key.namespace for blocked in found.blocked} == {"apps"}
    assert {blocked.key.name for blocked in found.blocked} == {CA.name, AGENT.name}
