"""The buckets of the application, and their names."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.plan.components import buckets
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import ClusterState, cryostat, environment, settled

S3: dict[str, Any] = {
    "secretName": "s3",
    "provider": {"url": "https://s3.example.com:9000", "region": "eu-west-1"},
}


def test_bucket_names_are_passed_on() -> None:
    fields = {
        "archivedRecordings": "STORAGE_BUCKETS_ARCHIVES_NAME",
        "archivedReports": "CRYOSTAT_SERVICES_REPORTS_STORAGE_CACHE_NAME",
        "eventTemplates": "STORAGE_BUCKETS_EVENT_TEMPLATES_NAME",
        "jmcAgentProbeTemplates": "STORAGE_BUCKETS_PROBE_TEMPLATES_NAME",
        "heapDumps": "STORAGE_BUCKETS_HEAP_DUMPS_NAME",
        "threadDumps": "STORAGE_BUCKETS_THREAD_DUMPS_NAME",
        "metadata": "STORAGE_BUCKETS_METADATA_NAME",
    }
    options = {**S3, "storageBucketNameOptions": {field: f"b-{field}" for field in fields}}
    env = environment(settled({"objectStorageOptions": options}).plan)
    assert {variable: env[variable] for variable in fields.values()} == {v: f"b-{f}" for f, v in fields.items()}


@pytest.mark.parametrize(("tag", "reports"), [("4.2.0", False), ("4.3.0", True), ("5.0", True), ("latest", False)])
def test_buckets_of_later_releases_are_created(tag: str, reports: bool) -> None:
    settings = Settings.from_env({"RELATED_IMAGE_CORE": f"example.com/cryostat:{tag}"})
    plan = ClusterState(cryostat(), settings=settings).settle().plan
    found = environment(plan, "sample-storage", "sample-storage")["CRYOSTAT_BUCKETS"].split(",")
    assert "logs" in found
    assert ("heapdumpreports" in found) == reports


NAMED = {**S3, "storageBucketNameOptions": {"heapDumps": "team-heap-dumps"}}
WITHOUT_FIELDS = (
    "spec.objectStorageOptions.storageBucketNameOptions: the application also uses the buckets logs and "
    "heapdumpreports, for whose names there is no field; create them if the account of the application may not create "
    "buckets"
)


@pytest.mark.parametrize(
    ("tag", "options", "text"),
    [
        ("4.2.0", NAMED, ""),
        ("4.3.0", NAMED, WITHOUT_FIELDS),
        ("latest", NAMED, ""),
        ("4.3.0", S3, ""),
        ("4.3.0", {"storageBucketNameOptions": {"heapDumps": "not external"}}, ""),
    ],
)
def test_buckets_without_a_field_are_named_in_a_warning(tag: str, options: dict[str, Any], text: str) -> None:
    settings = Settings.from_env({"RELATED_IMAGE_CORE": f"example.com/cryostat:{tag}"})
    state = ClusterState(cryostat({"objectStorageOptions": options}), settings=settings)
    assert buckets.missing_name_warning(state.instance) == text
