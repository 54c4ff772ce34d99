"""Which Ingress controllers the operator knows, and how."""

from __future__ import annotations

import pytest

from cryostat_operator.api import ingress_controllers


@pytest.mark.parametrize(
    ("name", "expected"),
    [("nginx", "nginx"), ("Internal-NGINX", "nginx"), ("traefik.public", "Traefik"), ("alb", "AWS Load Balancer")],
)
def test_a_word_of_the_class_names_the_controller(name: str, expected: str) -> None:
    found = ingress_controllers.controller_of(name)
    assert found
    assert found.name == expected


@pytest.mark.parametrize("name", ["", "mynginx", "contour"])
def test_other_classes_are_unknown(name: str) -> None:
    assert ingress_controllers.controller_of(name) is None


def test_the_field_names_the_class_before_the_annotation() -> None:
    annotation = {ingress_controllers.CLASS_ANNOTATION: "b"}
    assert ingress_controllers.class_name({"ingressClassName": "a"}, annotation) == "a"
    assert ingress_controllers.class_name({}, annotation) == "b"
    assert ingress_controllers.class_name({}, None) == ""


def test_annotations_that_name_the_protocol() -> None:
    assert ingress_controllers.names_protocol(None, {"example.com/backend-protocol": "HTTPS"})
    assert not ingress_controllers.names_protocol({"example.com/backend-protocol-version": "1"}, {"a": "ssl-services"})


def test_each_annotation_of_the_table_names_the_protocol() -> None:
    for controller in ingress_controllers.CONTROLLERS.values():
        assert ingress_controllers.names_protocol(controller.ingress, controller.service)


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        (None, []),
        ({"nginx.ingress.kubernetes.io/backend-protocol": "HTTPS"}, []),
        ({"b/backend-protocol": "HTTP", "a/server-ssl": "false "}, ["a/server-ssl", "b/backend-protocol"]),
        ({"example.com/team": "http"}, []),
    ],
)
def test_annotations_that_select_http(annotations: dict[str, str] | None, expected: list[str]) -> None:
    assert ingress_controllers.plain_http(annotations) == expected
