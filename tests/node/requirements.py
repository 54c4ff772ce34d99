"""The requirements for a node on a machine."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# Programs and their Debian packages, which .ci/programs installs.
_PROGRAMS = {
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "ip": "iproute2",
    "iptables": "iptables",
    "ipset": "ipset",
    "nft": "nftables",
    "gcc": "gcc",
    "pkg-config": "pkg-config",
    "buildah": "buildah",
    "debootstrap": "debootstrap",
    "javac": "default-jdk-headless",
    "jlink": "default-jdk-headless",
}
_SPACE = 6 * 1024**3  # bytes, for images, containers, logs and volumes

# Each line needs one feature of the kernel. The commands run in namespaces that end with the shell.
_PROBES = (
    ("overlayfs", "mount -t overlay overlay -o lowerdir=$0/lower,upperdir=$0/upper,workdir=$0/work $0/merged"),
    ("netfilter (nftables)", "nft add table ip probe"),
    ("netfilter (iptables)", "iptables -A FORWARD -m comment --comment probe -j ACCEPT"),
    ("netfilter (ipset)", "ipset create probe hash:ip"),
    ("virtual Ethernet devices", "ip link add probe type veth peer name probe-peer"),
    ("network bridges", "ip link add probe type bridge"),
)


def environment() -> dict[str, str]:
    """Environment variables for system programs: PATH includes /sbin and the like."""
    return {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}


def missing() -> str:
    """One sentence that names the missing requirements of this machine; empty if a node can run on it."""
    return _missing_once() or _missing_space(Path(tempfile.gettempdir()))


@functools.cache
def _missing_once() -> str:
    if sys.platform != "linux":
        return "A node needs Linux."
    if os.geteuid() != 0:
        return "A node needs root: run this command as root."
    path = environment()["PATH"]
    packages = sorted({package for program, package in _PROGRAMS.items() if not shutil.which(program, path=path)})
    if packages:
        return f"A node needs the Debian packages {', '.join(packages)}: install them with .ci/programs."
    return _missing_abilities()


def _missing_abilities() -> str:
    for ability, command in (("namespaces", "true"), *_PROBES):
        with tempfile.TemporaryDirectory(prefix="cryostat-probe-") as directory:
            for name in ("lower", "upper", "work", "merged"):
                (Path(directory) / name).mkdir()
            namespaces = ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--net", "--ipc"]
            result = subprocess.run(
                [*namespaces, "sh", "-c", command, directory], env=environment(), capture_output=True, text=True
            )
        if result.returncode:
            reason = (result.stderr.strip().splitlines() or ["no reason given"])[0]
            return f"A node needs {ability}, which this kernel refuses: {reason}."
    return ""


def memory_for_images(meminfo: str) -> int:
    """The bytes of memory that may hold the images and containers of a node; 0 if they must be on disk.

    Memory saves a minute, because images have many small files. `meminfo` is the content of /proc/meminfo.
    """
    [kibibytes] = [line.split()[1] for line in meminfo.splitlines() if line.startswith("MemAvailable:")]
    return _SPACE if int(kibibytes) * 1024 >= 2 * _SPACE else 0


def _missing_space(directory: Path) -> str:
    free = shutil.disk_usage(directory).free
    if free >= _SPACE:
        return ""
    return (
        f"A node needs {_SPACE / 1024**3:.0f} GiB in {directory}, and {free / 1024**3:.1f} GiB are free: "
        "delete files, or set TMPDIR to a folder on another disk."
    )
