"""What the deployed release of Cryostat cannot do: fields of the spec that have no effect, and agents that are too new.

Releases are known by the tags of images. Nothing is reported for another tag or a digest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..images import IMAGES
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
    FieldReleases("declarativeCredentials", since=(4, 1)),
    FieldReleases("probeTemplates", since=(4, 1)),
    FieldReleases("agentOptions.disableHostnameVerification", since=(4, 1)),
    FieldReleases(f"{_PROVIDER}.disablePresignedFileTransfers", since=(4, 1)),
    FieldReleases(f"{_PROVIDER}.metadataMode", since=(4, 1)),
    FieldReleases(f"{_BUCKETS}.heapDumps", since=(4, 1)),
    FieldReleases(f"{_BUCKETS}.threadDumps", since=(4, 1)),
    FieldReleases(f"{_BUCKETS}.metadata", since=(4, 1)),
)

# Agents from the first release on need an application of the second one or later, which knows their requests.
APPLICATION_OF_AGENT: Mapping[Release, Release] = MappingProxyType({(0, 7): (4, 2), (0, 8): (4, 3)})


def release_of(reference: str) -> Release | None:
    """Return major and minor version of an image by its tag; None if the tag is no version."""
    match = _TAG.search(reference)
    return (int(match[1]), int(match[2])) if match else None


def release_text(release: Release) -> str:
    """Return a release as in the tag of an image."""
    return f"{release[0]}.{release[1]}"


def ineffective_fields(instance: Instance) -> tuple[Problem, ...]:
    """Return a notice for each field of the spec that the deployed release of the application does not read."""
    release = release_of(instance.image("core").reference)
    if release is None:
        return ()
    spec = instance.spec.model_dump(by_alias=True, exclude_none=True)
    return tuple(
        _problem(field, release) for field in FIELDS if _is_set(spec, field.path) and not _is_read(field, release)
    )


def too_new_agent(instance: Instance) -> str:
    """Return a sentence about an agent that does not work with the deployed application; empty if it does."""
    agent, application = (release_of(instance.image(name).reference) for name in ("agent-init", "core"))
    needed = max((needed for since, needed in APPLICATION_OF_AGENT.items() if agent and since <= agent), default=None)
    if agent is None or application is None or needed is None or application >= needed:
        return ""
    variables = " and ".join(IMAGES[name][0] for name in ("agent-init", "core"))
    return (
        f"agent {release_text(agent)} does not work with Cryostat {release_text(application)}, because it needs "
        f"{release_text(needed)} or later; an administrator must set {variables} of the operator to "
        "releases that belong together"
    )


def _is_read(field: FieldReleases, release: Release) -> bool:
    return field.since <= release and (field.until is None or release <= field.until)


def _is_set(spec: object, path: str) -> bool:
    """Whether a spec has a field. An empty list means the same as none."""
    for step in path.split("."):
        if not isinstance(spec, dict) or step not in spec:
            return False
        spec = spec[step]
    return spec != []


def _problem(field: FieldReleases, release: Release) -> Problem:
    until = field.until
    reads = f"{release_text(field.since)} and later" if until is None else f"{release_text(until)} and earlier"
    message = (
        f"spec.{field.path} has no effect in Cryostat {release_text(release)}; only {reads} read it. Remove the field."
    )
    return Problem("core", Reason.IGNORED_BY_RELEASE, message)
