"""One node for all tests of this folder. On a machine that cannot run a node, the tests are skipped."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.cluster import binaries
from tests.cluster.namespaces import create_namespace
from tests.node import instance as instances
from tests.node import requirements
from tests.node.images import operand_archives
from tests.node.installation import apply_operator
from tests.node.instance import Running
from tests.node.node import PROGRAMS, Node
from tests.node.operator_image import operator_archive

_numbers = itertools.count(1)
NamespaceFactory = Callable[..., str]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build missing programs before the first test, so that the build does not count against a test's time limit."""
    if session.config.option.collectonly or requirements.missing():
        return
    needed = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    capture = session.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        if "can_run" in needed:
            binaries.programs(*PROGRAMS)
        if "images" in needed:
            operand_archives()
            operator_archive()


@pytest.fixture(scope="session")
def images() -> None:
    """Mark a test that needs the images of operator and operands. They are built after the collection of tests."""


@pytest.fixture(scope="session")
def can_run() -> None:
    """Skip the test if no node can run on this machine."""
    if reason := requirements.missing():
        pytest.skip(reason)


@pytest.fixture(scope="session")
def node(can_run: None) -> Iterator[Node]:
    """A running node. A failed test shows the end of its logs."""
    with Node() as running:
        yield running


@pytest.fixture(scope="session")
def operator(node: Node, images: None) -> Node:
    """The node with the operator's image, installed from `manifests/`."""
    node.load(operator_archive())
    apply_operator(node, 300.0)
    return node


@pytest.fixture(scope="session")
def instance(operator: Node) -> Iterator[Running]:
    """An instance that is Ready."""
    with instances.running(operator) as found:
        yield found


@pytest.fixture
def namespace(node: Node) -> Iterator[NamespaceFactory]:
    """`namespace(labels={...})` creates a namespace and returns its name; it is deleted after the test."""
    made: list[str] = []

    def make(prefix: str = "test", labels: dict[str, str] | None = None) -> str:
        name = f"{prefix}-{next(_numbers)}"
        made.append(name)
        create_namespace(node.api, name, labels)
        return name

    yield make
    for name in made:
        node.api.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
