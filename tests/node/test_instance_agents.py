"""Java applications of another namespace get the agent from the webhook, and register with the instance."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.injection.init_container import INIT_CONTAINER
from cryostat_operator.plan.model import names
from tests.cluster.api import Object
from tests.node.images.operands import SAMPLE_REFERENCE
from tests.node.installation import restarts
from tests.node.instance import HOME, TARGET, UNPRIVILEGED, Running, wait_until

pytestmark = pytest.mark.timeout(900)
# The defaults for containers without resources, and the maximum of each container.
LIMIT_RANGE: Object = {
    "apiVersion": "v1",
    "kind": "LimitRange",
    "metadata": {"name": "limits", "namespace": TARGET},
    "spec": {
        "limits": [
            {
                "type": "Container",
                "default": {"cpu": "500m", "memory": "256Mi"},
                "defaultRequest": {"cpu": "20m", "memory": "64Mi"},
                "max": {"cpu": "1", "memory": "512Mi"},
            }
        ]
    },
}


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


def test_agents_register_are_called_back_and_deregister(instance: Running) -> None:
    """One application has no settings; the other has two containers, a read-only root file system and limits."""
    read_only = {"readOnlyRootFilesystem": True}
    limits = {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "192Mi"}}
    # The application calls an agent before it accepts the registration.
    instance.api.create(LIMIT_RANGE)
    workloads = [
        deployment(instance, "plain", container("main")),
        deployment(
            instance,
            "strict",
            container("first", securityContext=read_only),
            container("second", securityContext=read_only, resources=limits),
            container="second",
        ),
    ]
    for workload in workloads:
        instance.api.create(workload)
    try:
        wait_until(lambda: len(instance.targets()) == 2, "both agents are registered")
    except TimeoutError:
        print(instance.node.kubectl("get", "pods,events", "--namespace", TARGET))
        print(instance.node.kubectl("logs", "--namespace", TARGET, "--selector=app", "--all-containers"))
        raise
    pods = {pod["metadata"]["labels"]["app"]: pod for pod in instance.api.list("v1", "Pod", TARGET)}
    assert restarts(pods.values()) == 0
    service = f"{names.agent_callback_service(HOME, instance.name)}.{TARGET}.svc"
    hosts = {f"https://{pod['status']['podIP'].replace('.', '-')}.{service}:9977" for pod in pods.values()}
    assert {target["connectUrl"] for target in instance.targets()} == hosts
    assert {target["alias"] for target in instance.targets()} == {pod["metadata"]["name"] for pod in pods.values()}
    strict = pods["strict"]["spec"]
    assert [each["name"] for each in strict["initContainers"]] == [INIT_CONTAINER]
    assert ["JAVA_TOOL_OPTIONS" in str(each.get("env")) for each in strict["containers"]] == [False, True]
    for workload in workloads:
        instance.api.delete(workload)
    wait_until(lambda: not instance.targets(), "both agents are deregistered")
