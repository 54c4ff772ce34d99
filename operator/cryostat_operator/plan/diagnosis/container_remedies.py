"""What to do if a container of an instance cannot be started, or ends with an error.

All of these causes have one reason, so their texts decide. The texts are from k8s.io/kubernetes/pkg/kubelet,
github.com/opencontainers/runc, CRI-O, the errors of Linux, and Java.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_PLATFORM = re.compile(r"exec format error")
_PROGRAM = re.compile(r"executable file (?:`[^`]*` )?not found|no such file or directory")
_USER = re.compile(r"non-root|runAsNonRoot")
_KILLED_FOR_MEMORY = re.compile(r"OOM-killed")
# A limit of processes may be the cause of a thread that cannot be created.
_HEAP = re.compile(r"java\.lang\.OutOfMemoryError(?!: unable to create )")
_FULL = re.compile(r"(?i)no space left on device|disk quota exceeded")
_READ_ONLY = re.compile(r"(?i)read-only file system")
_DENIED = re.compile(r"(?i)permission denied|operation not permitted")
_WRONG_PROGRAM_CODE = 255  # runc ends with it if the kernel cannot execute the program
# What keeps a node from starting a container, and the remedy.
_OF_THE_NODE = (
    (re.compile(r"seccomp profile"), "Copy the profile to {node}, or correct seccompProfile in {security}"),
    (
        re.compile(r"context deadline exceeded|DeadlineExceeded|name is reserved|is reserved for"),
        "Check the container runtime and the disk of {node}, which are too slow, or restart the node",
    ),
    (
        re.compile(r"fork: resource temporarily unavailable|pids limit"),
        "End processes on {node}, or raise its limit of process IDs",
    ),
    (_FULL, "Free disk space on {node}"),
)


class ContainerFacts(NamedTuple):
    """What can be changed about a container that the operator planned.

    Attributes:
        image: the operator's variables for its image.
        resources: field of the Cryostat with its resources; empty if there is none.
        security: field of the Cryostat with its security context.
        volume: field of the Cryostat with its volume; empty if it has none.
        group: the `fsGroup` of its pod.
        node: name of the node.
    """

    image: str
    resources: str
    security: str
    volume: str
    group: int | None
    node: str


def is_killed_for_memory(quote: str) -> bool:
    """Return whether a container could not be started because it used more memory than its limit."""
    return bool(_KILLED_FOR_MEMORY.search(quote))


def remedy_of_start(quote: str, container: ContainerFacts) -> str:
    """Return what to do about a container that cannot be started."""
    if _USER.search(quote):
        return f"Set runAsUser in {container.security} to a number other than 0, or use an image with such a user"
    if _PLATFORM.search(quote):
        return _other_image(container)
    for pattern, remedy in _OF_THE_NODE:
        if pattern.search(quote):
            return remedy.format(node=f"node {container.node}", security=container.security)
    if _PROGRAM.search(quote):
        return f"Set {container.image} of the operator to an image of this release"
    return "Create or correct what the message names; the kubelet tries again by itself"


def remedy_of_end(code: int, quote: str, container: ContainerFacts, log: str) -> str:
    """Return what to do about a container that ends with an error; empty if only its log says it.

    Args:
        code: its exit code.
        quote: its last message; it is empty in most cases.
        log: a clause with the command that prints its log.
    """
    if _PLATFORM.search(quote):
        return _other_image(container)
    if _HEAP.search(quote) and container.resources:
        return f"Raise {container.resources}.limits.memory, which limits the memory of Java; for details {log}"
    if _FULL.search(quote) and container.volume:
        return f"If its volume is full, raise the size in {container.volume}; otherwise {log}"
    if _READ_ONLY.search(quote) and container.volume:
        return (
            f"Remove readOnlyRootFilesystem from {container.security} if it is set; otherwise repair the file system "
            f"of the volume in {container.volume}"
        )
    if _DENIED.search(quote) and container.volume and container.group is not None:
        return f"If its volume cannot be written, give group {container.group} write access to it; otherwise {log}"
    if code == _WRONG_PROGRAM_CODE and not quote:
        return f"See {log.removeprefix('see ')}; if it contains `exec format error`, {_lower(_other_image(container))}"
    return ""


def _other_image(container: ContainerFacts) -> str:
    return f"Set {container.image} of the operator to an image for the platform of node {container.node}"


def _lower(sentence: str) -> str:
    return f"{sentence[:1].lower()}{sentence[1:]}"
