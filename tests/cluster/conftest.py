"""Fixtures of tests that need a real API server. Files share API servers; operators start per file or per test."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from cryostat_operator.api import constants
from tests.cluster import binaries, openshift
from tests.cluster.api import Api
from tests.cluster.controlplane import ControlPlane, Options
from tests.cluster.namespaces import create_namespace, empty_namespace
from tests.cluster.operator_process import CRD, ForkedOperator, OperatorProcess, install, remove_cryostats
from tests.cluster.router import Router
from tests.cluster.scenario import Scenario
from tests.cluster.shared_planes import SharedPlanes, names_by_file, sort_by_planes
from tests.cluster.tls import Secret
from tests.cluster.webhooks import CRYOSTATS, WebhookPlane, rule, served

_PLANES = ("plane", "control_plane", "installed_plane", "openshift_plane", "webhooks", "installed", "tree")
_SHARED = SharedPlanes()
_USED = pytest.StashKey[dict[Path, frozenset[str]]]()
_numbers = itertools.count(1)

NamespaceFactory = Callable[..., str]
OperatorFactory = Callable[..., OperatorProcess]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    sort_by_planes(items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """Stop the shared clusters that the next file does not use."""
    result = yield
    if nextitem is None or nextitem.path != item.path:
        _SHARED.stop_except(item.session.stash[_USED].get(nextitem.path, ()) if nextitem else ())
    return result


def pytest_collection_finish(session: pytest.Session) -> None:
    session.stash[_USED] = names_by_file(session.items)
    _build_programs(session)


def _build_programs(session: pytest.Session) -> None:
    """Build missing programs before the first test, so that the build does not count against a test's time limit."""
    if session.config.option.collectonly:
        return
    if any(name in _PLANES for item in session.items for name in getattr(item, "fixturenames", ())):
        capture = session.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            binaries.programs(*Options().programs)
            binaries.data(binaries.KWOK)
            if any(item.path.name.startswith(("test_tls_cert_manager", "test_install")) for item in session.items):
                binaries.programs("cert-manager-controller", "cert-manager-cainjector")
                binaries.data(binaries.CERT_MANAGER)
            if any(item.path.name == "test_olm.py" for item in session.items):
                binaries.programs("olm")
                binaries.data(binaries.OLM)


@pytest.fixture(scope="module")
def control_plane() -> ControlPlane:
    """A cluster with one node and nothing installed."""
    return _SHARED.get("control_plane", lambda: ControlPlane(Options(volumes=40, endpoints=False)))


@pytest.fixture(scope="module")
def installed_plane(control_plane: ControlPlane) -> ControlPlane:
    """The cluster of `control_plane` with the operator's CRD, ServiceAccount and roles."""
    if not control_plane.api.find("apiextensions.k8s.io/v1", "CustomResourceDefinition", CRD):
        install(control_plane.api)
    return control_plane


@contextmanager
def _openshift() -> Iterator[ControlPlane]:
    with ControlPlane(Options(volumes=40, endpoints=False)) as plane:
        openshift.install(plane.api)
        install(plane.api)
        yield plane


@pytest.fixture(scope="module")
def openshift_plane() -> ControlPlane:
    """A cluster that looks like OpenShift, with the operator's CRD, ServiceAccount and roles."""
    return _SHARED.get("openshift_plane", _openshift)


@pytest.fixture(scope="module")
def webhooks() -> WebhookPlane:
    """A cluster with the operator's CRD, roles and webhooks, and an operator that serves the webhooks."""
    return _SHARED.get("webhooks", served)


@pytest.fixture
def router(openshift_plane: ControlPlane) -> Iterator[Router]:
    """A router that admits the Routes of the OpenShift cluster. Every test has its own."""
    with Router(openshift_plane.api) as running:
        yield running


@pytest.fixture
def namespace() -> Iterator[NamespaceFactory]:
    """`namespace(plane, labels={...})` creates a namespace and returns its name; it is emptied after the test."""
    made: list[tuple[ControlPlane, str]] = []

    def make(plane: ControlPlane, prefix: str = "test", labels: Mapping[str, str] | None = None) -> str:
        plane.recycle_volumes()
        number = next(_numbers)
        name = f"{prefix}-{number}"
        create_namespace(plane.api, name, labels, number)
        made.append((plane, name))
        return name

    yield make
    for plane, name in made:
        empty_namespace(plane.api, name)


@pytest.fixture
def home(webhooks: WebhookPlane, namespace: NamespaceFactory) -> str:
    """A namespace in which `dev` has permissions."""
    return namespace(webhooks.plane, "home")


@pytest.fixture
def away(webhooks: WebhookPlane, namespace: NamespaceFactory) -> str:
    """A namespace in which `dev` has no permission."""
    return namespace(webhooks.plane, "away")


@pytest.fixture
def dev(webhooks: WebhookPlane, home: str) -> Api:
    """A user with all permissions on Cryostats, in one namespace."""
    parts = [rule(constants.GROUP, f"cryostats/{part}", "*") for part in ("status", "finalizers")]
    return webhooks.user(f"dev-{home}", {home: [CRYOSTATS, *parts]})


@pytest.fixture
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorFactory]:
    """`operator(plane, env={...})` starts the operator as the shipped ServiceAccount and waits until it is ready.

    After the test all Cryostats of the cluster are deleted while the operator runs, so that it deletes their objects.
    The operator's log is shown if the test fails.
    """
    yield from _operators(ForkedOperator, tmp_path_factory)


@pytest.fixture
def operator_program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorFactory]:
    """The same for tests of the process itself: each operator is a program of its own."""
    yield from _operators(OperatorProcess, tmp_path_factory)


def _operators(kind: type[OperatorProcess], directories: pytest.TempPathFactory) -> Iterator[OperatorFactory]:
    started: list[tuple[ControlPlane, OperatorProcess]] = []

    def start(
        plane: ControlPlane, env: Mapping[str, str] | None = None, arguments: Sequence[str] = (), *, wait: bool = True
    ) -> OperatorProcess:
        process = kind(plane.api, directories.mktemp("operator"), env, arguments)
        started.append((plane, process))
        if wait:
            process.wait_ready()
        return process

    yield start
    for plane, process in started:
        remove_cryostats(plane.api, 20.0 if process.running else 0.0)
    for _, process in started:
        process.kill()  # SIGTERM takes seconds and is tested elsewhere
        print(f"--- log of the operator, process {process.process.pid} ---\n{process.tail(300)}")


@pytest.fixture(scope="module")
def _file_scenario(installed_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    with running_scenario(installed_plane, tmp_path_factory) as scenario:
        yield scenario


@pytest.fixture(scope="module")
def _openshift_file_scenario(
    openshift_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scenario]:
    with running_scenario(openshift_plane, tmp_path_factory) as scenario:
        yield scenario


@contextmanager
def running_scenario(
    plane: ControlPlane, directories: pytest.TempPathFactory, env: Mapping[str, str] | None = None
) -> Iterator[Scenario]:
    """A scenario whose operator runs with these variables, and is stopped at the end."""
    scenario = Scenario(plane, directories.mktemp("operator"), env)
    scenario.start()
    yield scenario
    scenario.stop()


@pytest.fixture
def scenario(_file_scenario: Scenario) -> Iterator[Scenario]:
    """A cluster in which one operator runs for all tests of a file. The objects of a test are deleted after it."""
    yield from _cleaned(_file_scenario)


@pytest.fixture
def openshift_scenario(_openshift_file_scenario: Scenario) -> Iterator[Scenario]:
    """A `scenario` on OpenShift. The fixture `router` admits Routes."""
    yield from _cleaned(_openshift_file_scenario)


def _cleaned(scenario: Scenario) -> Iterator[Scenario]:
    before = scenario.log_size()
    yield scenario
    print(f"--- log of the operator ---\n{scenario.log_since(before)}")
    scenario.clean()


@pytest.fixture
def verify(tmp_path: Path) -> Callable[..., str]:
    """`verify(data)` runs `openssl verify` on the certificate of a Secret with its `ca.crt`."""

    def run(data: Secret, purpose: str, host: str) -> str:
        for name in ("ca.crt", "tls.crt"):
            (tmp_path / name).write_bytes(data[name])
        command = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-verify_hostname", host]
        command += ["-CAfile", str(tmp_path / "ca.crt"), str(tmp_path / "tls.crt")]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    return run
