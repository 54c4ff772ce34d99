"""Removes the processes, cgroups, network device and folder of a node that has ended.

All names of a node are made from the name of its folder. The process that started the node holds a lock in the folder
until it ends. `python -m tests.node.leftovers FOLDER` waits for the end of its standard input, then
removes the node. Each node has one such process, in case the process that started it is killed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.node.requirements import environment

PREFIX = "cryostat-node-"
LOCK = "lock"
NAMESPACE = "namespace"  # the file that names the network namespace
_CGROUPS = Path("/sys/fs/cgroup")


def device(directory: Path) -> str:
    """The name of the host's end of the node's network device; at most 15 characters."""
    return f"cryo-{directory.name[-8:]}"


def cgroup(directory: Path) -> str:
    """The name of the cgroup of all pods, in every hierarchy."""
    return directory.name


def hierarchies(root: Path = _CGROUPS) -> list[Path]:
    """The mounted cgroup hierarchies: one with cgroup v2, one a controller with v1."""
    if (root / "cgroup.controllers").exists():
        return [root]
    return [path for path in sorted(root.iterdir()) if path.is_dir() and not path.is_symlink()]


def remove_abandoned() -> None:
    """Remove the nodes that were not removed before the process that started them ended."""
    for directory in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError), (directory / LOCK).open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # the process that started the node still runs
            remove(directory)


def remove(directory: Path) -> None:
    """End the node of this folder and remove everything of it. It can be called again."""
    _kill(directory)
    _remove_cgroups(cgroup(directory))
    command = ["ip", "link", "delete", device(directory)]
    subprocess.run(command, env=environment(), capture_output=True, check=False)
    _remove_folder(directory)


def _kill(directory: Path, timeout: float = 30.0) -> None:
    """Kill every process in the node's network namespace. The kernel then ends all pods, because pid 1 has ended."""
    with suppress(OSError):
        namespace = (directory / NAMESPACE).read_text()
        deadline = time.monotonic() + timeout
        while (found := list(_processes(namespace))) and time.monotonic() < deadline:
            for pid in found:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)


def _processes(namespace: str) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if os.readlink(entry / "ns/net") == namespace:
                    yield int(entry.name)


def _remove_cgroups(name: str, timeout: float = 10.0) -> None:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        left = [path / name for path in hierarchies() if (path / name).exists()]
        if not left:
            return
        for top in left:
            for path, _, _ in os.walk(top, topdown=False):
                with suppress(OSError):  # EBUSY until the last process has ended
                    os.rmdir(path)
        time.sleep(0.02)


def _remove_folder(directory: Path, timeout: float = 10.0) -> None:
    """Remove the folder, with retries: the kernel releases mounts some time after the last process has ended."""
    deadline = time.monotonic() + timeout
    while directory.exists() and time.monotonic() < deadline:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.read()
    remove(Path(sys.argv[1]))
