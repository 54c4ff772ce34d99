"""Fields that the deployed release of Cryostat does not read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from cryostat_operator.images import IMAGES
from cryostat_operator.plan.image_releases import (
    APPLICATION_OF_AGENT,
    FIELDS,
    ineffective_fields,
    release_of,
    too_new_agent,
)
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import ClusterState, cryostat

DOCS = Path(__file__).parents[3] / "docs"
EVERYTHING: dict[str, Any] = {
    "enableAudit": True,
    "declarativeCredentials": [{"secretName": "jmx"}],
    "probeTemplates": [{"configMapName": "probes", "filename": "a.xml"}],
    "agentOptions": {"disableHostnameVerification": True},
    "targetConnectionCacheOptions": {"targetCacheSize": 7, "targetCacheTTL": 8},
    "objectStorageOptions": {
        "secretName": "s3",
        "provider": {
            "url": "https://s3.example.com",
            "region": "r",
            "metadataMode": "bucket",
            "disablePresignedFileTransfers": True,
        },
        "storageBucketNameOptions": {"heapDumps": "a", "threadDumps": "b", "metadata": "c", "eventTemplates": "d"},
    },
}


def messages(image: str, spec: dict[str, Any]) -> list[str]:
    settings = Settings.from_env({"RELATED_IMAGE_CORE": image})
    return [problem.message for problem in ineffective_fields(ClusterState(cryostat(spec), settings=settings).instance)]


CACHE_SIZE = (
    "spec.targetConnectionCacheOptions.targetCacheSize has no effect in Cryostat {}; only 4.0 and earlier read it. "
    "Remove the field."
)
AUDIT = "spec.enableAudit has no effect in Cryostat {}; only 4.2 and later read it. Remove the field."
LATER = "spec.{} has no effect in Cryostat 4.0; only 4.1 and later read it. Remove the field."


def test_each_release_ignores_what_came_later_or_was_removed() -> None:
    assert messages("example.com/cryostat:4.2.0", EVERYTHING) == [CACHE_SIZE.format("4.2")]
    assert messages("example.com/cryostat:4.1.1", EVERYTHING) == [AUDIT.format("4.1"), CACHE_SIZE.format("4.1")]
    assert messages("example.com/cryostat:v4.0.3", EVERYTHING) == [
        AUDIT.format("4.0"),
        *(LATER.format(field.path) for field in FIELDS if field.since == (4, 1)),
    ]


def test_absent_fields_and_unknown_releases_are_not_reported() -> None:
    assert messages("example.com/cryostat:4.0.3", {}) == []
    assert messages("example.com/cryostat:4.0.3", {"declarativeCredentials": [], "probeTemplates": []}) == []
    for image in (
        "example.com/cryostat:latest",
        "example.com/cryostat:2024.12",
        "example.com/cryostat:24.12.1",
        "example.com:5000/cryostat",
        f"example.com/cryostat@sha256:{'0' * 64}",
    ):
        assert messages(image, EVERYTHING) == []


@pytest.mark.parametrize(
    ("reference", "release"),
    [
        ("quay.io/cryostat/cryostat:4.2.0", (4, 2)),
        ("quay.io/cryostat/cryostat:v10.11", (10, 11)),
        ("quay.io/cryostat/cryostat:4.3.0-snapshot", None),
        ("localhost:5000/cryostat", None),
        ("cryostat:4", None),
    ],
)
def test_the_release_is_the_version_in_the_tag(reference: str, release: tuple[int, int] | None) -> None:
    assert release_of(reference) == release


def too_new(agent: str, application: str) -> str:
    images = {"RELATED_IMAGE_AGENT_INIT": agent, "RELATED_IMAGE_CORE": application}
    settings = Settings.from_env({variable: f"example.com/image:{tag}" for variable, tag in images.items()})
    return too_new_agent(ClusterState(cryostat(), settings=settings).instance)


def test_an_agent_that_is_too_new_for_the_application_is_reported() -> None:
    assert too_new("0.8.1", "4.2.0") == (
        "agent 0.8 does not work with Cryostat 4.2, because it needs 4.3 or later; an administrator must set "
        "RELATED_IMAGE_AGENT_INIT and RELATED_IMAGE_CORE of the operator to releases that belong together"
    )
    assert "it needs 4.2 or later" in too_new("0.7.0", "4.1.1")


@pytest.mark.parametrize(
    ("agent", "application"),
    [
        ("0.7.0", "4.2.0"),
        ("0.8.0", "4.3.0"),
        ("0.7.0", "4.3.0"),
        ("0.6.1", "4.0.3"),
        ("0.8.0", "latest"),
        ("x", "4.2.0"),
    ],
)
def test_other_pairs_of_releases_are_not_reported(agent: str, application: str) -> None:
    assert too_new(agent, application) == ""


def test_the_default_images_belong_together() -> None:
    assert too_new_agent(ClusterState(cryostat()).instance) == ""


def test_the_documentation_names_the_releases_that_agents_need() -> None:
    page = " ".join((DOCS / "upgrade.md").read_text().split())
    (first, needed), (newest, later) = ((f"{a}.{b}", f"{c}.{d}") for (a, b), (c, d) in APPLICATION_OF_AGENT.items())
    assert f"Agent {first} needs Cryostat {needed} or later, and agent {newest} needs Cryostat {later} or later" in page


def test_the_table_in_the_documentation_names_the_same_fields_and_releases() -> None:
    section = (DOCS / "upgrade.md").read_text().split("\n## Releases\n", 1)[1].split("\n## ", 1)[0]
    documented = {
        path: read_by.strip()
        for paths, read_by in re.findall(r"^  \| (`[^|]+) \| ([^|]+) \|$", section, re.MULTILINE)
        for path in re.findall(r"`([\w.]+)`", paths)
        if path != "spec"
    }
    assert documented == {
        field.path: f"{field.until[0]}.{field.until[1]} and earlier"
        if field.until
        else f"{field.since[0]}.{field.since[1]} and later"
        for field in FIELDS
    }


def test_the_release_of_the_default_image_is_known() -> None:
    assert release_of(IMAGES["core"][1]) is not None
