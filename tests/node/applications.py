"""Applications that ask for the agent."""

from __future__ import annotations

from typing import Any

from cryostat_operator.api import constants
from tests.cluster.api import Object
from tests.node.images.operands import SAMPLE_REFERENCE
from tests.node.instance import HOME, TARGET, UNPRIVILEGED, Running


def container(name: str, **fields: Any) -> Object:
    """A container with a Java application. The Pod Security level `restricted` allows it."""
    security = {**UNPRIVILEGED, **fields.pop("securityContext", {})}
    return {"name": name, "image": SAMPLE_REFERENCE, "securityContext": security, **fields}


def deployment(running: Running, name: str, *containers: Object, **labels: str) -> Object:
    """A Deployment whose labels request the agent."""
    instance = {constants.AGENT_LABEL_NAME: running.name, constants.AGENT_LABEL_NAMESPACE: HOME}
    own = {f"cryostat.io/{key.replace('_', '-')}": value for key, value in labels.items()}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": TARGET, "labels": {**instance, **own, "cryostat.io/log-level": "info"}},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": list(containers)}},
        },
    }
