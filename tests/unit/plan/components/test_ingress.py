"""The Ingress, its class, and its address."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cryostat_operator.api.constants import ANNOTATION_INGRESS_CLASS
from cryostat_operator.plan.components import ingress
from cryostat_operator.plan.model.kinds import Key
from tests.unit.cluster_state import NAME, NAMESPACE
from tests.unit.plan.components.exposed import instance, path_to, rule, with_classes


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"rules": [rule("a.example.com", path_to(NAME))]}, "http://a.example.com"),
        ({"rules": [rule("a.example.com", path_to(NAME, "/x/"))]}, "http://a.example.com/x"),
        ({"rules": [rule("a.example.com", path_to(NAME, "/x(/|$)"))]}, "http://a.example.com"),
        ({"rules": [rule("a", path_to("other")), rule("b", path_to(NAME))]}, "http://b"),
        ({"rules": [rule("a", path_to("other"))]}, "http://a"),
        ({"rules": [rule("*.example.com", path_to(NAME))]}, None),
        ({"rules": [rule("a.b", path_to(NAME))], "tls": [{"hosts": ["*.b"]}]}, "https://a.b"),
        ({"rules": [rule("a.b", path_to(NAME))], "tls": [{"hosts": ["c.b"]}]}, "http://a.b"),
        ({"rules": [rule("a.b", path_to(NAME))], "tls": [{"secretName": "s"}]}, "https://a.b"),
    ],
)
def test_the_address(spec: dict[str, Any], expected: str | None) -> None:
    assert ingress.url(instance(spec)) == expected


@pytest.mark.parametrize("port", [{"number": 4180}, {"name": "http"}, {}])
def test_a_port_of_the_service(port: dict[str, Any]) -> None:
    backend = {"service": {"name": NAME, "port": port}}
    assert ingress.wrong_port(instance({"defaultBackend": backend})) is None
    other = {"service": {"name": "other", "port": {"number": 8181}}}
    assert ingress.wrong_port(instance({"defaultBackend": other, "rules": [rule("a")]})) is None


def test_a_port_that_the_service_does_not_have() -> None:
    backend = {"service": {"name": NAME, "port": {"name": "https"}}}
    found = ingress.wrong_port(instance({"defaultBackend": backend}))
    assert found
    assert found.message == (
        "Ingress sample leads to port https of Service sample: the Service has only port 4180, named http. "
        "Correct the port in spec.networkOptions.coreConfig.ingressSpec."
    )
    assert ingress.wrong_port(instance({"defaultBackend": backend}, openshift=True)) is None
    assert ingress.wrong_port(instance({})) is None


def test_annotations_of_the_user_take_precedence() -> None:
    spec = {"ingressClassName": "nginx", "rules": [rule("a")], "tls": []}
    own = {"nginx.ingress.kubernetes.io/backend-protocol": "GRPCS"}
    found = ingress.ingress(instance(spec, tls=True, annotations=own))
    record = {ANNOTATION_INGRESS_CLASS: "nginx"}
    assert found["metadata"]["annotations"] == {**own, "nginx.org/ssl-services": NAME, **record}
    assert "tls" not in found["spec"]
    assert ingress.ingress(instance(spec))["metadata"]["annotations"] == record
    assert "annotations" not in ingress.ingress(instance({"rules": [rule("a")]}))["metadata"]


NGINX_KEY = "nginx.ingress.kubernetes.io/backend-protocol"


@pytest.mark.parametrize(
    ("named", "controllers", "default", "is_nginx"),
    [
        ("web", {"web": "k8s.io/ingress-nginx"}, "", True),
        ("web", {"web": "nginx.org/ingress-controller"}, "", True),
        ("nginx", {"nginx": "example.com/other"}, "", False),
        ("nginx", {"web": "example.com/other"}, "", True),
        ("", {"web": "k8s.io/ingress-nginx"}, "web", True),
        ("", {"web": "k8s.io/ingress-nginx"}, "", False),
        ("kong", {"web": "k8s.io/ingress-nginx", "kong": "ingress-controllers.konghq.com/kong"}, "web", False),
    ],
)
def test_the_controller_of_the_class_decides(
    named: str, controllers: dict[str, str], default: str, is_nginx: bool
) -> None:
    spec = {"rules": [rule("a")], **({"ingressClassName": named} if named else {})}
    found = ingress.ingress(with_classes(spec, controllers, default))
    assert (NGINX_KEY in found["metadata"].get("annotations", {})) == is_nginx


def test_the_class_that_the_existing_ingress_got_outlives_the_default() -> None:
    given = with_classes({"rules": [rule("a")]}, {"web": "k8s.io/ingress-nginx", "new": "example.com/c"}, "new")
    live = {"kind": "Ingress", "metadata": {"name": NAME}, "spec": {"ingressClassName": "web"}}
    key = Key("Ingress", NAMESPACE, NAME)
    given = replace(given, snapshot=replace(given.snapshot, live={key: live}))
    assert NGINX_KEY in ingress.ingress(given)["metadata"]["annotations"]


@pytest.mark.parametrize(
    ("spec", "annotations", "cause"),
    [
        ({"ingressClassName": "absent"}, {}, "IngressClass absent does not exist"),
        ({}, {}, "the cluster has no default IngressClass"),
        ({"ingressClassName": "web"}, {}, ""),
        ({}, {"kubernetes.io/ingress.class": "gce"}, ""),
    ],
)
def test_a_missing_class_is_the_cause(spec: dict[str, Any], annotations: dict[str, str], cause: str) -> None:
    given = with_classes({"rules": [rule("a")], **spec}, {"web": "example.com/c"}, annotations=annotations)
    live = {"kind": "Ingress", "metadata": {"name": NAME}}
    given = replace(given, snapshot=replace(given.snapshot, live={Key("Ingress", NAMESPACE, NAME): live}))
    text = ingress.unreported(given, "https://a")
    expected = (
        f"Ingress sample has no address: {cause}. Correct ingressClassName in "
        "spec.networkOptions.coreConfig.ingressSpec, or create the IngressClass."
    )
    assert (text == expected) == bool(cause)
    assert ("no controller has reported one" in text) != bool(cause)
    after_another_problem = ingress.missing_address(given)
    assert (after_another_problem == f"The Ingress also has no address, because {cause}") == bool(cause)
    checked = "IngressClass web" if spec else "IngressClass gce"
    usual = f"The Ingress also has no address: check that {checked} exists and that its controller runs"
    assert (after_another_problem == usual) != bool(cause)
