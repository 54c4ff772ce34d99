"""The table of rules: values that are moved to one field, and images that are not reported."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.helm.convert_values import convert
from cryostat_operator.helm.rule_table import RULES
from tests.unit.helm.chart import CHART, HOST, leaves, values

BACKEND = {"service": {"name": "cryostat", "port": {"number": 4180}}}
RULE = {"host": "jfr.example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": BACKEND}]}}
LIMIT = {"limits": {"cpu": "1"}}


# Expected fields for some values, in the shape of the spec.
BECOMES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (values("core.service.type", "NodePort"), values("serviceOptions.coreConfig.serviceType", "NodePort")),
    (values("db.service.port", 5433), values("serviceOptions.databaseConfig.databasePort", 5433)),
    (values("core.audit.mode", "disabled"), {"enableAudit": False}),
    (values("core.audit.mode", "auto"), {}),
    (values("core.debug.log.level", "DEBUG"), values("loggingOptions.coreLogLevel", "DEBUG")),
    (values("core.databaseSecretName", "keys"), values("databaseOptions.secretName", "keys")),
    (values("core.config.credentials.secretNames", ["a"]), {"declarativeCredentials": [{"secretName": "a"}]}),
    (values("core.ingress", {"enabled": True, "className": "nginx", "hosts": [HOST]}),
     values("networkOptions.coreConfig.ingressSpec", {"rules": [RULE], "ingressClassName": "nginx"})),
    (values("core.ingress", {"enabled": False, "className": "nginx"}), {}),
    (values("core.resources", LIMIT),
     values("resources.coreResources", {"requests": {"cpu": "500m", "memory": "384Mi"}, **LIMIT})),
    (values("grafana.securityContext.runAsUser", 1000),
     values("securityOptions.grafanaSecurityContext",
            {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsUser": 1000})),
    (values("reports.replicas", 2), values("reportOptions.replicas", 2)),
    ({"podAnnotations": {"a": "b"}}, values("operandMetadata.podMetadata.annotations", {"a": "b"})),
]  # fmt: skip


@pytest.mark.parametrize(("given", "spec"), BECOMES, ids=range(len(BECOMES)))
def test_a_value_is_converted_to_a_field(given: dict[str, Any], spec: dict[str, Any]) -> None:
    assert convert(given).cryostat["spec"] == spec


def test_every_rule_refers_to_a_value_of_the_chart() -> None:
    known = {path for path, _ in leaves(CHART)}
    assert [rule for rule in RULES if not any(p == rule or p.startswith(f"{rule}.") for p in known)] == []


@pytest.mark.parametrize(
    ("component", "repository", "tag"),
    [
        ("core", "quay.io/cryostat/cryostat", "4.2.0"),
        ("db", "quay.io/cryostat/cryostat-db", "4.1.1"),
        ("oauth2Proxy", "quay.io/oauth2-proxy/oauth2-proxy", "v7.15.2"),
        ("openshiftOauthProxy", "quay.io/openshift/origin-oauth-proxy", "4.21"),
    ],
)
def test_default_images_of_released_charts_are_not_reported(component: str, repository: str, tag: str) -> None:
    image = {"repository": repository, "pullPolicy": "IfNotPresent", "tag": tag}
    assert convert(values(f"{component}.image", image)).not_converted == ()
    for change in ({"tag": "mine"}, {"repository": "example.com/mine"}, {"pullPolicy": "Never"}):
        [line] = convert(values(f"{component}.image", {**image, **change})).not_converted
        assert str(line).startswith(f"{component}.image: ")
