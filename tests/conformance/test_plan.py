"""The plan of every captured case equals the objects of the Go operator, except for the listed differences."""

from __future__ import annotations

from functools import cache

import pytest

from cryostat_operator.plan.model.kinds import Obj
from tests.conformance.adopted import ADOPTED, fields
from tests.conformance.captures import CAPTURES, PLAN_CAPTURES
from tests.conformance.compare import Difference, Differences, compare
from tests.conformance.planned import expected, planned


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
