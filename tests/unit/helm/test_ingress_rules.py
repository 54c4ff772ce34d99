"""The Ingress of the chart: notes about the protocol between its controller and the application."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.helm.convert_values import convert

CHANGE = "core.ingress: the application accepts only HTTPS from the Ingress controller; the chart's accepts HTTP"
HTTP = {"nginx.ingress.kubernetes.io/backend-protocol": "HTTP", "haproxy.org/server-ssl": "false"}


def values(**ingress: Any) -> dict[str, Any]:
    return {"core": {"ingress": {"enabled": True, **ingress}}}


def note(given: dict[str, Any]) -> str:
    return "".join(each for each in convert(given, name="jfr").notes if each.startswith("core.ingress"))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            values(className="nginx"),
            ". The operator sets nginx.ingress.kubernetes.io/backend-protocol: HTTPS and nginx.org/ssl-services: jfr "
            "on the Ingress, unless the Cryostat has an annotation of that name",
        ),
        (
            values(annotations={"kubernetes.io/ingress.class": "gce"}),
            '. The operator sets cloud.google.com/app-protocols: {"http":"HTTPS"} on the Service, unless the Cryostat '
            "has an annotation of that name",
        ),
        (
            values(className="traefik"),
            ". The operator sets traefik.ingress.kubernetes.io/service.serversscheme: https on the Service, unless the "
            "Cryostat has an annotation of that name. Traefik also verifies the certificate: set "
            "traefik.ingress.kubernetes.io/service.serverstransport in spec.serviceOptions.coreConfig.annotations",
        ),
        (
            values(className="kong"),
            ". If the operator does not know the controller of IngressClass kong, set the annotation by which that "
            "controller calls its backend by HTTPS in spec.networkOptions.coreConfig.annotations",
        ),
        (
            values(),
            ". If the operator does not know the controller of the default IngressClass, set the annotation by which "
            "that controller calls its backend by HTTPS in spec.networkOptions.coreConfig.annotations",
        ),
        (
            values(className="kong", annotations={"example.com/backend-protocol": "HTTPS"}),
            ". The values have an annotation for this",
        ),
    ],
)
def test_the_note_names_change_and_annotation(given: dict[str, Any], expected: str) -> None:
    assert note(given) == CHANGE + expected


@pytest.mark.parametrize("given", [{}, values(enabled=False), {"core": {"ingress": "yes"}}])
def test_without_an_ingress_there_is_no_note(given: dict[str, Any]) -> None:
    assert note(given) == ""


def test_annotations_that_select_http_are_left_out() -> None:
    found = convert(values(className="nginx", annotations={"a": "b", **HTTP}))
    assert found.cryostat["spec"]["networkOptions"]["coreConfig"]["annotations"] == {"a": "b"}
    assert found.not_converted == tuple(
        f"core.ingress.annotations.{key}: selects HTTP, but the operator's application accepts only HTTPS; the "
        "annotation is left out"
        for key in sorted(HTTP)
    )


def test_only_annotations_that_select_http_result_in_none() -> None:
    assert "annotations" not in convert(values(annotations=HTTP)).cryostat["spec"]["networkOptions"]["coreConfig"]


def test_annotations_that_are_no_mapping_are_reported() -> None:
    found = convert(values(annotations="a=b"))
    assert found.not_converted == ("core.ingress.annotations: must be a mapping; it is ignored",)
