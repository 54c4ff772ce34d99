"""Checks before a backup is used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cryostat_operator.backup import checked_backup
from cryostat_operator.backup.checked_backup import read_content
from cryostat_operator.backup.folder import open_folder
from cryostat_operator.backup.manifest import DATABASE, MANIFEST, BackupError
from cryostat_operator.backup.save import digest_without_secrets
from tests.unit.backup.instance import KEYS, encoded
from tests.unit.backup.saved import PASSPHRASE


def test_a_valid_backup_is_accepted(backup: Path) -> None:
    content = read_content(open_folder(backup), PASSPHRASE)
    assert content.cryostat["metadata"]["name"] == "sample"
    assert content.secrets[0]["data"] == encoded(KEYS)


def test_a_damaged_dump_is_refused(backup: Path) -> None:
    (backup / DATABASE).write_bytes(b"dump-2")
    with pytest.raises(
        BackupError, match=r"^database\.dump of the backup is damaged: its SHA-256 or size differs from the manifest\.$"
    ):
        read_content(open_folder(backup), PASSPHRASE)


def test_a_changed_manifest_is_refused(backup: Path) -> None:
    data = json.loads((backup / MANIFEST).read_text())
    data["rows"] = {"public.a; DROP TABLE x": 0}
    (backup / MANIFEST).write_text(json.dumps(data))
    with pytest.raises(
        BackupError,
        match=r"^The manifest was changed after the backup was made, so the backup is not used\. Use another backup\.$",
    ):
        read_content(open_folder(backup), PASSPHRASE)


def test_a_wrong_passphrase_is_refused(backup: Path) -> None:
    with pytest.raises(BackupError, match=r"^The passphrase is wrong, or secrets\.encrypted\.json is damaged\.$"):
        read_content(open_folder(backup), b"another one")


@pytest.mark.parametrize("content", ["[", "[]", "{}"])
def test_unreadable_secrets_are_refused(backup: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    monkeypatch.setattr(checked_backup, "decrypt", lambda *_: content.encode())
    with pytest.raises(
        BackupError, match=r"^secrets\.encrypted\.json or cryostat\.yaml of the backup cannot be parsed\.$"
    ):
        read_content(open_folder(backup), PASSPHRASE)


@pytest.mark.parametrize("name", ["../../kube-system/secrets/x", "x?watch=true", ""])
def test_names_that_are_no_names_of_objects_are_refused(
    backup: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """They would lead to objects of other namespaces."""
    folder = open_folder(backup)
    read = read_content(folder, PASSPHRASE)
    content = {"manifest": digest_without_secrets(read.manifest), "secrets": [{**read.secrets[0], "name": name}]}
    monkeypatch.setattr(checked_backup, "decrypt", lambda *_: json.dumps(content))
    with pytest.raises(
        BackupError,
        match=r"^The backup contains an invalid object name, so it is not used\. Use another backup\.$",
    ):
        read_content(folder, PASSPHRASE)
