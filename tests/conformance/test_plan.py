"""The plan of every captured case equals the objects of the Go operator, except for the listed differences."""

from __future__ import annotations

import copy
from functools import cache

import pytest

from cryostat_operator.plan.conditions import Report, status_for
from cryostat_operator.plan.model.kinds import Obj
from cryostat_operator.plan.model.snapshot import NamespaceState, Snapshot
from cryostat_operator.settings import Settings
from tests.conformance.adopted import ADOPTED, fields
from tests.conformance.captures import CAPTURES, PLAN_CAPTURES, captured, captured_status, documents
from tests.conformance.compare import Difference, Differences, compare
from tests.unit.cluster_state import ClusterState, cryostat

STATUS_FIELDS = ("applicationUrl", "targetNamespaces", "databaseSecret", "storageSecret")


def expected(case: str, profile: str) -> list[Obj]:
    """The objects of the Go operator, and the part of its status that the status of this operator also has."""
    return [*captured(case, profile), reported(case, profile, captured_status(case, profile))]


def planned(case: str, profile: str) -> list[Obj]:
    """The planned objects of a case's Cryostat, and its status. Secrets have the names of their keys."""
    return copy.deepcopy(_planned(case, profile))


def reported(case: str, profile: str, status: Obj) -> Obj:
    """A status as an object that can be compared."""
    metadata = next(d["metadata"] for d in documents(case, profile) if d["kind"] == "Cryostat")
    tls = next(c for c in status["conditions"] if c["type"] == "TLSSetupComplete")
    fields = {name: status.get(name) or "" for name in STATUS_FIELDS}
    return {
        "kind": "Cryostat",
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
        "reported": {**fields, "TLSSetupComplete": f"{tls['status']} {tls['reason']}"},
    }


@cache
def _planned(case: str, profile: str) -> list[Obj]:
    platform, tls = profile.split("-")[0], profile.endswith("-certmanager")
    inputs = documents(case, profile)
    body = next(d for d in inputs if d["kind"] == "Cryostat")
    cr = cryostat(body["spec"], **body["metadata"])
    namespaces = [d["metadata"] for d in inputs if d["kind"] == "Namespace"]
    known = Snapshot(namespaces={n["name"]: NamespaceState(annotations=n.get("annotations", {})) for n in namespaces})
    state = ClusterState(cr, platform == "openshift", Settings(service_tls=tls), known)
    for document in inputs:
        if document["kind"] in ("Secret", "ConfigMap"):
            keys = {**document.get("data", {}), **document.get("stringData", {})}
            state.with_data(document["kind"], document["metadata"]["name"], *keys)
    plan = state.settle(provided=False).plan
    assert not plan.blocked
    objects = copy.deepcopy(plan.objects)
    for key, request in plan.requests.items():
        objects[key]["data"] = dict.fromkeys(request.keys, "")
    for key, fact in state.snapshot.certificates.items():
        objects[key]["data"] = dict.fromkeys(fact.keys, "")
    status = status_for(state.instance, plan, Report(), "2026-01-01T00:00:00Z")
    return [*objects.values(), reported(case, profile, status)]


@cache
def compared(case: str, profile: str) -> tuple[list[str], frozenset[str]]:
    """The unwanted differences of a case, and the patterns of its wanted ones."""
    differences = Differences.load()
    lines = compare(expected(case, profile), planned(case, profile), differences)
    return lines, frozenset(differences.used)


@pytest.mark.parametrize(("case", "profile"), [*CAPTURES, *PLAN_CAPTURES])
def test_case_equals_capture(case: str, profile: str) -> None:
    unwanted, _ = compared(case, profile)
    assert unwanted == [], "if these differences from the Go operator are intended, add them to differences.yaml"


def test_every_listed_difference_occurs() -> None:
    differences = Differences.load()
    for case, profile in (*CAPTURES, *PLAN_CAPTURES):
        differences.used |= compared(case, profile)[1]
    assert differences.unused == []


def test_all_captures_are_compared() -> None:
    assert (len(CAPTURES), len(PLAN_CAPTURES)) == (33, 31)


def test_adopted_cases_have_every_captured_field() -> None:
    adopted = {field for case in ADOPTED for field in fields(*case)}
    assert {field for case in CAPTURES for field in fields(*case)} - adopted == set()


def service(**spec: object) -> Obj:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "n"}, "spec": spec}


def test_a_difference_is_reported_with_its_path_and_both_values() -> None:
    lines = compare([service(type="ClusterIP")], [service(type="NodePort")], Differences(()))
    assert lines == ["Service/n/a:spec.type expected 'ClusterIP' got 'NodePort'"]


def test_missing_and_additional_objects_are_reported() -> None:
    assert compare([service()], [], Differences(())) == ["Service/n/a missing"]
    assert compare([], [service()], Differences(())) == ["Service/n/a not expected"]


def test_a_listed_difference_covers_only_the_value_that_it_names() -> None:
    listed = Differences((Difference("Service/*:spec.type", 1, "why", value="NodePort"),))
    assert compare([service(type="ClusterIP")], [service(type="NodePort")], listed) == []
    assert len(compare([service(type="ClusterIP")], [service(type="LoadBalancer")], listed)) == 1


def test_defaults_of_the_api_server_are_ignored() -> None:
    live = service(type="ClusterIP", sessionAffinity="None", clusterIP="10.0.0.7", ipFamilies=["IPv4"])
    assert compare([service(type="ClusterIP")], [live | {"status": {"loadBalancer": {}}}], Differences(())) == []


def deployment(**container: object) -> Obj:
    spec = {"template": {"metadata": {}, "spec": {"containers": [{"name": "c", **container}]}}}
    return {"kind": "Deployment", "metadata": {"name": "d", "namespace": "n"}, "spec": spec}


def test_each_option_of_a_program_is_compared() -> None:
    lines = compare([deployment(args=["--a=1", "--b=2"])], [deployment(args=["--b=2", "--a=3"])], Differences(()))
    assert lines == ["Deployment/n/d:spec.template.spec.containers[c].args[--a] expected ['1'] got ['3']"]


def test_the_order_of_other_arguments_matters() -> None:
    assert compare([deployment(args=["-c", "a=1"])], [deployment(args=["a=1", "-c"])], Differences(())) != []


def test_the_order_of_variables_matters() -> None:
    def with_variables(*names: str) -> Obj:
        return deployment(env=[{"name": name, "value": name} for name in names])

    lines = compare([with_variables("A", "B")], [with_variables("B", "A")], Differences(()))
    assert [line.partition(" ")[0] for line in lines] == ["Deployment/n/d:spec.template.spec.containers[c].env:order"]
    assert compare([with_variables("A", "B")], [with_variables("A", "B")], Differences(())) == []
