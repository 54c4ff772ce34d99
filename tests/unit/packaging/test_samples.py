"""Each sample is valid, and the complete one has all fields."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from cryostat_operator.packaging.crds import crd
from tests.unit.api.fields import own_fields

SAMPLES = Path(__file__).parents[3] / "manifests/samples"


def paths(value: Any, path: str) -> set[str]:
    if isinstance(value, dict):
        return {path}.union(*(paths(child, f"{path}.{name}") for name, child in value.items()))
    if isinstance(value, list):
        return {path}.union(*(paths(child, path) for child in value))
    return {path}


def test_the_complete_sample_has_all_fields() -> None:
    schema = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    known = {path for path, _ in own_fields(schema) if path.startswith("spec")}
    sample = yaml.safe_load((SAMPLES / "everything.yaml").read_text())
    assert known - paths(sample["spec"], "spec") == set(), "add these fields to manifests/samples/everything.yaml"


def test_the_first_sample_is_minimal() -> None:
    sample = yaml.safe_load((SAMPLES / "cryostat-sample.yaml").read_text())
    assert sample["spec"] == {"reportOptions": {"replicas": 0}}
