"""Fixtures for the descriptors of each API version."""

from __future__ import annotations

import pytest

from cryostat_operator.packaging.descriptors import spec_descriptors
from cryostat_operator.plan.model.kinds import Obj
from tests.unit.packaging.console_form import VERSIONS, schema_of


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def spec(version: str) -> Obj:
    found: Obj = schema_of(version)["properties"]["spec"]
    return found


@pytest.fixture
def descriptors(version: str) -> list[Obj]:
    return spec_descriptors(version)
