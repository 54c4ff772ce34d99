"""Detects containers in which a JVM cannot write temporary files, so that it cannot start recordings."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from ..model.kinds import Obj

_DIRECTORY = "/tmp"  # noqa: S108 - the default of `java.io.tmpdir`, where JDK Flight Recorder keeps its data
_OTHER_DIRECTORY = ("java.io.tmpdir", "FlightRecorderOptions")  # options of the JVM that select another one


def check_temporary_files(container: Obj) -> str:
    """Return a hint if the JVM of a container cannot write to its directory for temporary files; empty if it can."""
    if (container.get("securityContext") or {}).get("readOnlyRootFilesystem") is not True:
        return ""
    # With a read-only volume there, the agent is not added either.
    mounted = {posixpath.normpath(str(mount.get("mountPath"))) for mount in container.get("volumeMounts") or []}
    if _DIRECTORY in mounted or any(option in text for text in _texts(container) for option in _OTHER_DIRECTORY):
        return ""
    return (
        f'container "{container.get("name")}" has a read-only root file system, so its JVM cannot start recordings: '
        f"mount an emptyDir at {_DIRECTORY}, unless its image, a Secret or a ConfigMap sets java.io.tmpdir"
    )


def _texts(container: Obj) -> Iterator[str]:
    """Texts of the container that may contain options of the JVM."""
    for key in ("command", "args"):
        yield from (str(text) for text in container.get(key) or [])
    yield from (str(variable.get("value")) for variable in container.get("env") or [])
