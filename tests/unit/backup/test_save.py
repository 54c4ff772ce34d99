"""The content of a backup."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml

from cryostat_operator.api import constants
from cryostat_operator.backup.encryption import decrypt
from cryostat_operator.backup.folder import open_folder
from cryostat_operator.backup.manifest import SECRETS, BackupError
from cryostat_operator.backup.save import digest_without_secrets, portable
from cryostat_operator.kube.errors import ApiError
from tests.unit.api_server import ApiServer
from tests.unit.backup.instance import ACCESS, KEYS, NAME, NAMESPACE, Streams, encoded, filled, serve_instance
from tests.unit.backup.saved import PASSPHRASE, access, saved


async def test_a_valid_backup_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ApiServer()
    serve_instance(server)
    manifest, lines = await saved(access(server, monkeypatch, Streams(), filled()), tmp_path / "b")
    folder = open_folder(tmp_path / "b")
    folder.check()
    assert folder.manifest == manifest
    assert (manifest.namespace, manifest.name, manifest.database_version) == (NAMESPACE, NAME, 16)
    components = ("cryostat", "database", "storage")
    assert manifest.images == {name: f"registry.example/{name}:1" for name in components}
    assert manifest.buckets == ("archivedrecordings", "logs")
    first = manifest.objects[0]
    assert (first.key, first.tags, first.headers) == (
        "jvm/one.jfr", {"label": "a&b"}, {"Content-Type": "application/jfr"}
    )  # fmt: skip
    assert folder.read(first.path) == b"recording"
    assert lines == [
        "Saved the object storage: 2 buckets, 2 objects, 9 bytes.",
        "Saved the database: 1 tables, 3 rows.",
    ]
    secrets = json.loads(decrypt(PASSPHRASE, folder.read(SECRETS)))
    assert secrets["manifest"] == digest_without_secrets(manifest)
    assert [each["name"] for each in secrets["secrets"]] == ["sample-db", "sample-storage"]
    assert secrets["secrets"][0]["data"] == encoded(KEYS)
    assert server.writes == []


async def test_secrets_are_encrypted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ApiServer()
    serve_instance(server)
    _, lines = await saved(access(server, monkeypatch, Streams(), filled()), tmp_path / "b")
    texts = [path.read_text(errors="replace") for path in (tmp_path / "b").rglob("*") if path.is_file()]
    values = {**KEYS, "SECRET_KEY": ACCESS["SECRET_KEY"]}
    for value in (*values.values(), *encoded(values).values()):
        assert not [text for text in (*texts, *lines) if value in text]


async def test_external_storage_is_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ApiServer()
    serve_instance(server)
    server.remove(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{NAME}-storage")
    manifest, lines = await saved(access(server, monkeypatch, Streams(), filled()), tmp_path / "b")
    assert (manifest.buckets, manifest.objects) == (None, ())
    assert lines[0] == "The objects are in an external S3 service and are not part of the backup."


@pytest.mark.parametrize(
    ("streams", "message"),
    [
        (Streams(error="pg_dump: error: x"), "A command failed. pg_dump: error: x"),
        (Streams(version=0), r"^The database could not be saved: pg_dump did not finish\.$"),
    ],
)
async def test_a_failed_backup_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, streams: Streams, message: str
) -> None:
    server = ApiServer()
    serve_instance(server)
    with pytest.raises(BackupError, match=message):
        await saved(access(server, monkeypatch, streams, filled()), tmp_path / "b")
    assert os.listdir(tmp_path) == []


async def test_a_missing_cryostat_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ApiError, match='"sample" not found'):
        await saved(access(ApiServer(), monkeypatch, Streams(), filled()), tmp_path / "b")
    assert os.listdir(tmp_path) == []


def test_the_saved_cryostat_has_only_portable_fields() -> None:
    annotations = {
        constants.ANNOTATION_PAUSE: "true",
        constants.ANNOTATION_HIBERNATION: "on",
        constants.ANNOTATION_ALLOW_DOWNGRADE: "4.1",
        constants.ANNOTATION_ACCEPT_NAMESPACES: "u",
        "mine": "kept",
    }
    metadata = {
        "name": "a", "namespace": "b", "uid": "u", "resourceVersion": "1", "generation": 2, "finalizers": ["f"],
        "managedFields": [], "creationTimestamp": "t", "labels": {"l": "v"}, "annotations": annotations,
        "ownerReferences": [{"uid": "x"}],
    }  # fmt: skip
    found = portable({"metadata": metadata, "spec": {"x": 1}, "status": {"y": 2}})
    assert found["metadata"] == {"name": "a", "namespace": "b", "labels": {"l": "v"}, "annotations": {"mine": "kept"}}
    assert set(found) == {"apiVersion", "kind", "metadata", "spec"}
    assert yaml.safe_load(yaml.safe_dump(found)) == found
