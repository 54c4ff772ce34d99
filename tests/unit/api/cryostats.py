"""Cryostats of the samples and of the conformance cases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from cryostat_operator.api.constants import API_VERSION

TESTS = Path(__file__).parents[2]
INPUTS = sorted((TESTS / "conformance").glob("*cases/*/input*.yaml"))
SAMPLES = sorted((TESTS.parent / "manifests/samples").glob("*.yaml"))


def cryostats(path: Path) -> list[dict[str, Any]]:
    return [obj for obj in yaml.safe_load_all(path.read_text()) if obj["kind"] == "Cryostat"]


def cryostat(spec: Any, name: str = "cryostat") -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": "Cryostat", "metadata": {"name": name}, "spec": spec}
