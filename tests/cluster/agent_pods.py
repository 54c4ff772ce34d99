"""Pods that ask for the agent."""

from __future__ import annotations

from typing import Any

from cryostat_operator.api import constants
from tests.cluster.api import Object

STRICT: Object = {
    "securityContext": {"runAsNonRoot": True, "runAsUser": 7, "seccompProfile": {"type": "RuntimeDefault"}},
}
STRICT_CONTAINER = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def agents(pod: Object) -> list[str]:
    return [each["name"] for each in pod["spec"].get("initContainers") or []]


def pod(namespace: str, labels: dict[str, str], container: Any = None, **spec: Any) -> Object:
    containers = [{"name": "app", "image": "app:1", "securityContext": STRICT_CONTAINER, **(container or {})}]
    metadata = {"generateName": "app-", "namespace": namespace, "labels": labels}
    spec = {**STRICT, "containers": containers, **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def labels_of(namespace: str, name: str) -> dict[str, str]:
    return {constants.AGENT_LABEL_NAME: name, constants.AGENT_LABEL_NAMESPACE: namespace}
