"""Configuration files of a node's components, as text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import yaml

POD_ADDRESSES = "10.244.0.0/16"
NODE_POD_ADDRESSES = "10.244.0.0/24"
DNS_ADDRESS = "10.96.0.10"  # the address of the Service kube-dns
DOMAIN = "cluster.local"
PAUSE_IMAGE = "cryostat.test/pod:1"
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"  # the node has its own /run
STORAGE_CLASS = "local"


@dataclass(frozen=True)
class Place:
    """Paths and names that the configurations of one node share.

    Attributes:
        directory: the folder for all files of the components.
        plugins: the folders of the CNI plugins.
        runc: the path of runc.
        cgroup: the parent cgroup of all pods, in every hierarchy.
    """

    directory: Path
    plugins: tuple[Path, ...]
    runc: Path
    cgroup: str


def containerd(place: Place) -> str:
    """containerd's configuration, in TOML.

    Without `restrict_oom_score_adj` every pod fails on machines where root lacks CAP_SYS_RESOURCE.
    """
    plugins = json.dumps([str(path) for path in place.plugins])
    return f"""
version = 3
root = "{place.directory}/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.snapshotter.v1.erofs"]
[grpc]
address = "{CONTAINERD_SOCKET}"
[plugins."io.containerd.cri.v1.images"]
snapshotter = "overlayfs"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{PAUSE_IMAGE}"
[plugins."io.containerd.cri.v1.images".registry]
config_path = "{place.directory}/registries"
[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = {plugins}
conf_dir = "{place.directory}/cni"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
BinaryName = "{place.runc}"
SystemdCgroup = false
"""


def registries() -> str:
    """containerd's registry configuration for all images. Its address refuses connections, so a pull fails at once."""
    return 'server = "http://127.0.0.1:1"\n'


def network() -> str:
    """The CNI configuration of the pod network: a bridge of the node, and a range of addresses."""
    bridge = {
        "type": "bridge",
        "bridge": "pods",
        "isGateway": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": NODE_POD_ADDRESSES}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    return json.dumps({"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge]})


def kubelet(place: Place) -> str:
    """KubeletConfiguration for a machine with any version of cgroups, with or without swap."""
    content = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{place.cgroup}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": ["none"],
        "localStorageCapacityIsolation": False,
        # Only the components of the node and this machine can reach the kubelet.
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        # The kubelet updates Secret and ConfigMap volumes when it synchronizes a pod: by default once a minute.
        "syncFrequency": "5s",
        "crashLoopBackOff": {"maxContainerRestartPeriod": "4s"},
        "resolvConf": str(place.directory / "resolv.conf"),
        "clusterDNS": [DNS_ADDRESS],
        "clusterDomain": DOMAIN,
        "volumePluginDir": str(place.directory / "volume-plugins"),
        # Other programs use the machine's disk too, so a full disk must not evict pods or delete images.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%"},
    }
    return yaml.safe_dump(content)


def kube_proxy(kubeconfig: Path, node: str) -> str:
    """KubeProxyConfiguration. It leaves the machine's limits of connection tracking unchanged."""
    content = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "hostnameOverride": node,
        "mode": "nftables",
        "clusterCIDR": POD_ADDRESSES,
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
    }
    return yaml.safe_dump(content)


def coredns(kubeconfig: Path, address: str) -> str:
    """A Corefile that resolves only names of the cluster."""
    return f"""
{DOMAIN}:53 in-addr.arpa:53 {{
    bind {address}
    errors
    kubernetes {DOMAIN} in-addr.arpa {{
        kubeconfig {kubeconfig}
        ttl 1
    }}
}}
"""
