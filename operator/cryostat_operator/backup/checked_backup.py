"""Reads a backup and checks all of its files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from ..api.backup_schedule import is_object_name
from ..plan.model.kinds import Obj
from .encryption import decrypt
from .folder import SavedFolder
from .manifest import CRYOSTAT, SECRETS, BackupError, Manifest
from .save import digest_without_secrets


@dataclass(frozen=True)
class Content:
    """A checked backup.

    Attributes:
        cryostat: the Cryostat, without a namespace.
        secrets: name, type, data and whether the operator generated each Secret.
    """

    folder: SavedFolder
    manifest: Manifest
    cryostat: Obj
    secrets: tuple[Mapping[str, Any], ...]


def read_content(folder: SavedFolder, passphrase: bytes) -> Content:
    """Check all files of a backup and decrypt its Secrets.

    Raises:
        BackupError: a file is damaged or missing, the passphrase is wrong, or the manifest was changed.
    """
    folder.check()
    manifest = folder.manifest
    try:
        data = json.loads(decrypt(passphrase, folder.read(SECRETS)))
        if data["manifest"] != digest_without_secrets(manifest):
            raise BackupError(
                "The manifest was changed after the backup was made, so the backup is not used. Use another backup."
            )
        # A user who knows the passphrase can write a backup, and these names become parts of URL paths.
        if not all(is_object_name(name) for name in (manifest.name, *(each["name"] for each in data["secrets"]))):
            raise BackupError("The backup contains an invalid object name, so it is not used. Use another backup.")
        return Content(folder, manifest, yaml.safe_load(folder.read(CRYOSTAT)), tuple(data["secrets"]))
    except (ValueError, TypeError, KeyError, yaml.YAMLError):
        raise BackupError(f"{SECRETS} or {CRYOSTAT} of the backup cannot be parsed.") from None
