"""Large objects with the ownership labels, which any user can create, do not exhaust the operator's memory."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from cryostat_operator.api import constants
from tests.cluster.api import Object
from tests.cluster.controlplane import ControlPlane
from tests.cluster.memory import limit, peak
from tests.cluster.operator_process import OperatorProcess
from tests.cluster.scenario import Scenario

_COUNT = 140  # with 112 ConfigMaps: more than one page of a list
_BYTES = 1_000_000


@pytest.fixture
def scenario(installed_plane: ControlPlane, tmp_path: Path) -> Iterator[Scenario]:
    scenario = Scenario(installed_plane, tmp_path, kind=OperatorProcess)
    yield scenario
    scenario.clean()
    scenario.stop()


def labels(namespace: str, name: str) -> Object:
    return {constants.LABEL_NAME: name, constants.LABEL_NAMESPACE: namespace}


def flood(scenario: Scenario, namespace: str, instance: str, prefix: str, count: int = _COUNT) -> None:
    """Create ConfigMaps, and some Secrets and Deployments, of 1 MB each with the labels of an instance."""
    content = base64.b64encode(random.Random(1).randbytes(_BYTES * 3 // 4)).decode()
    # Responses without the objects are enough.
    api = scenario.api.with_headers(
        Accept="application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json"
    )
    for number in range(count):
        metadata = {"name": f"{prefix}{number}", "namespace": namespace, "labels": labels(namespace, instance)}
        obj: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"x": content}}
        if number % 10 == 8:
            obj["kind"] = "Secret"
        if number % 10 == 9:
            template = {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "c", "image": "i", "env": [{"name": "X", "value": content}]}]},
            }
            # Paused, so that the controller creates no ReplicaSets of the same size.
            spec = {"paused": True, "replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": template}
            obj = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
        api.create(obj)


def test_large_objects_with_the_ownership_labels_fit_into_the_shipped_limit(scenario: Scenario) -> None:
    namespace, other = scenario.namespace(), scenario.namespace()
    flood(scenario, namespace, "missing", "x-")
    operator = scenario.start()
    started = peak(operator)
    cryostat = scenario.cryostat(other)
    flood(scenario, other, "x", "x-", 40)  # the operator gets these from its watches, for an existing Cryostat
    scenario.wait_until_ready(cryostat)
    scenario.wait_until_idle()
    assert peak(operator) < limit() * 0.75, f"{started:.0f} MiB after the start"
    print(f"peak: {started:.0f} MiB after the start, {peak(operator):.0f} MiB in the end")
    scenario.stop()
    operator = scenario.start()
    scenario.wait_until_idle()
    assert peak(operator) < limit() * 0.75
    print(f"peak: {peak(operator):.0f} MiB after a restart")
