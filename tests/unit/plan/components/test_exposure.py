"""Route, Ingress, application URL and console link."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.plan.components import ingress_backend
from cryostat_operator.plan.components.exposure import application_url, served_url
from cryostat_operator.plan.conditions import Report, status_for
from cryostat_operator.plan.model.kinds import Key
from cryostat_operator.plan.model.problems import Problem
from cryostat_operator.plan.model.reasons import Reason
from tests.unit.cluster_state import NAME, NAMESPACE, ClusterState, changes, find, names_of, reasons, settled
from tests.unit.plan.components.exposed import with_host

BACKEND = {"service": {"name": NAME, "port": {"number": 4180}}}


def with_ingress(**spec: Any) -> dict[str, Any]:
    return {"networkOptions": {"coreConfig": {"ingressSpec": spec}}}


def rule(
    host: str | None, path: str = "/", kind: str = "Prefix", backend: dict[str, Any] | None = None
) -> dict[str, Any]:
    paths = [{"path": path, "pathType": kind, "backend": backend or BACKEND}]
    return ({"host": host} if host else {}) | {"http": {"paths": paths}}


def test_a_service_of_another_type_and_port() -> None:
    spec = {"serviceOptions": {"coreConfig": {"httpPort": 8080, "serviceType": "NodePort", "labels": {"app": "no"}}}}
    found = changes(settled().plan, settled(spec).plan)
    assert {path for path in found if path.startswith("Service/")} == {
        "Service/sample.spec.ports[http].port",
        "Service/sample.spec.type",
    }


# --- OpenShift ---


def test_labels_and_annotations_of_the_user() -> None:
    config = {"labels": {"router": "internal", "app": "no"}, "annotations": {"a": "b"}}
    metadata = find(settled({"networkOptions": {"coreConfig": config}}, openshift=True).plan, "Route", NAME)["metadata"]
    assert metadata["labels"].items() >= {"router": "internal", "app": NAME, "component": "cryostat"}.items()
    assert metadata["annotations"] == {"a": "b"}


# --- other platforms ---


@pytest.mark.parametrize(
    ("ingress", "url"),
    [
        ({"rules": []}, None),
        ({"rules": [], "defaultBackend": BACKEND}, None),
        ({"defaultBackend": BACKEND}, None),
        ({"rules": [{"host": "a.example.com"}]}, "http://a.example.com"),
        ({"rules": [rule("a.example.com")]}, "http://a.example.com"),
        ({"rules": [rule("a.example.com")], "tls": []}, "http://a.example.com"),
        ({"rules": [rule("a.example.com")], "tls": [{"secretName": "s"}]}, "https://a.example.com"),
        ({"rules": [rule("a.example.com")], "tls": [{"hosts": ["b.example.com"]}]}, "http://a.example.com"),
        ({"rules": [rule("a.example.com")], "tls": [{"hosts": ["*.example.com"]}]}, "https://a.example.com"),
        ({"rules": [rule("*.example.com")]}, None),
        ({"rules": [rule(None), rule("b.example.com")]}, "http://b.example.com"),
        ({"rules": [rule("a.example.com", "/cryostat/")]}, "http://a.example.com/cryostat"),
        ({"rules": [rule("a.example.com", "/c(/|$)(.*)", "ImplementationSpecific")]}, "http://a.example.com"),
        (
            {"rules": [rule("a.example.com", backend={"service": {"name": "other"}}), rule("b.example.com")]},
            "http://b.example.com",
        ),
    ],
)
def test_the_address_is_that_of_the_rule_with_this_backend(ingress: dict[str, Any], url: str | None) -> None:
    assert application_url(settled(with_ingress(**ingress)).instance) == url


def exposed(state: ClusterState, *refusals: Problem) -> dict[str, Any]:
    conditions = status_for(state.instance, state.plan, Report(refusals), "now")["conditions"]
    return next((each for each in conditions if each["type"] == "Exposed"), {})


def test_an_ingress_that_does_not_exist_has_no_address() -> None:
    state = settled(with_ingress(rules=[rule("a.example.com")]))
    assert served_url(state.instance) == "http://a.example.com"
    refused = settled(with_ingress(rules=[rule("a.example.com")])).with_spec(with_ingress(rules=[rule("b")]))
    assert (application_url(refused.instance), served_url(refused.instance)) == ("http://b", None)
    assert status_for(refused.instance, refused.plan, Report(), "now")["applicationUrl"] == ""
    found = exposed(refused)
    assert found["status"] == "Unknown"
    assert found["message"] == (
        "The application has no address: Ingress sample with the host of the spec does not exist. See Reconciled for "
        "the cause."
    )


@pytest.mark.parametrize("host", ["[x", "a[b]", "a\u2100b"])
def test_a_host_that_the_api_server_refuses_does_not_fail(host: str) -> None:
    """It is no host of a URL either."""
    refused = settled().with_spec(with_ingress(rules=[rule(host)]))
    assert exposed(refused)["reason"] == "AddressNotReported"
    assert status_for(refused.instance, refused.plan, Report(), "now")["applicationUrl"] == ""


def test_an_ingress_without_a_host_has_no_condition() -> None:
    assert exposed(settled(with_ingress(defaultBackend=BACKEND))) == {}


def test_a_route_that_was_refused_is_not_also_reported_as_not_admitted() -> None:
    state = settled(openshift=True)
    state.with_live({**find(state.plan, "Route", NAME), "status": {}})
    assert exposed(state)["reason"] == "RouteNotAdmitted"
    refused = Problem("exposure", Reason.ROUTE_INVALID, "Route sample was refused.")
    assert exposed(state, refused)["message"] == refused.message


def test_a_load_balancer_without_an_address_is_reported() -> None:
    state = settled({"serviceOptions": {"coreConfig": {"serviceType": "LoadBalancer"}}})
    assert exposed(state)["reason"] == "AddressNotReported"
    live = find(state.plan, "Service", NAME)
    state.with_live({**live, "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}})
    assert exposed(state) == {}


def test_the_ingress_has_the_given_spec() -> None:
    plan = settled(with_ingress(rules=[rule("a.example.com")], ingressClassName="nginx")).plan
    assert find(plan, "Ingress", NAME)["spec"] == {"rules": [rule("a.example.com")], "ingressClassName": "nginx"}


def test_no_ingress_without_a_spec() -> None:
    assert names_of(settled().plan, "Ingress") == set()
    assert names_of(settled(with_ingress()).plan, "Ingress") == set()


def test_settings_of_the_other_platform_are_reported_and_not_used() -> None:
    plain, openshift = settled(with_host("a.example.com")).plan, settled(with_ingress(rules=[]), openshift=True).plan
    assert reasons(plain.warnings) == {"LoginGenerated", "ExternalHostIgnored"}
    assert reasons(openshift.warnings) == {"IngressSpecIgnored"}
    messages = [problem.message for plan in (plain, openshift) for problem in plan.warnings]
    assert messages[-2:] == [
        "spec.networkOptions.coreConfig.externalHost has no effect: the cluster does not serve Routes. "
        "Use spec.networkOptions.coreConfig.ingressSpec instead.",
        "spec.networkOptions.coreConfig.ingressSpec has no effect: a Route exposes the application on OpenShift. "
        "Use spec.networkOptions.coreConfig.externalHost instead.",
    ]
    assert plain.problems == openshift.problems == []
    assert names_of(openshift, "Ingress") == set()
    assert reasons(settled(with_host("a.example.com"), openshift=True).plan.warnings) == set()


# --- what Ingress controllers need in order to call the application by HTTPS ---

TLS: dict[str, Any] = {"enableCertManager": True}


def with_class(name: str, **annotations: str) -> dict[str, Any]:
    spec = {"ingressClassName": name, "rules": [rule("jfr.example.com")]}
    config = {"ingressSpec": spec, "annotations": annotations}
    return {"networkOptions": {"coreConfig": config}}


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("nginx", "Ingress", {"nginx.ingress.kubernetes.io/backend-protocol": "HTTPS", "nginx.org/ssl-services": NAME}),
        ("internal-nginx", "Ingress", {"nginx.ingress.kubernetes.io/backend-protocol": "HTTPS"}),
        ("haproxy", "Ingress", {"haproxy.org/server-ssl": "true"}),
        ("haproxy", "Ingress", {"haproxy-ingress.github.io/backend-protocol": "h1-ssl"}),
        ("alb", "Ingress", {"alb.ingress.kubernetes.io/backend-protocol": "HTTPS"}),
        ("traefik", "Service", {"traefik.ingress.kubernetes.io/service.serversscheme": "https"}),
        ("gce-internal", "Service", {"cloud.google.com/app-protocols": '{"http":"HTTPS"}'}),
    ],
)
def test_known_controllers_call_the_application_by_https(name: str, kind: str, expected: dict[str, str]) -> None:
    annotations = find(settled(TLS | with_class(name)).plan, kind, NAME)["metadata"]["annotations"]
    assert expected.items() <= annotations.items()
    without_tls = find(settled(with_class(name)).plan, kind, NAME)["metadata"]
    assert not expected.keys() & without_tls.get("annotations", {}).keys()


def test_an_annotation_of_the_user_takes_precedence() -> None:
    key = "nginx.ingress.kubernetes.io/backend-protocol"
    spec = TLS | with_class("nginx", **{key: "GRPCS"})
    assert find(settled(spec).plan, "Ingress", NAME)["metadata"]["annotations"][key] == "GRPCS"
    key = "traefik.ingress.kubernetes.io/service.serversscheme"
    spec = TLS | with_class("traefik") | {"serviceOptions": {"coreConfig": {"annotations": {key: "h2c"}}}}
    assert find(settled(spec).plan, "Service", NAME)["metadata"]["annotations"][key] == "h2c"


def test_the_class_may_be_an_annotation() -> None:
    spec = TLS | with_ingress(rules=[rule("a.example.com")])
    spec["networkOptions"]["coreConfig"]["annotations"] = {"kubernetes.io/ingress.class": "alb"}
    annotations = find(settled(spec).plan, "Ingress", NAME)["metadata"]["annotations"]
    assert annotations["alb.ingress.kubernetes.io/backend-protocol"] == "HTTPS"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (TLS | with_class("nginx"), ""),
        (with_class("kong"), ""),
        (TLS, ""),
        (TLS | with_class("kong"), "does not know the controller of IngressClass kong: in spec.networkOptions"),
        (TLS | with_ingress(rules=[]), "does not know the controller of the default IngressClass"),
        (TLS | with_class("kong", **{"example.com/backend-protocol": "HTTPS"}), ""),
        (TLS | with_class("traefik"), "Traefik refuses the certificate of the Service"),
    ],
)
def test_the_note_names_what_the_user_has_to_configure(spec: dict[str, Any], expected: str) -> None:
    given = settled(spec).instance
    found = ingress_backend.problem(given)
    note = found.message if found else ingress_backend.unknown_controller(given)
    assert expected in note
    assert bool(note) == bool(expected)


def test_an_unknown_controller_does_not_make_the_condition_false() -> None:
    found = conditions(TLS | with_class("kong"))["Exposed"]
    assert (found["status"], found["reason"], found["message"]) == (
        "True",
        "AddressAssigned",
        "The application is served at http://jfr.example.com. The operator does not know the controller of "
        "IngressClass kong: in spec.networkOptions.coreConfig.annotations, set the annotation with which that "
        "controller calls Service sample by HTTPS.",
    )


NGINX_HTTP = {"nginx.ingress.kubernetes.io/backend-protocol": "HTTP"}
ALB_HTTP = {"alb.ingress.kubernetes.io/backend-protocol": "HTTP"}


@pytest.mark.parametrize(
    ("spec", "status", "reason", "beginning"),
    [
        (TLS | with_class("alb", **ALB_HTTP), "False", "BackendUnreachable", "Ingress sample cannot reach Service"),
        (TLS | with_class("nginx", **NGINX_HTTP), "Unknown", "BackendNotVerified", "Ingress sample may be unable to"),
        (TLS | with_class("traefik"), "Unknown", "BackendNotVerified", "Ingress sample may be unable to reach Service"),
        (
            with_ingress(rules=[rule("a.example.com", backend={"service": {"name": "other"}})]),
            "Unknown",
            "BackendNotVerified",
            "Ingress sample does not lead to Service sample: its backend is Service other.",
        ),
    ],
)
@pytest.mark.parametrize("address", [True, False])
def test_an_application_that_requests_may_not_reach_is_not_called_served(
    spec: dict[str, Any], status: str, reason: str, beginning: str, address: bool
) -> None:
    found = conditions(spec, address=address)
    exposed, ready = found["Exposed"], found["Ready"]
    assert (exposed["status"], exposed["reason"]) == (status, reason)
    assert exposed["message"].startswith(beginning)
    assert "is served at" not in exposed["message"]
    assert ("The Ingress also has no address: check that" in exposed["message"]) != address
    # The instance itself works: all components are available, and other ways to reach the application too.
    assert (ready["status"], ready["message"]) == ("True", "Cryostat is available")


def conditions(spec: dict[str, Any], address: bool = True) -> dict[str, Any]:
    """The conditions by type while all Deployments are available; `address`: of the Ingress, is reported."""
    state = settled(spec)
    live = state.snapshot.live
    available = {"conditions": [{"type": "Available", "status": "True"}]}
    state.with_live(*({**obj, "status": available} for key, obj in live.items() if key.kind == "Deployment"))
    if address:
        ingress = live[Key("Ingress", NAMESPACE, NAME)]
        state.with_live({**ingress, "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}})
    return {each["type"]: each for each in status_for(state.instance, state.plan, Report(), "now")["conditions"]}
