"""Whole plans of some Cryostats in YAML, so that a review shows the effect of a change.

`pytest tests/unit/plan/test_golden.py --update-goldens` writes them again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
import yaml

from cryostat_operator.plan.model.desired_state import Plan
from cryostat_operator.plan.model.problems import Problem
from cryostat_operator.plan.model.requests import HtpasswdValue, NginxHeaderValue, RandomValue, ValueSource
from tests.unit import kubernetes_schemas
from tests.unit.cluster_state import ClusterState, cryostat, requested_values

HERE = Path(__file__).parents[2] / "golden"
SAMPLES = Path(__file__).parents[3] / "manifests" / "samples"


def sample(name: str, *, openshift: bool = False, **spec: Any) -> ClusterState:
    """The complete state of one of the samples, with further fields."""
    body = yaml.safe_load((SAMPLES / f"{name}.yaml").read_text())
    state = ClusterState(cryostat(body["spec"] | spec, name=body["metadata"]["name"]), openshift=openshift)
    state.snapshot = replace(state.snapshot, ca_certificate="-----BEGIN CERTIFICATE-----\n")
    return state.settle()


INSTANCES: dict[str, Callable[[], ClusterState]] = {
    "kubernetes-minimal": lambda: sample("cryostat-sample"),
    "kubernetes-everything": lambda: sample("everything"),
    "kubernetes-external-s3": lambda: sample("external-s3"),
    "openshift-external-host": lambda: sample("openshift-external-host", openshift=True),
    "openshift-tls": lambda: sample(
        "cryostat-sample", openshift=True, enableCertManager=True, reportOptions={"replicas": 1}
    ),
}


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)
_Dumper.add_multi_representer(StrEnum, lambda dumper, value: dumper.represent_str(str(value)))


def golden(plan: Plan) -> str:
    """The whole plan: objects by component, requests and problems."""
    documents: list[Any] = []
    for part in plan.components:
        documents += part.objects
    rest = {
        "orders": {
            str(key): {name: _mint(v) for name, v in requested_values(plan, key).items()} for key in plan.requests
        },
        "waiting": {str(key): str(blocked.problem.reason) for key, blocked in plan.blocked.items()},
        "problems": [_problem(problem) for problem in plan.problems],
        "notices": [_problem(problem) for problem in plan.warnings],
        "references": [f"{r.kind} {r.name}: {' '.join(sorted(r.keys)) or 'all of it'}" for r in plan.references],
    }
    documents.append({key: value for key, value in rest.items() if value})
    text: str = yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=120)
    return text


def _problem(problem: Problem) -> dict[str, Any]:
    recorded = {**asdict(problem), "reason": str(problem.reason)}
    del recorded["included"]  # these problems are listed separately
    return recorded


def _mint(value: ValueSource) -> str:
    if isinstance(value, RandomValue):
        return f"{value.length} random characters"
    if isinstance(value, NginxHeaderValue):
        return f"directive of nginx for {value.header}"
    return f"htpasswd line of {value.user}" if isinstance(value, HtpasswdValue) else value


@pytest.mark.parametrize("name", INSTANCES)
def test_instance_is_as_recorded(name: str, request: pytest.FixtureRequest) -> None:
    file, text = HERE / f"{name}.yaml", golden(INSTANCES[name]().plan)
    if request.config.getoption("--update-goldens"):
        file.write_text(text)
    assert text == file.read_text()


@pytest.mark.parametrize("name", INSTANCES)
def test_recorded_objects_match_the_schemas_of_kubernetes(name: str) -> None:
    objects = [o for o in yaml.safe_load_all((HERE / f"{name}.yaml").read_text()) if "kind" in o]
    assert {
        f"{o['kind']} {o['metadata']['name']}": found for o in objects if (found := kubernetes_schemas.errors(o))
    } == {}


def test_nothing_else_is_recorded() -> None:
    assert {path.stem for path in HERE.glob("*")} == set(INSTANCES)
