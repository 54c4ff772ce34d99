"""Linux namespaces of a node. Processes in them cannot change the machine, and end with the namespaces.

Mounts, processes and netfilter rules belong to namespaces. The first process of the namespaces is a child of this
process. When it ends, the kernel kills every process in the namespaces, and removes their mounts and rules.
"""

from __future__ import annotations

import fcntl
import ipaddress
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

from tests.cluster.processes import Child
from tests.node import leftovers
from tests.node.requirements import environment, memory_for_images

# The first process of the node. It mounts the node's folders over those of the machine, then waits for ended children.
_INIT = r"""
set -eu
folder=$1 python=$2 images=$3
for name in lib log; do
  mkdir -p "$folder/$name" "$folder/$name.work"
  mount -t overlay overlay -o "lowerdir=/var/$name,upperdir=$folder/$name,workdir=$folder/$name.work" "/var/$name"
done
mkdir -p "$folder/kubelet" /var/lib/kubelet
mount --bind "$folder/kubelet" /var/lib/kubelet
mkdir -p "$folder/containerd"
[ "$images" = 0 ] || mount -t tmpfs -o size="$images" tmpfs "$folder/containerd"
mount -t tmpfs tmpfs /run
mount --make-rshared /
ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
touch "$folder/prepared"
exec "$python" -I -S -c '
import os, time
while True:
    try:
        os.wait()
    except ChildProcessError:
        time.sleep(0.5)
'
"""
# Addresses for tests of network devices (RFC 2544): no other network uses them.
_NETWORK = ipaddress.IPv4Network("198.18.0.0/15")


class Sandbox:
    """The namespaces of one node, its folder, and its network device with the machine at the other end.

    Attributes:
        directory: the folder of all files of the node, which `stop` removes.
        address: the address of the node, which this machine can reach.
    """

    def __init__(self) -> None:
        self.directory = Path()
        self.address = ""
        self._lock: IO[str] | None = None
        self._cleanup: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Remove abandoned nodes, then create the namespaces. Raises OSError, ProcessDiedError or TimeoutError."""
        leftovers.remove_abandoned()
        # The folder is renamed after it is locked. Another process removes an unlocked folder with the final name.
        unlocked = Path(tempfile.mkdtemp(prefix=f".{leftovers.PREFIX}{os.getpid()}-"))
        self._lock = (unlocked / leftovers.LOCK).open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.directory = unlocked.rename(unlocked.with_name(unlocked.name.removeprefix(".")))
        self._cleanup = subprocess.Popen(
            [sys.executable, "-m", "tests.node.leftovers", str(self.directory)],
            cwd=Path(__file__).parents[2], stdin=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        self._start_init()
        self._connect()
        self._make_cgroups()

    def stop(self) -> None:
        """End all processes in the namespaces, and remove the node's files, cgroups and network device."""
        if self._lock:
            leftovers.remove(self.directory)
            self._init.kill()
            self._lock.close()
            self._lock = None
        if self._cleanup and self._cleanup.stdin:
            self._cleanup.stdin.close()
            self._cleanup.wait()
            self._cleanup = None

    def inside(self) -> list[str]:
        """The first arguments of a command line that runs a program inside the namespaces."""
        return ["nsenter", f"--target={self._pid}", "--mount", "--pid", "--net", "--ipc", "--"]

    def run(self, *command: str | Path) -> str:
        """Run a program inside the namespaces and return its output. Raises CalledProcessError."""
        return _output(*self.inside(), *map(str, command))

    def _start_init(self) -> None:
        namespaces = ["unshare", "--mount", "--pid", "--net", "--ipc", "--fork", "--kill-child", "--mount-proc"]
        images = str(memory_for_images(Path("/proc/meminfo").read_text()))
        init = ["sh", "-c", _INIT, "node", str(self.directory), sys.executable, images]
        self._init = Child("the first process", [*namespaces, *init], self.directory / "init.log", environment())
        self._init.wait_until((self.directory / "prepared").exists, 20)
        unshare = self._init.process.pid
        self._pid = int(Path(f"/proc/{unshare}/task/{unshare}/children").read_text().split()[0])
        (self.directory / leftovers.NAMESPACE).write_text(os.readlink(f"/proc/{self._pid}/ns/net"))

    def _connect(self) -> None:
        """Connect the node and the machine by a pair of network devices, each with an address."""
        name = leftovers.device(self.directory)
        used = _output("ip", "-4", "-oneline", "address", "show")
        outside, inside = _free_pair(used)
        self.address = str(inside)
        _output("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(self._pid))
        _output("ip", "address", "add", f"{outside}/30", "dev", name)
        _output("ip", "link", "set", name, "up")
        self.run("ip", "address", "add", f"{inside}/30", "dev", "eth0")
        self.run("ip", "link", "set", "eth0", "up")
        self.run("ip", "route", "add", "default", "via", str(outside))

    def _make_cgroups(self) -> None:
        for hierarchy in leftovers.hierarchies():
            path = hierarchy / leftovers.cgroup(self.directory)
            path.mkdir()
            # These are empty in a new cgroup v1, and no process can be added until they are set.
            for name in ("cpuset.cpus", "cpuset.mems"):
                if (hierarchy / name).exists() and not (path / name).read_text().strip():
                    (path / name).write_text((hierarchy / name).read_text())


def _free_pair(used: str) -> tuple[ipaddress.IPv4Address, ipaddress.IPv4Address]:
    """Two addresses of a small unused network. `used` is the output of `ip address`."""
    while True:
        first = _NETWORK[random.randrange(0, _NETWORK.num_addresses, 4)]
        if not any(f"{first + offset}/" in used for offset in range(4)):
            return first + 1, first + 2


def _output(*command: str) -> str:
    result = subprocess.run(command, env=environment(), capture_output=True, text=True)
    if result.returncode:
        raise OSError(f"`{' '.join(command)}` failed: {result.stderr.strip() or result.stdout.strip()}")
    return result.stdout
