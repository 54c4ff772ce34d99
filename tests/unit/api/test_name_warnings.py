"""Warnings about names that the API server would refuse in the objects of the instance."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api.name_warnings import name_warnings

INGRESS = "spec.networkOptions.coreConfig.ingressSpec"
RULE = "use at most 63 letters, digits, -, _ and ., with a letter or digit at both ends"


def ingress(**spec: Any) -> dict[str, Any]:
    return {"networkOptions": {"coreConfig": {"ingressSpec": spec}}}


def path(**given: Any) -> dict[str, Any]:
    return ingress(rules=[{"host": "a.example.com", "http": {"paths": [{"pathType": "Prefix", **given}]}}])


@pytest.mark.parametrize(
    ("host", "near"),
    [
        ("https://jfr.example.com/", "did you mean jfr.example.com?"),
        ("jfr.example.com:443", "did you mean jfr.example.com?"),
        ("JFR.example.com", "did you mean jfr.example.com?"),
        ("10.0.0.1", "use a DNS name such as jfr.example.com"),
        ("a_b.example.com", "use a DNS name such as jfr.example.com"),
    ],
)
def test_hosts(host: str, near: str) -> None:
    for spec, field in (
        (ingress(rules=[{"host": host}]), "rules[0].host"),
        (ingress(tls=[{"hosts": [host]}]), "tls[0].hosts[0]"),
    ):
        assert list(name_warnings(spec)) == [f"{INGRESS}.{field}: {host} is not a host; {near}"]


def test_spaces_are_shown() -> None:
    [warning] = name_warnings(ingress(rules=[{"host": "jfr.example.com "}]))
    assert warning == f'{INGRESS}.rules[0].host: "jfr.example.com " is not a host; did you mean jfr.example.com?'


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (path(path="cryostat"), f"{INGRESS}.rules[0].http.paths[0].path: cryostat must begin with /"),
        (path(pathType=None), f"{INGRESS}.rules[0].http.paths[0].pathType is required; use Prefix"),
        (
            ingress(ingressClassName="Nginx"),
            f"{INGRESS}.ingressClassName: Nginx is not the name of an IngressClass; use lower-case letters",
        ),
        (
            {"targetDiscoveryOptions": {"discoveryPortNames": ["jmx", "JMX"]}},
            "spec.targetDiscoveryOptions.discoveryPortNames: JMX is not the name of a port, so it finds no target; "
            "names have lower-case letters, digits and -",
        ),
        (
            {"authorizationOptions": {"openShiftSSO": {"accessReview": {"verb": "GET", "resource": "pods"}}}},
            "spec.authorizationOptions.openShiftSSO.accessReview.verb: GET matches no role; did you mean get?",
        ),
        (
            {"operandMetadata": {"podMetadata": {"labels": {"team name": "x"}}}},
            f"spec.operandMetadata.podMetadata.labels: team name is not a valid key; {RULE}",
        ),
        (
            {"operandMetadata": {"podMetadata": {"labels": {"team": "x y"}}}},
            f"spec.operandMetadata.podMetadata.labels: x y is not a valid value; {RULE}",
        ),
        (
            {"schedulingOptions": {"nodeSelector": {"Example.com/a": "b"}}},
            f"spec.schedulingOptions.nodeSelector: Example.com/a is not a valid key; {RULE}",
        ),
        (
            {"operandMetadata": {"podMetadata": {"annotations": {"": "any text"}}}},
            f'spec.operandMetadata.podMetadata.annotations: "" is not a valid key; {RULE}',
        ),
    ],
)
def test_other_names(spec: dict[str, Any], expected: str) -> None:
    assert list(name_warnings(spec)) == [expected]


@pytest.mark.parametrize(
    "spec",
    [
        {},
        ingress(ingressClassName="nginx", rules=[{"host": "*.example.com"}, {}], tls=[{"hosts": ["a.b"]}, {}]),
        path(path="/cryostat"),
        ingress(ingressClassName=None, rules="x", tls=[None, {"hosts": "x"}]),
        {"networkOptions": "x", "labels": "x"},
        {
            "operandMetadata": {
                "podMetadata": {"labels": {"example.com/a_B.c": ""}, "annotations": {"a/b": "any text!"}}
            }
        },
    ],
)
def test_valid_or_unreadable_names_cause_no_warning(spec: dict[str, Any]) -> None:
    assert list(name_warnings(spec)) == []
