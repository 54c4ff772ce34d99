"""Rules for groups of values: discovery, logins, scheduling, security contexts, network policies."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.helm import group_rules
from cryostat_operator.helm.convert_values import convert
from cryostat_operator.helm.rule_types import Context, NotConverted, SetField
from tests.unit.helm.chart import values

RESTRICTED = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


# Expected fields for some values, in the shape of the spec.
BECOMES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (values("core.discovery.kubernetes.namespaces", ["a", "b"]), {"targetNamespaces": ["a", "b"]}),
    (values("core.discovery.kubernetes.enabled", False),
     values("targetDiscoveryOptions.disableBuiltInDiscovery", True)),
    (values("core.discovery.kubernetes", {"portNumbers": [9091, 9010], "builtInPortNamesDisabled": True}),
     {"targetDiscoveryOptions": {"discoveryPortNumbers": [9091, 9010], "disableBuiltInPortNames": True}}),
    (values("authentication.basicAuth", {"enabled": True, "secretName": "u", "filename": "f"}),
     values("authorizationOptions.basicAuth", {"secretName": "u", "filename": "f"})),
    (values("authentication.basicAuth", {"enabled": False, "secretName": "u", "filename": "f"}), {}),
    (values("openshiftOauthProxy.accessReview", {"verb": "get", "namespace": "{{ .Release.Namespace }}"}),
     values("authorizationOptions.openShiftSSO.accessReview",
            {"resource": "pods", "subresource": "exec", "verb": "get"})),
    (values("networkPolicy.ingress.enabled", False),
     {"networkPolicies": {f"{each}Config": {"ingressDisabled": True}
                          for each in ("core", "reports", "database", "storage")}}),
    ({"nodeSelector": {"a": "b"}, "reports": {"nodeSelector": {"c": "d"}}},
     {"schedulingOptions": {"nodeSelector": {"a": "b"}},
      "reportOptions": {"schedulingOptions": {"nodeSelector": {"c": "d"}}}}),
    ({"podSecurityContext": {"fsGroup": 7}},
     {"securityOptions": {"podSecurityContext": {**RESTRICTED, "fsGroup": 7}},
      "reportOptions": {"securityOptions": {"podSecurityContext": {**RESTRICTED, "fsGroup": 7}}}}),
]  # fmt: skip


@pytest.mark.parametrize(("given", "spec"), BECOMES, ids=range(len(BECOMES)))
def test_a_value_is_converted_to_a_field(given: dict[str, Any], spec: dict[str, Any]) -> None:
    assert convert(given).cryostat["spec"] == spec


def test_secret_values_are_not_shown() -> None:
    found = convert(values("core.route.tls", {"key": "PRIVATE", "certificate": "PUBLIC"}))
    assert len(found.not_converted) == 2
    assert "PRIVATE" not in str(found)


def found_by(rule: Any, path: str, value: Any) -> list[Any]:
    return list(rule(path, value, Context(values(path, value))))


def test_all_namespaces_cannot_be_selected() -> None:
    path = "core.discovery.kubernetes"
    found = found_by(group_rules.discovery, path, {"allowAllNamespaces": True, "installNamespaceDisabled": True})
    assert found == [
        NotConverted(
            f"{path}.installNamespaceDisabled",
            "a Cryostat needs at least one target namespace; list the others in spec.targetNamespaces",
        ),
        NotConverted(
            f"{path}.allowAllNamespaces",
            "a Cryostat cannot select all namespaces; list them in spec.targetNamespaces",
        ),
    ]


def test_only_one_key_of_each_trusted_secret_is_trusted() -> None:
    moved, reported = found_by(group_rules.certificates, "core.config.tlsTruststore.secretNames", ["a", "b"])
    assert moved == SetField("trustedCertSecrets", [{"secretName": "a"}, {"secretName": "b"}])
    assert "only the key tls.crt" in reported.advice


def test_scheduling_of_one_component_is_reported_unless_it_is_that_of_all() -> None:
    given = {
        "nodeSelector": {"a": "b"},
        "db": {"nodeSelector": {"a": "b"}},
        "storage": {"nodeSelector": {"c": "d"}},
        "grafana": {"nodeSelector": {"e": "f"}},
    }
    found = [each for each in group_rules.scheduling(Context(given)) if isinstance(each, NotConverted)]
    assert [each.path for each in found] == ["storage.nodeSelector", "grafana.nodeSelector"]


def test_each_variable_of_a_container_is_reported() -> None:
    given = {"envVars": [{"name": "A"}], "envSources": [], "deep": {"x": 1}}
    found = found_by(group_rules.extra_environment, "core.config.extra", given)
    assert [each.path for each in found] == ["core.config.extra.envVars", "core.config.extra.deep.x"]


def test_the_review_of_openshift_users_cannot_be_switched_off() -> None:
    [reported] = found_by(group_rules.access_review, "openshiftOauthProxy.accessReview", {"enabled": False})
    assert reported.path == "openshiftOauthProxy.accessReview.enabled"
    assert reported.advice == "OpenShift users are always reviewed; select a permission that all of them have"


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        (group_rules.access_review, {"verb": "create", "resource": "pods"}),
        (group_rules.route_tls, {"enabled": True, "termination": "edge", "key": ""}),
        (group_rules.pod_security, {"runAsNonRoot": True}),
        (group_rules.network_policy, True),
    ],
    ids=["access review", "TLS of the Route", "pod security", "network policies"],
)
def test_defaults_of_the_chart_lead_to_no_field(rule: Any, value: Any) -> None:
    assert found_by(rule, "path", value) == []
