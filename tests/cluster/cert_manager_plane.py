"""Fixtures: a control plane with cert-manager."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.cert_manager import CertManager
from tests.cluster.controlplane import ControlPlane, Options
from tests.cluster.operator_process import install


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """A separate cluster, because an installed cert-manager changes how certificates are issued."""
    with ControlPlane(Options(volumes=40, endpoints=False)) as plane:
        install(plane.api, plane.kubectl)
        yield plane


@pytest.fixture
def installed(plane: ControlPlane) -> Iterator[CertManager]:
    with CertManager(plane) as installed:
        yield installed
