"""A restarted operator finds all objects in sync and writes nothing.

The Cryostats are the samples. test_adoption.py also restarts an operator, with captured cases that have every captured
field. tests/conformance/test_hash_seeds.py compares the plans of several processes for all captured cases.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import yaml

from cryostat_operator.api import constants
from cryostat_operator.api.v1beta2 import Cryostat
from tests.cluster.api import Object, condition, eventually
from tests.cluster.controlplane import NODE, ControlPlane
from tests.cluster.operator_process import ROOT, OperatorProcess
from tests.cluster.router import Router
from tests.cluster.scenario import Scenario, name
from tests.cluster.settled import settled
from tests.unit.cluster_state import ClusterState

SAMPLES = {
    "openshift": [path.stem for path in sorted((ROOT / "manifests/samples").glob("*.yaml"))],
    "kubernetes": ["cryostat-sample", "everything"],  # the smallest and the largest
}
NODE_LABELS = {"kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux"}
TLS = {"DISABLE_SERVICE_TLS": "false"}

pytestmark = pytest.mark.planes("control_plane", "openshift_plane")  # `platform` selects one of them


@pytest.fixture
def on_kubernetes(installed_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    yield from running(installed_plane, tmp_path_factory)


@pytest.fixture
def on_openshift(openshift_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    with Router(openshift_plane.api):
        yield from running(openshift_plane, tmp_path_factory)


def running(plane: ControlPlane, directories: pytest.TempPathFactory) -> Iterator[Scenario]:
    # Programs of their own have different hash seeds, so sets have another order after each restart.
    scenario = Scenario(plane, directories.mktemp("operator"), TLS, OperatorProcess)
    scenario.start()
    with labeled_node(scenario):
        yield scenario
    scenario.clean()
    scenario.stop()


@pytest.fixture(params=["kubernetes", "openshift"])
def platform(request: pytest.FixtureRequest) -> tuple[str, Scenario]:
    """The platform's name and its cluster."""
    found: Scenario = request.getfixturevalue(f"on_{request.param}")
    return request.param, found


def samples(scenario: Scenario, platform: str) -> list[Object]:
    """The samples, each in its own namespace, with all objects that they name."""
    found = []
    for sample_name in SAMPLES[platform]:
        where = scenario.namespace()
        for sample in yaml.safe_load_all((ROOT / f"manifests/samples/{sample_name}.yaml").read_text()):
            metadata = {**sample["metadata"], "namespace": where}
            found += [*named_by({**sample, "metadata": metadata}), {**sample, "metadata": metadata}]
    return found


def named_by(sample: Object) -> list[Object]:
    """The namespaces, Secrets and ConfigMaps that a sample names."""
    head, where = sample["metadata"]["name"], sample["metadata"]["namespace"]
    cr = Cryostat.model_validate({**sample, "metadata": {**sample["metadata"], "uid": "0"}})
    found = [namespace(target) for target in sample["spec"].get("targetNamespaces") or () if target != where]
    for reference in ClusterState(cr).plan.references:
        if not reference.name.startswith(f"{head}-"):
            metadata = {"name": reference.name, "namespace": where}
            field = "stringData" if reference.kind == "Secret" else "data"
            content = dict.fromkeys(reference.keys or {"a"}, "content")
            found.append({"apiVersion": "v1", "kind": reference.kind, "metadata": metadata, field: content})
    return found


def classes_of(crs: list[Object]) -> list[str]:
    """The storage class of each Cryostat that names one."""
    options = [cr["spec"].get("storageOptions") or {} for cr in crs]
    claims = [each[kind].get("pvc") or {} for each in options for kind in ("database", "pvc") if kind in each]
    return [claim["spec"]["storageClassName"] for claim in claims if "storageClassName" in claim.get("spec", {})]


def unscheduled(scenario: Scenario) -> list[str]:
    """Pods without a node. Each would be a new event after a minute, whether the operator restarts or not."""
    pods = scenario.api.list("v1", "Pod", labelSelector="kind=cryostat,app,component")
    return [name(pod) for pod in pods if condition(pod, "PodScheduled").get("status") != "True"]


@contextmanager
def labeled_node(scenario: Scenario) -> Iterator[None]:
    """The node has the labels that the Cryostats ask for."""
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}}
    before = scenario.api.get("v1", "Node", NODE)["metadata"].get("labels") or {}
    scenario.api.patch(node, {"metadata": {"labels": NODE_LABELS}})
    yield
    scenario.api.patch(node, {"metadata": {"labels": {key: before.get(key) for key in NODE_LABELS}}})


def namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def test_nothing_is_written_after_a_restart(platform: tuple[str, Scenario]) -> None:
    platform_name, scenario = platform
    objects = samples(scenario, platform_name)
    for each in {each["metadata"]["name"] for each in objects if each["kind"] == "Namespace"}:
        scenario.make_namespace(each)
    crs = [each for each in objects if each["kind"] == constants.KIND]
    scenario.plane.add_volumes(2 * len(crs))
    for claim_class in classes_of(crs):
        scenario.plane.add_volumes(2, claim_class)
    for each in objects:
        if each["kind"] != "Namespace":
            scenario.api.apply(each)
    for cr in crs:
        eventually(lambda cr=cr: settled(scenario.api, cr), 120, f"{cr['metadata']} is made")  # type: ignore[misc]
    eventually(lambda: unscheduled(scenario) == [], 90, "all pods have a node", interval=1.0)
    scenario.wait_until_idle(120, renewals=True)
    for polite in (False, True):
        if polite and scenario.operator:
            scenario.operator.stop()
        with scenario.stopped():
            mark = scenario.plane.audit_mark()
        scenario.wait_until_idle(60, renewals=True)
        assert scenario.writes(mark) == []
