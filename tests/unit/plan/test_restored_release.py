"""Data of a backup is not restored into older programs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.images import Image
from cryostat_operator.plan.restored_release import created_refusal, restore_refusal
from cryostat_operator.plan.upgrades import Versions
from cryostat_operator.settings import Settings

SAVED = Versions((4, 2), 16)


@pytest.mark.parametrize(
    "running",
    [SAVED, Versions((4, 2), 17), Versions((5, 0), 16), Versions(), Versions(None, 16), Versions((4, 2), None)],
)
def test_same_newer_and_unknown_versions_are_allowed(running: Versions) -> None:
    assert restore_refusal(SAVED, running) == ""
    assert restore_refusal(Versions(), running) == ""


@pytest.mark.parametrize(
    ("running", "message"),
    [
        (Versions((4, 2), 15), "The backup was made with PostgreSQL 16, and the target runs PostgreSQL 15. "),
        (Versions((4, 1), 16), "The backup was made with Cryostat 4.2, and the target runs Cryostat 4.1, "),
        (Versions((3, 0), 15), "The backup was made with PostgreSQL 16"),
    ],
)
def test_older_versions_are_refused(running: Versions, message: str) -> None:
    assert restore_refusal(SAVED, running).startswith(message)


@pytest.mark.parametrize(
    ("annotation", "refused"),
    [
        ("cryostat=4.2,postgresql=16", True),
        ("postgresql=16", True),
        ("postgresql=15", False),
        ("cryostat=3.0", False),
        ("x", False),
        (None, False),
        (5, False),
    ],
)
def test_the_operator_refuses_a_cryostat_for_which_its_images_are_too_old(annotation: Any, refused: bool) -> None:
    images = {"core": Image("quay.io/cryostat/cryostat:3.0.0"), "database": Image("quay.io/cryostat/cryostat-db:3.0.0")}
    settings = replace(Settings(), images=images)
    cryostat = {"metadata": {"annotations": {constants.ANNOTATION_RESTORED_RELEASE: annotation}}}
    assert bool(created_refusal(cryostat, settings)) == refused


@pytest.mark.parametrize("metadata", [{}, {"annotations": None}, {"annotations": []}])
def test_other_cryostats_are_not_refused(metadata: dict[str, Any]) -> None:
    assert created_refusal({"metadata": metadata}, Settings()) == ""
