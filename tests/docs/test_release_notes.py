"""The page about Cryostat 3.0 names fields, parameters and variables that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from cryostat_operator.helm.convert_values import convert
from cryostat_operator.packaging.crds import crd

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/release-notes-3.0.md").read_text()
FIELDS = sorted(set(re.findall(r"`(spec\.[\w.]+)`", PAGE)) - {"spec.installNamespace"})  # of a ClusterCryostat


def exists(schema: dict[str, Any], path: str) -> bool:
    for name in path.split("."):
        schema = schema.get("properties", {}).get(name)
        if schema is None:
            return False
    return True


def test_fields_are_named() -> None:
    assert len(FIELDS) > 8


@pytest.mark.parametrize("path", FIELDS)
def test_a_field_exists(path: str) -> None:
    assert exists(crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"], path)


def test_the_helm_parameters_are_converted() -> None:
    review = {"verb": "get", "resource": "pods"}
    values = {
        "authentication": {
            "openshift": {"enabled": True},
            "basicAuth": {"enabled": True, "secretName": "users", "filename": "htpasswd"},
        },
        "openshiftOauthProxy": {"accessReview": {"enabled": True, **review}},
    }
    result = convert(values, None, None)
    assert result.not_converted == ()
    options = result.cryostat["spec"]["authorizationOptions"]
    assert options["basicAuth"] == {"secretName": "users", "filename": "htpasswd"}
    assert options["openShiftSSO"]["accessReview"].items() >= review.items()
    for name in ("authentication.openshift.enabled", "authentication.basicAuth", "openshiftOauthProxy.accessReview"):
        assert f"`{name}`" in PAGE


def test_the_variables_of_the_agent_are_those_of_its_releases() -> None:
    named = set(re.findall(r"`(CRYOSTAT_AGENT_\w+)`", PAGE))
    known = (ROOT / "tests/upstream/accepted.yaml").read_text()
    assert len(named) == 2
    assert {name for name in named if f"- {name}\n" not in known} == set()
