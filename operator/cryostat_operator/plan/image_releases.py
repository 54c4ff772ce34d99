"""Which fields of the spec have no effect in the release of Cryostat that is deployed.

The release is known by the tag of the application's image. Nothing is reported for another tag or a digest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .instance import Instance
from .model.problems import Problem
from .model.reasons import Reason

Release = tuple[int, int]
# A first number of 20 or more is a date, such as 2024.12 or 24.12.
_TAG = re.compile(r":v?(1?\d)\.(\d{1,4})(\.\d+)*(@sha256:[0-9a-f]{64})?$", re.ASCII)


@dataclass(frozen=True)
class FieldReleases:
    """The releases of the application that read a field.

    Attributes:
        path: dotted path below `spec`, in the names of the custom resource.
        since: the first release.
        until: the last release; None if it is not known.
    """

    path: str
    since: Release = (4, 0)
    until: Release | None = None


_BUCKETS = "objectStorageOptions.storageBucketNameOptions"
_PROVIDER = "objectStorageOptions.provider"
FIELDS = (
    FieldReleases("enableAudit", since=(4, 2)),
    FieldReleases("targetConnectionCacheOptions.targetCacheSize", until=(4, 0)),
    FieldReleases(f"{_PROVIDER}.disablePresignedFileTransfers", since=(4, 1)),
    FieldReleases(f"{_PROVIDER}.metadataMode", since=(4, 1)),
    FieldReleases(f"{_BUCKETS}.heapDumps", since=(4, 1)),
    FieldReleases(f"{_BUCKETS}.threadDumps", since=(4, 1)),
    FieldReleases(f"{_BUCKETS}.metadata", since=(4, 1)),
)


def release_of(reference: str) -> Release | None:
    """Return major and minor version of an image by its tag; None if the tag is no version."""
    match = _TAG.search(reference)
    return (int(match[1]), int(match[2])) if match else None


def ineffective_fields(instance: Instance) -> tuple[Problem, ...]:
    """Return a notice for each field of the spec that the deployed release of the application does not read."""
    release = release_of(instance.image("core").reference)
    if release is None:
        return ()
    spec = instance.spec.model_dump(by_alias=True, exclude_none=True)
    return tuple(
        _problem(field, release) for field in FIELDS if _is_set(spec, field.path) and not _is_read(field, release)
    )


def _is_read(field: FieldReleases, release: Release) -> bool:
    return field.since <= release and (field.until is None or release <= field.until)


def _is_set(spec: object, path: str) -> bool:
    for step in path.split("."):
        if not isinstance(spec, dict) or step not in spec:
            return False
        spec = spec[step]
    return True


def _problem(field: FieldReleases, release: Release) -> Problem:
    until = field.until
    reads = f"{_text(field.since)} and later" if until is None else f"{_text(until)} and earlier"
    message = f"spec.{field.path} has no effect in Cryostat {_text(release)}; only {reads} read it. Remove the field."
    return Problem("core", Reason.IGNORED_BY_RELEASE, message)


def _text(release: Release) -> str:
    return f"{release[0]}.{release[1]}"
