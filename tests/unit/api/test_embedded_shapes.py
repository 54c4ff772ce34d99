"""Embedded Kubernetes types of the wrong shape are reported with their path when a Cryostat is read."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api.validation import InvalidCryostatError, read_cryostat


def ingress(value: Any) -> dict[str, Any]:
    return {"networkOptions": {"coreConfig": {"ingressSpec": value}}}


def claim(value: Any) -> dict[str, Any]:
    return {"storageOptions": {"pvc": {"spec": value}}}


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        (ingress({"rules": "all"}), "spec.networkOptions.coreConfig.ingressSpec: rules: must be a list"),
        (ingress({"rules": [1]}), "spec.networkOptions.coreConfig.ingressSpec: rules[0]: must be an object"),
        (
            ingress({"rules": [{"http": {"paths": [{"backend": []}]}}]}),
            "spec.networkOptions.coreConfig.ingressSpec: rules[0].http.paths[0].backend: must be an object",
        ),
        (
            ingress({"tls": [{"hosts": [1]}]}),
            "spec.networkOptions.coreConfig.ingressSpec: tls[0].hosts[0]: must be a string",
        ),
        (ingress({"rules": [{}, None]}), "spec.networkOptions.coreConfig.ingressSpec: rules[1]: must not be null"),
        (
            ingress({"tls": [{"secretName": 1}]}),
            "spec.networkOptions.coreConfig.ingressSpec: tls[0].secretName: must be a string",
        ),
        (
            ingress({"defaultBackend": {"service": {"port": 80}}}),
            "spec.networkOptions.coreConfig.ingressSpec: defaultBackend.service.port: must be an object",
        ),
        (
            ingress({"defaultBackend": {"service": {"port": {"number": "80"}}}}),
            "spec.networkOptions.coreConfig.ingressSpec: defaultBackend.service.port.number: must be a whole number",
        ),
        (
            claim({"resources": {"requests": {"storage": []}}}),
            "spec.storageOptions.pvc.spec: resources.requests.storage: must be a string or number",
        ),
        (
            {"reportOptions": {"resources": {"limits": {"cpu": "1" * 129}}}},
            "spec.reportOptions.resources: limits.cpu: must have at most 128 characters",
        ),
        (
            {"resources": {"coreResources": {"limits": [1]}}},
            "spec.resources.coreResources: limits: must be an object",
        ),
    ],
)
def test_a_wrong_type_is_reported_with_its_path(spec: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidCryostatError) as error:
        read_cryostat({"metadata": {"name": "x"}, "spec": spec})
    assert error.value.problems == [problem]


@pytest.mark.parametrize(
    "spec",
    [
        ingress({"rules": None, "tls": None, "ingressClassName": None}),
        ingress({"rules": [{"host": None, "http": None}], "defaultBackend": {"service": {"name": "x"}}}),
        claim({"resources": {"requests": {"storage": 5}}, "accessModes": ["ReadWriteOnce"], "selector": {}}),
        {"resources": {"coreResources": {"requests": {"cpu": 1.5, "memory": "1Gi"}, "claims": []}}},
    ],
)
def test_null_and_unknown_fields_are_accepted(spec: dict[str, Any]) -> None:
    assert read_cryostat({"metadata": {"name": "x"}, "spec": spec})
