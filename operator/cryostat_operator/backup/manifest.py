"""The list of what a backup contains, stored in it as `manifest.json`. It holds no secret value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

FORMAT = "cryostat-backup/v1"
MANIFEST = "manifest.json"
CRYOSTAT = "cryostat.yaml"
SECRETS = "secrets.encrypted.json"
DATABASE = "database.dump"


class BackupError(Exception):
    """A backup or a restore is not possible. The message is one or two sentences for the user."""


@dataclass(frozen=True)
class Part:
    """One file of a backup.

    Attributes:
        size: in bytes.
        sha256: of the content, as hexadecimal digits.
    """

    size: int
    sha256: str


@dataclass(frozen=True)
class StoredObject:
    """One object of the object storage.

    Attributes:
        path: the file of the backup with the content.
        headers: content type and user metadata, as the names and values of HTTP headers.
        tags: the tags of the object, in which Cryostat keeps metadata of recordings.
    """

    bucket: str
    key: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """What a backup contains.

    Attributes:
        namespace: namespace of the Cryostat that was backed up.
        name: its name. A restored Cryostat has the same one, because its Secrets and data depend on it.
        created: time of the backup in UTC, as in RFC 3339.
        operator_version: version of the program that made the backup.
        images: image of each component at the time of the backup.
        database_version: major version of PostgreSQL.
        rows: number of rows of each table, by `schema.table` with quoted names.
        buckets: all buckets of the managed storage; None if the instance uses an external provider.
        objects: all objects of these buckets.
        parts: all other files of the backup, by path.
        deleted: `BUCKET/KEY` of objects that were deleted during the backup, so that they are not part of it.
    """

    namespace: str
    name: str
    created: str
    operator_version: str
    images: Mapping[str, str]
    database_version: int
    rows: Mapping[str, int]
    buckets: tuple[str, ...] | None
    objects: tuple[StoredObject, ...]
    parts: Mapping[str, Part]
    deleted: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the content of `manifest.json`."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1, sort_keys=True) + "\n"


def parse(text: str | bytes) -> Manifest:
    """Read the content of `manifest.json`.

    Raises:
        BackupError: it is not a manifest, or one of a newer format.
    """
    try:
        data = json.loads(text)
        found = data.pop("format")
    except (ValueError, AttributeError, KeyError, TypeError):
        raise BackupError(f"{MANIFEST} is damaged: it is not the manifest of a backup.") from None
    if found != FORMAT:
        raise BackupError(f"The backup has the format {found!r}; this version reads {FORMAT!r} only.")
    try:
        return _manifest(data)
    except (ValueError, AttributeError, KeyError, TypeError):
        raise BackupError(f"{MANIFEST} is damaged: a field is missing or has another type.") from None


def _manifest(data: dict[str, Any]) -> Manifest:
    parts = {str(path): Part(int(part["size"]), str(part["sha256"])) for path, part in data.pop("parts").items()}
    for path in parts:
        _check_path(path)
    objects = tuple(StoredObject(**each) for each in data.pop("objects"))
    missing = {each.path for each in objects} | {CRYOSTAT, SECRETS, DATABASE}
    if not missing <= set(parts):
        raise KeyError(missing)
    buckets = data.pop("buckets")
    rows = {str(table): int(count) for table, count in data.pop("rows").items()}
    version = int(data.pop("database_version"))
    deleted = tuple(str(each) for each in data.pop("deleted", ()))
    return Manifest(
        **data,
        database_version=version,
        rows=rows,
        buckets=None if buckets is None else tuple(buckets),
        objects=objects,
        parts=parts,
        deleted=deleted,
    )


def _check_path(path: str) -> None:
    """Refuse paths that lead out of the folder of the backup.

    Raises:
        ValueError: the path is absolute, empty, or has a part that is empty or `..`.
    """
    if any(part in ("", ".", "..") for part in path.split("/")) or "\\" in path or "\0" in path:
        raise ValueError(path)
