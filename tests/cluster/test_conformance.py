"""Every captured case, applied to a real API server: the operator creates the objects of the Go operator.

All cases of a platform are applied at once; when the operator is done with them, each is compared on its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.model.kinds import KINDS
from tests.cluster.api import Api, Object, eventually
from tests.cluster.controlplane import ControlPlane
from tests.cluster.namespaces import empty_namespace
from tests.cluster.operator_process import ForkedOperator, remove_cryostats
from tests.cluster.router import Router
from tests.cluster.settled import settled
from tests.conformance.captures import CAPTURES, captured, documents
from tests.conformance.compare import Differences, compare

PLATFORMS = ("kubernetes", "openshift")
RUN = [(case, profile) for case, profile in CAPTURES if profile in PLATFORMS]


@dataclass
class Made:
    """Objects that the operator created for all cases of one platform, by case."""

    objects: dict[str, list[Object]] = field(default_factory=dict)


def made_of(plane: ControlPlane, profile: str, directory: str) -> Made:
    cases = [case for case, of in RUN if of == profile]
    for case in cases:
        for document in documents(case, profile):
            plane.api.apply(document)
    operator = ForkedOperator(plane.api, Path(directory))
    try:
        operator.wait_ready()
        for case in cases:
            cr = next(d for d in documents(case, profile) if d["kind"] == constants.KIND)
            eventually(partial(settled, plane.api, cr), 120, f"{case} is reconciled")
        result = Made({case: objects_of(plane.api, documents(case, profile)) for case in cases})
    finally:
        remove_cryostats(plane.api, 60.0)
        operator.stop()
        for case in cases:
            for document in documents(case, profile):
                if document["kind"] == "Namespace":
                    empty_namespace(plane.api, document["metadata"]["name"])
    return result


def objects_of(api: Api, inputs: list[Object]) -> list[Object]:
    """All objects with the ownership labels of the case's Cryostat."""
    cr = next(d for d in inputs if d["kind"] == constants.KIND)["metadata"]
    selector = f"{constants.LABEL_NAME}={cr['name']},{constants.LABEL_NAMESPACE}={cr['namespace']}"
    found = []
    for kind in KINDS.values():
        try:
            found += api.list(kind.api_version, kind.kind, labelSelector=selector)
        except LookupError:  # not served here
            assert kind.optional
    return found


@pytest.fixture(scope="module")
def on_kubernetes(installed_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return made_of(installed_plane, "kubernetes", str(tmp_path_factory.mktemp("operator")))


@pytest.fixture(scope="module")
def on_openshift(openshift_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    with Router(openshift_plane.api):
        yield made_of(openshift_plane, "openshift", str(tmp_path_factory.mktemp("operator")))


@pytest.mark.parametrize("case", [case for case, profile in RUN if profile == "kubernetes"])
def test_kubernetes_case_equals_capture(on_kubernetes: Made, case: str) -> None:
    assert compare(captured(case, "kubernetes"), on_kubernetes.objects[case], Differences.load()) == []


@pytest.mark.parametrize("case", [case for case, profile in RUN if profile == "openshift"])
def test_openshift_case_equals_capture(on_openshift: Made, case: str) -> None:
    assert compare(captured(case, "openshift"), on_openshift.objects[case], Differences.load()) == []
