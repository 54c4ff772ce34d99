"""Who may connect to the operator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Obj = dict[str, Any]


def policy(namespace: str, labels: Mapping[str, str], selector: Mapping[str, str], ports: Iterable[int]) -> Obj:
    """Lets connections in at these ports only.

    From anywhere: the API server and the kubelet are no pods, so no selector finds them, and their addresses differ
    from cluster to cluster. Nothing is said of egress: the operator talks to the API server and to DNS alone, but a
    policy sees the API server's own address and port, which no manifest can know; a wrong guess cuts the operator off.
    """
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "cryostat-operator", "namespace": namespace, "labels": dict(labels)},
        "spec": {
            "podSelector": {"matchLabels": dict(selector)},
            "policyTypes": ["Ingress"],
            "ingress": [{"ports": [{"port": port, "protocol": "TCP"} for port in ports]}],
        },
    }
