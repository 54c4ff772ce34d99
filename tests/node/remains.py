"""Finds what is left of a node on this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.node import leftovers
from tests.node.requirements import environment


def remains(directory: Path, mounts: Path = Path("/proc/self/mounts")) -> list[str]:
    """The processes, devices, mounts and folders of a node that exist on this machine.

    Args:
        directory: the folder of the node. Names of all its parts are made from the name of this folder.
        mounts: the file with the mounts of this machine.
    """
    commands = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    devices = subprocess.run(["ip", "link"], env=environment(), capture_output=True, text=True, check=True).stdout
    found = [line for line in commands.splitlines() if directory.name in line]
    found += [line for line in devices.splitlines() if leftovers.device(directory) in line]
    found += [line for line in mounts.read_text().splitlines() if directory.name in line]
    folders = (directory, *(root / directory.name for root in leftovers.hierarchies()))
    return [*found, *(str(path) for path in folders if path.exists())]
