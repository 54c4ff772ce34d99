"""ServiceMonitor, alerts and dashboard, validated with the CRDs of the Prometheus operator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from tests.cluster import binaries
from tests.cluster.api import condition, eventually
from tests.cluster.controlplane import ControlPlane
from tests.cluster.operator_process import NAMESPACE, ROOT

CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")


@pytest.fixture
def with_prometheus(installed_plane: ControlPlane) -> Iterator[ControlPlane]:
    """A cluster with the operator and the Prometheus operator's definitions."""
    definitions = [yaml.safe_load(path.read_text()) for path in binaries.data(binaries.PROMETHEUS_OPERATOR)]
    api = installed_plane.api
    for each in definitions:
        api.apply(each)
    found = [each["metadata"]["name"] for each in definitions]
    eventually(lambda: all(condition(api.get(*CRD, name), "Established").get("status") == "True" for name in found))
    yield installed_plane
    for each in definitions:
        api.delete(each)


def test_the_objects_pass_strict_validation_and_can_be_applied_again(with_prometheus: ControlPlane) -> None:
    arguments = ("apply", "--validate=strict", "-k", ROOT / "manifests/monitoring")
    eventually(
        lambda: with_prometheus.api.list("monitoring.coreos.com/v1", "ServiceMonitor") == [], what="the API is served"
    )
    assert len(with_prometheus.kubectl(*arguments).splitlines()) == 7
    again = with_prometheus.kubectl(*arguments).splitlines()
    assert all(line.endswith(" unchanged") for line in again), again
    [monitor] = with_prometheus.api.list("monitoring.coreos.com/v1", "ServiceMonitor", NAMESPACE)
    selector = ",".join(f"{key}={value}" for key, value in monitor["spec"]["selector"]["matchLabels"].items())
    [service] = with_prometheus.api.list("v1", "Service", NAMESPACE, labelSelector=selector)
    assert service["spec"]["ports"][0]["name"] == monitor["spec"]["endpoints"][0]["port"]
