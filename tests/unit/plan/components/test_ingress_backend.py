"""Whether requests to the Ingress reach the application."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.plan.components import ingress_backend
from cryostat_operator.plan.model import names
from tests.unit.cluster_state import NAME, NAMESPACE
from tests.unit.plan.components.exposed import instance, path_to, rule, with_classes

NGINX_KEY = "nginx.ingress.kubernetes.io/backend-protocol"
CERTAIN, UNCERTAIN = "BackendUnreachable", "BackendNotVerified"


def on_service(**annotations: str) -> dict[str, Any]:
    return {"serviceOptions": {"coreConfig": {"annotations": annotations}}}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            {"rules": [rule("a", path_to("cryostat"))], "defaultBackend": {"service": {"name": "b"}}},
            "Ingress sample does not lead to Service sample: its backends are Services b and cryostat. Correct the "
            "backend in spec.networkOptions.coreConfig.ingressSpec, unless one of these Services forwards requests to "
            "Service sample.",
        ),
        (
            {"rules": [rule("a", path_to("other"))]},
            "Ingress sample does not lead to Service sample: its backend is Service other. Correct the backend in "
            "spec.networkOptions.coreConfig.ingressSpec, unless that Service forwards requests to Service sample.",
        ),
        ({"rules": [rule("a", path_to("other"), path_to(NAME))]}, ""),
        ({"rules": [rule("a")]}, ""),
        ({"defaultBackend": {"resource": {"kind": "Bucket", "name": "x"}}}, ""),
    ],
)
def test_an_ingress_that_leads_elsewhere_is_named(spec: dict[str, Any], expected: str) -> None:
    found = ingress_backend.problem(instance(spec))
    assert (found.message if found else "") == expected
    assert found is None or found.reason == UNCERTAIN, "the other Service may be a proxy of the user"
    assert ingress_backend.problem(instance(spec, openshift=True)) is None


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["/cryostat"], "/cryostat"),
        (["/cryostat/", "/jfr"], "/cryostat"),
        (["/cryostat(/|$)(.*)"], "/cryostat"),
        (["/cryostat/*"], "/cryostat"),
        (["/cryostat", "/"], ""),
        (["/(.*)"], ""),
        (["/*"], ""),
        ([""], ""),
        ([], ""),
    ],
)
@pytest.mark.parametrize("tls", [True, False])
def test_an_ingress_that_serves_the_application_below_a_path_is_named(
    paths: list[str], expected: str, tls: bool
) -> None:
    spec = {"ingressClassName": "nginx", "rules": [rule("a", *(path_to(NAME, path) for path in paths))]}
    found = ingress_backend.problem(instance(spec, tls=tls))
    text = (
        f"Ingress sample leads to the application only below {expected}: its pages refer to other paths of the host, "
        "such as /api. Use a host of its own and the path / in spec.networkOptions.coreConfig.ingressSpec."
    )
    assert (found and (found.reason, found.message)) == ((UNCERTAIN, text) if expected else None)
    assert ingress_backend.problem(instance({**spec, "defaultBackend": path_to(NAME)["backend"]}, tls=tls)) is None


def test_an_annotation_of_the_user_that_selects_http_is_named() -> None:
    given = with_classes(
        {"rules": [rule("a")]}, {"web": "k8s.io/ingress-nginx"}, "web", annotations={NGINX_KEY: "HTTP"}
    )
    found = ingress_backend.problem(given)
    assert found
    assert (found.reason, found.message) == (
        CERTAIN,
        f"Ingress sample cannot reach Service sample: annotation {NGINX_KEY} in "
        "spec.networkOptions.coreConfig.annotations selects HTTP, and the Service accepts only HTTPS. "
        "Remove the annotation, or select HTTPS.",
    )
    spec = {"ingressClassName": "nginx", "rules": [rule("a")]}
    assert ingress_backend.problem(instance(spec, annotations={NGINX_KEY: "HTTP"})) is None, "no TLS"


@pytest.mark.parametrize(
    ("name", "controller", "key", "reason"),
    [
        ("nginx", "k8s.io/ingress-nginx", NGINX_KEY, CERTAIN),
        ("nginx", "nginx.org/ingress-controller", NGINX_KEY, UNCERTAIN),
        ("haproxy", "haproxy.org/ingress-controller", "haproxy.org/server-ssl", CERTAIN),
        ("haproxy", "haproxy-ingress.github.io/controller", "haproxy.org/server-ssl", UNCERTAIN),
        ("alb", "ingress.k8s.aws/alb", "alb.ingress.kubernetes.io/backend-protocol", CERTAIN),
        ("alb", "ingress.k8s.aws/alb", NGINX_KEY, UNCERTAIN),
        ("kong", "ingress-controllers.konghq.com/kong", "konghq.com/backend-protocol", UNCERTAIN),
        ("nginx", "", NGINX_KEY, UNCERTAIN),
        ("alb", "", "alb.ingress.kubernetes.io/backend-protocol", CERTAIN),
        # A controller that reads the annotation of the Service does not read that of the Ingress.
        ("traefik", "traefik.io/ingress-controller", "traefik.ingress.kubernetes.io/service.serversscheme", UNCERTAIN),
    ],
)
def test_only_an_annotation_that_the_controller_reads_is_certain(
    name: str, controller: str, key: str, reason: str
) -> None:
    spec = {"ingressClassName": name, "rules": [rule("a")]}
    found = ingress_backend.problem(
        with_classes(spec, {name: controller} if controller else {}, annotations={key: "h1"})
    )
    assert found
    assert found.reason == reason
    assert ("may be unable to reach" in found.message) == (reason == UNCERTAIN)
    assert ("cannot reach" in found.message) == (reason == CERTAIN)


def test_the_annotation_that_the_controller_reads_is_named_first() -> None:
    own = {"a.example.com/backend-protocol": "HTTP", NGINX_KEY: "HTTP"}
    found = ingress_backend.problem(
        with_classes({"rules": [rule("a")]}, {"web": "k8s.io/ingress-nginx"}, "web", annotations=own)
    )
    assert found
    assert found.reason == CERTAIN
    assert f"annotation {NGINX_KEY} in spec.networkOptions" in found.message


def test_an_annotation_of_the_service_that_selects_http_is_named() -> None:
    key = "traefik.ingress.kubernetes.io/service.serversscheme"
    spec = {"ingressClassName": "traefik", "rules": [rule("a")]}
    found = ingress_backend.problem(instance(spec, tls=True, more=on_service(**{key: "http"})))
    assert found
    assert found.reason == CERTAIN
    assert f"annotation {key} in spec.serviceOptions.coreConfig.annotations selects HTTP" in found.message


def test_a_controller_that_verifies_needs_a_transport() -> None:
    spec = {"ingressClassName": "traefik", "rules": [rule("a")]}
    found = ingress_backend.problem(instance(spec, tls=True))
    assert found
    assert (found.reason, found.message) == (
        UNCERTAIN,
        "Ingress sample may be unable to reach Service sample: Traefik refuses the certificate of the Service, unless "
        "its own configuration trusts it. Set annotation traefik.ingress.kubernetes.io/service.serverstransport in "
        "spec.serviceOptions.coreConfig.annotations to a transport that trusts ca.crt of Secret "
        f"{names.ca_secret(NAMESPACE, NAME)}.",
    )
    transport = on_service(**{"traefik.ingress.kubernetes.io/service.serverstransport": "x"})
    assert ingress_backend.problem(instance(spec, tls=True, more=transport)) is None
    assert ingress_backend.problem(instance(spec)) is None
    assert ingress_backend.problem(instance({"ingressClassName": "nginx", "rules": [rule("a")]}, tls=True)) is None


def test_an_unknown_controller_is_named() -> None:
    note = ingress_backend.unknown_controller(with_classes({"rules": [rule("a")]}, {"nginx": "example.com/c"}, "nginx"))
    assert note == (
        "The operator does not know the controller example.com/c of IngressClass nginx: in "
        "spec.networkOptions.coreConfig.annotations, set the annotation with which that controller calls Service "
        "sample by HTTPS"
    )


def test_an_unknown_controller_is_named_with_what_to_do() -> None:
    spec = {"ingressClassName": "contour", "rules": [rule("a")]}
    note = ingress_backend.unknown_controller(instance(spec, tls=True))
    assert "IngressClass contour" in note
    assert "networkOptions.coreConfig.annotations" in note
    annotations = {"example.com/backend-protocol": "HTTPS"}
    assert ingress_backend.unknown_controller(instance(spec, tls=True, annotations=annotations)) == ""
    assert ingress_backend.unknown_controller(instance(spec)) == ""
    assert ingress_backend.problem(instance(spec, tls=True)) is None
