"""A restarted operator finds all objects in sync and writes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml

from cryostat_operator.api import constants
from cryostat_operator.api.v1beta2 import Cryostat
from tests.cluster.api import Object, condition, eventually
from tests.cluster.controlplane import ControlPlane
from tests.cluster.operator_process import ROOT, OperatorProcess
from tests.cluster.router import Router
from tests.cluster.scenario import Scenario
from tests.cluster.test_conformance import settled
from tests.conformance.captures import documents
from tests.unit.cluster_state import ClusterState

CASES = (
    "files",
    "services",
    "operand-metadata",
    "security-scheduling",
    "network-policies",
    "multi-namespace",
    "reports",
)
WAITS = ("PodUnschedulable", "VolumePending")  # reasons of events about pods that cannot be scheduled
TLS = {"DISABLE_SERVICE_TLS": "false"}


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
    yield scenario
    scenario.clean()
    scenario.stop()


@pytest.fixture(params=["kubernetes", "openshift"])
def platform(request: pytest.FixtureRequest) -> tuple[str, Scenario]:
    """The platform's name in the captured cases, and its cluster."""
    found: Scenario = request.getfixturevalue(f"on_{request.param}")
    return request.param, found


def samples(scenario: Scenario) -> list[Object]:
    """Apply every sample in its own namespace, with all objects that it names."""
    found = []
    for path in sorted((ROOT / "manifests" / "samples").glob("*.yaml")):
        where = scenario.namespace()
        for sample in yaml.safe_load_all(path.read_text()):
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


def captured(case: str, profile: str) -> list[Object]:
    """Apply the objects of a captured case in new namespaces."""
    text = json.dumps(documents(case, profile))
    moved: list[Object] = json.loads(text.replace('"c-', '"restarted-c-'))
    return moved


def classes_of(crs: list[Object]) -> list[str]:
    """The storage class of each Cryostat that names one."""
    options = [cr["spec"].get("storageOptions") or {} for cr in crs]
    claims = [each[kind].get("pvc") or {} for each in options for kind in ("database", "pvc") if kind in each]
    return [claim["spec"]["storageClassName"] for claim in claims if "storageClassName" in claim.get("spec", {})]


def unrecorded(scenario: Scenario) -> list[tuple[str, str]]:
    """The namespaces and components of pods that cannot be scheduled and have no event about it yet."""
    pods = scenario.api.list("v1", "Pod", labelSelector="kind=cryostat,app,component")
    waiting = {
        (pod["metadata"]["namespace"], pod["metadata"]["labels"]["component"])
        for pod in pods
        if condition(pod, "PodScheduled").get("reason") == "Unschedulable"
    }
    events = [event for event in scenario.api.list("v1", "Event") if event["reason"] in WAITS]
    recorded = [event["metadata"]["namespace"] for event in events]
    return sorted(
        (where, component) for where, component in waiting if recorded.count(where) < count_in(waiting, where)
    )


def count_in(waiting: set[tuple[str, str]], namespace: str) -> int:
    """The number of waiting components in a namespace."""
    return len([each for each in waiting if each[0] == namespace])


def namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def test_nothing_is_written_after_a_restart(platform: tuple[str, Scenario]) -> None:
    profile, scenario = platform
    objects = [*samples(scenario), *(each for case in CASES for each in captured(case, profile))]
    for name in {each["metadata"]["name"] for each in objects if each["kind"] == "Namespace"}:
        scenario.make_namespace(name)
    crs = [each for each in objects if each["kind"] == constants.KIND]
    scenario.plane.add_volumes(2 * len(crs))
    for claim_class in classes_of(crs):
        scenario.plane.add_volumes(2, claim_class)
    for each in objects:
        if each["kind"] != "Namespace":
            scenario.api.apply(each)
    for cr in crs:
        eventually(lambda cr=cr: settled(scenario.api, cr), 120, f"{cr['metadata']} is made")  # type: ignore[misc]
    scenario.settle(120, renewals=True)
    # A pod that is unschedulable for a minute causes a new event, with and without a restart of the operator.
    eventually(lambda: unrecorded(scenario) == [], 90, "every lasting wait is recorded", interval=1.0)
    scenario.settle(60, renewals=True)
    for polite in (False, True):
        if polite and scenario.operator:
            scenario.operator.stop()
        with scenario.down():
            mark = scenario.plane.audit_mark()
        scenario.settle(60, renewals=True)
        assert scenario.writes(mark) == []
