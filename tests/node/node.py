"""A cluster of one real node: the control plane of tests/cluster, and a kubelet that runs pods.

All programs run in separate Linux namespaces (sandbox.py), so that they do not change the machine's processes, mounts
and firewall rules. requirements.py lists the requirements, for example root on Linux.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.cluster import binaries
from tests.cluster.api import condition, eventually
from tests.cluster.controlplane import NODE, USERS, ControlPlane, Options
from tests.cluster.processes import Child
from tests.node import configuration, leftovers, requirements
from tests.node.cluster_objects import initial_objects
from tests.node.configuration import CONTAINERD_SOCKET, PAUSE_IMAGE, Place
from tests.node.images.archive import File, Image, write_archive, write_layer
from tests.node.sandbox import Sandbox
from tests.node.volumes import Provisioner

_COMPONENTS = ("kubelet", "kube-proxy", "kube-router", "coredns")
_PLUGINS = ("bridge", "host-local", "loopback")
PROGRAMS = (
    *Options(kwok=False).programs,
    *(program for tool in binaries.NODE_TOOLS for program in tool.programs),
)
_APISERVER = ("--kubelet-preferred-address-types=InternalIP",)


class NodeError(Exception):
    """The node cannot run on this machine or did not start. The message is one sentence."""


class Node(ControlPlane):
    """`with Node() as node:` boots a node in seconds. Pods can use the images that `load` has added.

    Raises:
        NodeError: a node cannot run on this machine.
        BuildError: a program is missing and cannot be built.
        ProcessDiedError: a component ended during the boot. The message has the end of its log.
        TimeoutError: a component is not ready in time. The message has the end of its log.
    """

    def __init__(self, boot_timeout: float = 60.0) -> None:
        super().__init__(Options(kwok=False, volumes=0, apiserver_args=_APISERVER, boot_timeout=boot_timeout))
        self.users = (*USERS, *_COMPONENTS)
        self.sandbox = Sandbox()
        self._provisioner: Provisioner | None = None

    # --- start and stop ---

    def start(self) -> Self:
        """Start all components and return when the Node is Ready."""
        if reason := requirements.missing():
            raise NodeError(reason)
        self._node_programs = binaries.programs(*PROGRAMS)
        try:
            self.sandbox.start()
            self.parent = self.sandbox.directory
            self.address = self.advertised = self.sandbox.address
            return super().start()
        except BaseException:
            self.sandbox.stop()
            raise

    def stop(self) -> None:
        """End all processes of the node, and remove its files, cgroups and network device."""
        if self._provisioner:
            self._provisioner.stop()
            self._provisioner = None
        super().stop()
        self.sandbox.stop()

    def _command(self, name: str, arguments: Sequence[str]) -> list[str | Path]:
        return [*self.sandbox.inside(), self._node_programs[name], *arguments]

    def _boot(self) -> None:
        self._write_node_files()
        self._start_containerd()
        super()._start_etcd()
        self._start_apiserver()
        for obj in initial_objects(NODE, self.address):
            self.api.create(obj)
        self._start_controllers()
        self._start_node()
        self._provisioner = Provisioner(self.api, NODE, self.place.directory / "volumes")
        self._load_pod_image()
        eventually(self._usable, self.options.boot_timeout, "the node is ready", interval=0.05)

    def _usable(self) -> bool:
        return super()._usable() and self.node_ready()

    def node_ready(self) -> bool:
        """Whether the kubelet reports the Node as Ready and pods can be scheduled on it."""
        node = self.api.get("v1", "Node", NODE)
        return condition(node, "Ready").get("status") == "True" and not node["spec"].get("taints")

    def _has_address(self) -> bool:
        self.children["kubelet"].check()
        return bool(self.api.get("v1", "Node", NODE)["status"].get("addresses"))

    # --- components ---

    def _write_node_files(self) -> None:
        programs = self._node_programs
        directory = self.sandbox.directory
        plugins = {programs[name].parent: None for name in _PLUGINS}
        self.place = Place(directory, tuple(plugins), programs["runc"], directory.name)
        kubeconfigs = {name: self.directory / f"{name}.kubeconfig" for name in _COMPONENTS}
        texts = {
            "containerd.toml": configuration.containerd(self.place),
            "cni/10-pods.conflist": configuration.network(),
            "kubelet.yaml": configuration.kubelet(self.place),
            "kube-proxy.yaml": configuration.kube_proxy(kubeconfigs["kube-proxy"], NODE),
            "Corefile": configuration.coredns(kubeconfigs["coredns"], self.address),
            "registries/_default/hosts.toml": configuration.registries(),
            "resolv.conf": f"nameserver {self.address}\n",
        }
        for name, text in texts.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_text(text)

    def _start_node(self) -> None:
        directory = self.place.directory
        self.start_kubelet()
        self._start("kube-proxy", [f"--config={directory / 'kube-proxy.yaml'}"])
        self._start("coredns", ["-conf", str(directory / "Corefile")])
        eventually(self._has_address, self.options.boot_timeout, "the kubelet reports its address", interval=0.05)
        kubeconfig = self.directory / "kube-router.kubeconfig"
        self._start(
            "kube-router",
            [
                f"--kubeconfig={kubeconfig}", f"--hostname-override={NODE}", "--run-firewall=true",
                "--run-router=false", "--run-service-proxy=false", "--run-loadbalancer=false",
                "--health-port=0", "--iptables-sync-period=60s",
            ],
        )  # fmt: skip

    def _start_containerd(self) -> None:
        child = self._start("containerd", ["--config", str(self.place.directory / "containerd.toml")])
        child.wait_until(self._containerd_answers, self.options.boot_timeout)

    def _containerd_answers(self) -> bool:
        try:
            self._ctr("version")
        except OSError:
            return False
        return True

    def start_kubelet(self) -> Child:
        """Start the kubelet, also after a test has killed it."""
        return self._start(
            "kubelet",
            [
                f"--config={self.place.directory / 'kubelet.yaml'}",
                f"--kubeconfig={self.directory / 'kubelet.kubeconfig'}",
                f"--hostname-override={NODE}", f"--node-ip={self.address}",
            ],
        )  # fmt: skip

    def cgroups(self, container: str) -> list[Path]:
        """The cgroups of a running container, one in each hierarchy."""
        return [
            path
            for hierarchy in leftovers.hierarchies()
            for path in (hierarchy / leftovers.cgroup(self.sandbox.directory)).rglob(container)
        ]

    def signal(self, container: str, number: signal.Signals) -> None:
        """Send a signal to all processes of a container."""
        for path in self.cgroups(container):
            with suppress(OSError):  # the container has just ended
                for pid in (path / "cgroup.procs").read_text().split():
                    with suppress(ProcessLookupError):
                        os.kill(int(pid), number)

    def restart_node(self) -> None:
        """Kill kubelet and containerd, and start them again. Containers keep running."""
        for name in ("kubelet", "containerd"):
            self.children.pop(name).kill()
        self._start_containerd()
        self.start_kubelet()

    # --- images ---

    def load(self, archive: Path) -> None:
        """Make the images of a docker-archive available to pods. Raises OSError."""
        self._ctr("--namespace", "k8s.io", "images", "import", "--local", str(archive))

    def copy(self, reference: str, new: str) -> None:
        """Add a name to an image. Raises OSError."""
        self._ctr("--namespace", "k8s.io", "images", "tag", "--force", reference, new)

    def rename(self, reference: str, new: str) -> None:
        """Replace the name of an image, so that pods with the former name cannot pull it. Raises OSError."""
        self.copy(reference, new)
        self._ctr("--namespace", "k8s.io", "images", "remove", "--sync", reference)

    def _load_pod_image(self) -> None:
        """Load the smallest image. Its program is the pause container, and the server and client of tests."""
        program = File(self._node_programs["pod"].read_bytes(), 0o755)
        layer = write_layer({"/pod": program}, {}, self.place.directory / "pod-layer.tar")
        image = Image(PAUSE_IMAGE, (layer,), ("/pod",), user="65532:65532")
        self.load(write_archive([image], self.place.directory / "pod.tar"))

    def _ctr(self, *arguments: str) -> str:
        return self.sandbox.run(self._node_programs["ctr"], "--address", CONTAINERD_SOCKET, *arguments)
