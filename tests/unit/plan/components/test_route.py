"""The Route of the application."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cryostat_operator.plan.components.exposure import application_url
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.kinds import KINDS, Key
from tests.unit.cluster_state import NAME, NAMESPACE, ClusterState, changes, cryostat, find, settled
from tests.unit.plan.components.exposed import with_host

ROUTE = Key("Route", NAMESPACE, NAME)
LINK = Key("ConsoleLink", "", names.instance_hash_name(NAMESPACE, NAME))


def admission(host: str, status: str = "True", **words: str) -> dict[str, Any]:
    return {"host": host, "conditions": [{"type": "Admitted", "status": status, **words}]}


def routed(*ingress: dict[str, Any], spec: dict[str, Any] | None = None) -> ClusterState:
    """A complete state on OpenShift with these router conditions of the Route."""
    state = settled(spec or {}, openshift=True)
    state.snapshot.live[ROUTE]["status"] = {"ingress": list(ingress)}
    return state


def test_the_route_leads_to_the_proxy_by_https() -> None:
    assert find(ClusterState(cryostat(), openshift=True).plan, "Route", NAME)["spec"] == {
        "to": {"kind": "Service", "name": NAME},
        "port": {"targetPort": 4180},
        "tls": {"termination": "edge", "insecureEdgeTerminationPolicy": "Redirect"},
    }


def test_a_generated_host_stays() -> None:
    assert find(settled(openshift=True).plan, "Route", NAME)["spec"]["host"] == "sample-here.apps.example.com"


def test_another_external_host_changes_the_route_and_then_address_and_link() -> None:
    state = settled(with_host("a.example.com"), openshift=True)
    before = state.plan
    after = state.with_spec(with_host("b.example.com")).plan
    assert find(after, "Route", NAME)["spec"]["host"] == "b.example.com"
    assert application_url(state.instance) is None
    assert after.blocked[LINK].problem.reason == "RouteNotAdmitted"
    assert changes(before, state.settle().plan) == {
        "Route/sample.spec.host": "b.example.com",
        f"ConsoleLink/{LINK.name}.spec.href": "https://b.example.com",
    }


def test_the_address_is_the_admitted_host() -> None:
    assert application_url(routed(admission("a.example.com")).instance) is None  # not the host of the Route
    host = "sample-here.apps.example.com"
    assert application_url(routed(admission(host, "False"), admission(host)).instance) == f"https://{host}"


def test_a_route_that_no_router_has_processed_is_not_reported_as_a_failure() -> None:
    state = ClusterState(cryostat(), openshift=True)
    [problem] = [p for p in state.plan.problems if p.component == "exposure"]
    assert (problem.reason, problem.actionable) == ("RouteNotAdmitted", False)
    assert LINK not in state.plan.objects
    assert LINK not in state.plan.blocked  # nothing to keep


def test_a_rejection_is_reported_with_the_routers_message_and_removes_the_link() -> None:
    host = "sample-here.apps.example.com"
    state = routed(admission(host, "False", reason="HostAlreadyClaimed", message="route b has it"))
    [problem] = state.plan.problems
    assert (problem.reason, problem.actionable) == ("RouteRejected", True)
    assert "HostAlreadyClaimed: route b has it" in problem.message
    assert LINK not in {*state.plan.objects, *state.plan.blocked}
    assert Key("Deployment", NAMESPACE, NAME) in state.plan.objects


def test_clusters_without_routes_or_console_get_none() -> None:
    state = settled(openshift=True)
    state.snapshot = replace(state.snapshot, apis=frozenset(KINDS) - {"Route", "ConsoleLink"})
    assert ROUTE not in state.plan.objects
    assert LINK not in state.plan.objects
    assert state.plan.problems == []


def test_with_tls_the_route_waits_for_the_authority_and_then_trusts_it() -> None:
    state = ClusterState(cryostat({"enableCertManager": True}), openshift=True)
    assert state.plan.blocked[ROUTE].problem.reason == "CertificatePending"
    text = "Route sample does not exist yet: the certificate authority has no certificate."
    assert state.plan.blocked[ROUTE].problem.message == text
    tls = find(state.settle().plan, "Route", NAME)["spec"]["tls"]
    assert (tls["termination"], tls["destinationCACertificate"]) == ("reencrypt", "PEM")
