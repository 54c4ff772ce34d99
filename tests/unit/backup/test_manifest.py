"""Reading `manifest.json`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cryostat_operator.backup.manifest import (
    CRYOSTAT,
    DATABASE,
    FORMAT,
    SECRETS,
    BackupError,
    parse,
)
from tests.unit.backup.manifests import OBJECT, manifest


@pytest.mark.parametrize("changes", [{}, {"buckets": None, "objects": ()}, {"deleted": ("logs/a",)}])
def test_round_trip(changes: dict[str, Any]) -> None:
    assert parse(manifest(**changes).text()) == manifest(**changes)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"format": "cryostat-backup/v1"}', "\x00"])
def test_other_content_is_refused_as_manifest(text: str) -> None:
    with pytest.raises(BackupError) as error:
        parse(text)
    other = "manifest.json is damaged: it is not the manifest of a backup."
    incomplete = "manifest.json is damaged: a field is missing or has another type."
    assert str(error.value) == (incomplete if "format" in text else other)


def test_a_newer_format_is_refused() -> None:
    with pytest.raises(
        BackupError,
        match=r"^The backup has the format 'cryostat-backup/v2'; this version reads 'cryostat-backup/v1' only\.$",
    ):
        parse(manifest().text().replace(FORMAT, "cryostat-backup/v2"))


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a//b", "a/../../b", "", "."])
def test_paths_outside_of_the_folder_are_refused(path: str) -> None:
    data = json.loads(manifest().text())
    data["parts"][path] = {"size": 1, "sha256": "00"}
    with pytest.raises(BackupError, match="is damaged"):
        parse(json.dumps(data))


@pytest.mark.parametrize("path", [CRYOSTAT, DATABASE, SECRETS, OBJECT.path])
def test_a_manifest_without_a_needed_file_is_refused(path: str) -> None:
    data = json.loads(manifest().text())
    del data["parts"][path]
    with pytest.raises(BackupError, match="is damaged"):
        parse(json.dumps(data))
