"""Large objects with the ownership labels, which any user can create, do not exhaust the operator's memory."""

from __future__ import annotations

import base64
import random
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from cryostat_operator.api import constants
from cryostat_operator.kube.reflector import PAGE_SIZE
from tests.cluster.api import Object
from tests.cluster.controlplane import ControlPlane
from tests.cluster.memory import limit, peak
from tests.cluster.operator_process import OperatorProcess
from tests.cluster.scenario import Scenario

_WATCHED = 40  # objects of an existing Cryostat; the operator gets them from its watches
_LISTED = 30  # objects of a Cryostat that does not exist; after a restart, the operator gets all objects from its lists
_BYTES = 1_000_000
# MiB; the operator uses half of it. If it kept the objects, lists would take 70 MiB, and watches 60.
_GROWTH = 45


@pytest.fixture
def scenario(installed_plane: ControlPlane, tmp_path: Path) -> Iterator[Scenario]:
    scenario = Scenario(installed_plane, tmp_path, kind=OperatorProcess)
    yield scenario
    scenario.clean()
    scenario.stop()


def labels(namespace: str, name: str) -> Object:
    return {constants.LABEL_NAME: name, constants.LABEL_NAMESPACE: namespace}


def flood(scenario: Scenario, namespace: str, instance: str, count: int) -> None:
    """Store ConfigMaps, and some Secrets and Deployments, of 1 MB each with the labels of an instance.

    They are written into etcd, because the API server would take more CPU time for them than the operator.
    """
    content = base64.b64encode(random.Random(1).randbytes(_BYTES * 3 // 4)).decode()
    objects: dict[str, list[Object]] = {"configmaps": [], "secrets": [], "deployments": []}
    for number in range(count):
        uid = str(uuid.uuid4())
        head = {"name": f"x-{number}", "namespace": namespace, "uid": uid, "creationTimestamp": "2026-01-01T00:00:00Z"}
        metadata = {**head, "labels": labels(namespace, instance)}
        if number % 10 == 8:
            obj: Object = {"apiVersion": "v1", "kind": "Secret", "data": {"x": content}}
        elif number % 10 == 9:
            template = {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "c", "image": "i", "env": [{"name": "X", "value": content}]}]},
            }
            # Paused, so that the controller creates no ReplicaSets of the same size.
            spec = {"paused": True, "replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": template}
            obj = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": spec}
        else:
            obj = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"x": content}}
        objects[f"{obj['kind'].lower()}s"].append({**obj, "metadata": metadata})
    for plural, found in objects.items():
        scenario.plane.store(f"{plural}/{namespace}", found)


def fill_a_page(scenario: Scenario, namespace: str, instance: str) -> None:
    """Create as many small ConfigMaps as a page of a list has, so that there is a further page."""
    for number in range(PAGE_SIZE):
        scenario.make("ConfigMap", namespace, f"small-{number}", metadata={"labels": labels(namespace, instance)})


def test_large_objects_with_the_ownership_labels_fit_into_the_shipped_limit(scenario: Scenario) -> None:
    namespace, other = scenario.namespace(), scenario.namespace()
    operator = scenario.start()
    started = peak(operator)
    cryostat = scenario.cryostat(other)
    flood(scenario, other, "x", _WATCHED)
    scenario.wait_until_ready(cryostat)
    scenario.wait_until_idle()
    print(f"peak: {started:.0f} MiB after the start, {peak(operator):.0f} MiB in the end")
    assert peak(operator) < min(limit() * 0.75, started + _GROWTH)
    scenario.stop()
    flood(scenario, namespace, "missing", _LISTED)
    fill_a_page(scenario, namespace, "missing")
    operator = scenario.start()
    scenario.wait_until_idle()
    print(f"peak: {peak(operator):.0f} MiB after a restart")
    assert peak(operator) < min(limit() * 0.75, started + _GROWTH)
