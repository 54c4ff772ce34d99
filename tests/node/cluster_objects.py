"""Objects that every cluster with a node has: the node itself, its DNS Service and its storage class."""

from __future__ import annotations

from collections.abc import Iterator

from tests.cluster.api import Object
from tests.node.configuration import DNS_ADDRESS, NODE_POD_ADDRESSES, STORAGE_CLASS

PROVISIONER = "cryostat.test/local"


def initial_objects(node: str, address: str) -> Iterator[Object]:
    """The objects that are created before the kubelet starts.

    Args:
        node: the name of the Node.
        address: the address of CoreDNS.
    """
    yield {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node},
        "spec": {"podCIDR": NODE_POD_ADDRESSES, "podCIDRs": [NODE_POD_ADDRESSES]},
    }
    yield {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": STORAGE_CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": PROVISIONER,
    }
    yield from _dns(address)


def _dns(address: str) -> Iterator[Object]:
    ports = [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}},
        "spec": {"clusterIP": DNS_ADDRESS, "ports": ports},
    }
    yield {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kube-dns",
            "namespace": "kube-system",
            "labels": {"kubernetes.io/service-name": "kube-dns"},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": ports,
    }


def local_volume(claim: Object, node: str, path: str) -> Object:
    """A PersistentVolume for a claim: a folder of the node.

    It is of the type `local`, because the kubelet does not apply fsGroup to a `hostPath`.
    """
    meta = claim["metadata"]
    reference = {key: meta[key] for key in ("namespace", "name", "uid")}
    term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        # Without the annotation the volume controller tries to delete the volume.
        "metadata": {
            "name": f"pvc-{meta['uid']}",
            "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER},
        },
        "spec": {
            "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
            "accessModes": claim["spec"]["accessModes"],
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": STORAGE_CLASS,
            "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **reference},
            "local": {"path": path},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}},
        },
    }
