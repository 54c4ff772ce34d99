"""Pods of the smallest image."""

from __future__ import annotations

from tests.cluster.api import Object, eventually
from tests.node.configuration import PAUSE_IMAGE
from tests.node.node import Node


def pod(name: str, namespace: str, *arguments: str, volumes: list[Object] | None = None) -> Object:
    """A pod of the smallest image. The Pod Security level `restricted` allows it."""
    security = {
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container: Object = {"name": "main", "image": PAUSE_IMAGE, "args": list(arguments), "securityContext": security}
    if volumes:
        container["volumeMounts"] = [{"name": volume["name"], "mountPath": "/data"} for volume in volumes]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"name": name}},
        "spec": {
            "containers": [container],
            "volumes": volumes or [],
            "securityContext": {"fsGroup": 2000},
            "terminationGracePeriodSeconds": 1,
        },
    }


def start(node: Node, obj: Object) -> Object:
    """Create a pod and wait until it runs."""
    node.api.create(obj)
    meta = obj["metadata"]

    def running() -> Object | None:
        found = node.api.get("v1", "Pod", meta["name"], meta["namespace"])
        return found if found["status"].get("phase") == "Running" else None

    return eventually(running, 180, f"pod {meta['name']} runs") or {}
