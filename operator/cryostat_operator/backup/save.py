"""Makes a backup of an instance while it runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from .. import __version__
from ..api import constants
from ..plan.model.kinds import Obj
from ..plan.yaml_text import documents
from . import database_scripts
from .database_scripts import Report, read_report
from .encryption import encrypt
from .folder import NewFolder
from .instance_access import APPLICATION, DATABASE, STORAGE, Component, InstanceAccess, image_of
from .manifest import CRYOSTAT, SECRETS, BackupError, Manifest
from .manifest import DATABASE as DUMP
from .pod_streams import CommandError
from .saved_objects import Progress, SavedObjects, save_objects

# Fields that the API server sets, or that belong to one cluster only.
_SERVER_FIELDS = (
    "creationTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "uid",
    "finalizers",
    "selfLink",
)
_ONE_TIME_ANNOTATIONS = (
    constants.ANNOTATION_PAUSE,
    constants.ANNOTATION_PAUSED_BY,
    constants.ANNOTATION_RESTORED_RELEASE,
    constants.ANNOTATION_HIBERNATION,  # a restore needs pods
    constants.ANNOTATION_ALLOW_DATA_LOSS,
    constants.ANNOTATION_ALLOW_DOWNGRADE,
    constants.ANNOTATION_ACCEPT_NAMESPACES,
    "kubectl.kubernetes.io/last-applied-configuration",
)


async def save(access: InstanceAccess, folder: NewFolder, passphrase: bytes, progress: Progress) -> Manifest:
    """Write a backup into a folder.

    Objects are saved before the database. If an object exists when the backup begins, and the saved database refers to
    it, the backup has the object.

    Args:
        passphrase: encrypts the Secrets.
        progress: called with one sentence for each step.

    Raises:
        BackupError: the instance cannot be reached, or a command failed.
        ApiError: the API server refuses a request.
        OSError: the folder cannot be written.
    """
    cryostat = await access.client.request("GET", access.path)
    folder.add(CRYOSTAT, documents([portable(cryostat)]).encode())
    database = await access.component(DATABASE)
    images = {DATABASE: database.image, **await _application_image(access)}
    secrets = [await access.secret(access.database_secret(database))]
    objects = SavedObjects()
    if await access.deployment(STORAGE) is not None:
        storage = await access.component(STORAGE)
        images[STORAGE] = storage.image
        secrets.append(await access.secret(access.storage_secret(storage)))
        async with access.storage(storage) as service:
            objects = await save_objects(service, folder, progress)
    else:
        progress("The objects are in an external S3 service and are not part of the backup.")
    report = await _save_database(access, database, folder)
    progress(f"Saved the database: {len(report.rows)} tables, {sum(report.rows.values())} rows.")
    manifest = Manifest(
        namespace=access.namespace,
        name=access.name,
        created=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        operator_version=__version__,
        images=images,
        database_version=report.version,
        rows=report.rows,
        buckets=objects.buckets,
        objects=objects.objects,
        deleted=objects.deleted,
        parts=dict(folder.parts),
    )
    content = {"manifest": digest_without_secrets(manifest), "secrets": [_content(each) for each in secrets]}
    folder.add(SECRETS, encrypt(passphrase, json.dumps(content).encode()))
    manifest = replace(manifest, parts=dict(folder.parts))
    folder.finish(manifest)
    return manifest


def portable(cryostat: Obj) -> Obj:
    """Return a Cryostat without status and without the fields that belong to one cluster."""
    metadata = {key: value for key, value in cryostat["metadata"].items() if key not in _SERVER_FIELDS}
    annotations = {k: v for k, v in (metadata.get("annotations") or {}).items() if k not in _ONE_TIME_ANNOTATIONS}
    metadata.pop("annotations", None)
    metadata.pop("ownerReferences", None)
    if annotations:
        metadata["annotations"] = annotations
    return {
        "apiVersion": constants.API_VERSION,
        "kind": constants.KIND,
        "metadata": metadata,
        "spec": cryostat.get("spec") or {},
    }


def digest_without_secrets(manifest: Manifest) -> str:
    """Return the digest that is stored with the Secrets: it shows whether the manifest was changed later."""
    parts = {path: part for path, part in manifest.parts.items() if path != SECRETS}
    return hashlib.sha256(replace(manifest, parts=parts).text().encode()).hexdigest()


def _content(secret: Obj) -> Mapping[str, Any]:
    """Return the parts of a Secret to restore. Its ownership labels will be those of the target and are not saved."""
    return {
        "name": secret["metadata"]["name"],
        "type": secret.get("type") or "Opaque",
        "immutable": bool(secret.get("immutable")),
        "generated": constants.LABEL_NAME in (secret["metadata"].get("labels") or {}),
        "data": secret.get("data") or {},
    }


async def _application_image(access: InstanceAccess) -> Mapping[str, str]:
    """The image of the application, which need not run during a backup."""
    image = image_of(await access.deployment(APPLICATION))
    return {APPLICATION: image} if image else {}


async def _save_database(access: InstanceAccess, database: Component, folder: NewFolder) -> Report:
    command = database_scripts.shell(database_scripts.DUMP)
    try:
        with folder.part(DUMP) as writer:
            log = await access.run_script(database, command, on_output=writer.write)
    except CommandError as error:
        raise BackupError(f"{error}. {read_report(error.log).errors}".rstrip()) from None
    report = read_report(log)
    if not report.done or not report.version:
        raise BackupError(f"The database could not be saved: {report.errors or 'pg_dump did not finish.'}")
    return report
