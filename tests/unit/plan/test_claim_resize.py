"""Claims whose volume has not been enlarged yet."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.claim_resize import not_resized
from tests.unit.cluster_state import NAME, NAMESPACE, ClusterState, cryostat

CLAIM = "PersistentVolumeClaim sample-database has 500Mi of the requested 2Gi: "
PENDING = {"type": "FileSystemResizePending", "status": "True"}


def notice(
    requested: str = "2Gi",
    *conditions: dict[str, str],
    spec: Any = None,
    annotations: dict[str, str] | None = None,
    **status: Any,
) -> str:
    live = {
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": f"{NAME}-database", "namespace": NAMESPACE},
        "spec": {"resources": {"requests": {"storage": requested}}},
        "status": {"phase": "Bound", "capacity": {"storage": "500Mi"}, "conditions": list(conditions), **status},
    }
    problem = not_resized(ClusterState(cryostat(spec, annotations=annotations)).with_live(live).instance, "database")
    assert problem is None or (problem.reason, problem.actionable) == ("VolumeNotResized", False)
    return problem.message if problem else ""


@pytest.mark.parametrize(
    ("conditions", "text"),
    [
        (
            [PENDING],
            "its file system has not been enlarged yet. "
            f"If this lasts for minutes, run kubectl rollout restart -n {NAMESPACE} deployment/sample-database.",
        ),
        (
            [{"type": "Resizing", "status": "True"}, {**PENDING, "status": "False"}],
            "its driver has not enlarged the volume yet. "
            "If this lasts for minutes, read the events of the claim; some drivers wait until no pod uses it.",
        ),
        (
            [{"type": "ControllerResizeError", "status": "True", "message": "quota of disks reached"}],
            "quota of disks reached. Remove this cause.",
        ),
        (
            [{"type": "ControllerResizeError", "status": "True", "message": "quota of disks reached"}, PENDING],
            "its file system has not been enlarged yet. "
            f"If this lasts for minutes, run kubectl rollout restart -n {NAMESPACE} deployment/sample-database.",
        ),
        (
            [PENDING, {"type": "NodeResizeError", "status": "True"}],
            "NodeResizeError. Remove this cause.",
        ),
    ],
    ids=["file system", "volume", "failure", "former failure", "failure without a message"],
)
def test_a_volume_that_is_smaller_than_requested_is_reported(conditions: list[dict[str, str]], text: str) -> None:
    assert notice("2Gi", *conditions) == CLAIM + text


def test_a_volume_of_the_requested_size_is_not_reported() -> None:
    assert notice("0.25Gi") == ""
    assert notice("512000Ki") == ""
    assert notice("2Gi", capacity={}) == ""
    assert notice("2Gi", phase="Pending") == ""


def test_a_claim_that_is_not_used_is_not_reported() -> None:
    empty = {"storageOptions": {"database": {"emptyDir": {"enabled": True}}}}
    assert notice("2Gi", PENDING, spec=empty) != ""  # the loss of its data is not confirmed
    assert notice("2Gi", PENDING, spec=empty, annotations={constants.ANNOTATION_ALLOW_DATA_LOSS: "true"}) == ""
