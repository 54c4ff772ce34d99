"""Fixtures: a control plane with cert-manager, and a Cryostat with its certificates."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.api import eventually
from tests.cluster.cert_manager import CertManager
from tests.cluster.conftest import NamespaceFactory, running_scenario
from tests.cluster.controlplane import ControlPlane, Options
from tests.cluster.operator_process import install, remove_cryostats
from tests.cluster.scenario import Scenario
from tests.cluster.tls import ON, SLOW, by_cert_manager, cryostat


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """A separate cluster, because an installed cert-manager changes how certificates are issued."""
    with ControlPlane(Options(volumes=40, endpoints=False)) as plane:
        install(plane.api)
        yield plane


@pytest.fixture(scope="module")
def installed(plane: ControlPlane) -> Iterator[CertManager]:
    """The cert-manager of all tests that follow in a file. Tests that install or remove it come before these."""
    manager = CertManager(plane)
    try:
        manager.install()
        yield manager
    finally:
        print(f"--- log of cert-manager ---\n{manager.tail()}")
        manager.stop()  # the cluster ends with its definitions


@pytest.fixture(scope="module")
def running(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    """An operator with TLS, which runs for all tests of a file."""
    with running_scenario(plane, tmp_path_factory, ON) as scenario:
        yield scenario


@pytest.fixture
def operator(running: Scenario) -> Iterator[Scenario]:
    """The same. The Cryostats of a test are deleted after it, and the log is shown if the test fails."""
    before = running.log_size()
    yield running
    running.start()
    remove_cryostats(running.api, 20.0)
    print(f"--- log of the operator ---\n{running.log_since(before)}")


@pytest.fixture
def manager(plane: ControlPlane) -> Iterator[CertManager]:
    """A cert-manager that the test installs itself. It is removed after the test."""
    manager = CertManager(plane)
    yield manager
    manager.uninstall()


@pytest.fixture
def issued(
    plane: ControlPlane, installed: CertManager, namespace: NamespaceFactory, operator: Scenario
) -> tuple[str, str]:
    """The namespaces of a Cryostat whose certificates cert-manager has issued, and of its agents."""
    here, there = namespace(plane), namespace(plane, "agents")
    plane.api.create(cryostat(here, there))
    eventually(lambda: by_cert_manager(plane.api, here), SLOW)
    return here, there
