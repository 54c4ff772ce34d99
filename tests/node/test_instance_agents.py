"""Java applications of another namespace get the agent from the webhook, and register with the instance."""

from __future__ import annotations

import pytest

from cryostat_operator.plan.injection.environment import CERTIFICATE_DIRECTORY
from cryostat_operator.plan.injection.init_container import INIT_CONTAINER
from cryostat_operator.plan.model import names
from tests.cluster.api import Object
from tests.node.applications import container, deployment
from tests.node.installation import restarts
from tests.node.instance import CURL, HOME, TARGET, Running, wait_until
from tests.node.shell import Shell

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


def register(running: Running, *workloads: Object) -> None:
    """Create workloads, and wait until their agents are the only ones that are registered."""
    for workload in workloads:
        running.api.create(workload)
    try:
        wait_until(lambda: len(running.targets()) == len(workloads), "the agents are registered")
    except TimeoutError:
        print(running.node.kubectl("get", "pods,events", "--namespace", TARGET))
        print(running.node.kubectl("logs", "--namespace", TARGET, "--selector=app", "--all-containers"))
        raise


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
    register(instance, *workloads)
    pods = {
        pod["metadata"]["labels"]["app"]: pod for pod in instance.api.list("v1", "Pod", TARGET, labelSelector="app")
    }
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


CERTIFICATE = ("--cert", f"{CERTIFICATE_DIRECTORY}/tls.crt", "--key", f"{CERTIFICATE_DIRECTORY}/tls.key")
RECORDING = "/api/beta/recordings/HcnTTKUqKtTIFXmZTMZ0KbtKNTcJFCx1zaWLVUHRLCY"
FORGED = ("--header", "X-Forwarded-User: boss", "--data-binary", "a recording")


def test_a_pod_with_an_agent_can_only_act_as_an_agent(instance: Running) -> None:
    """The application accepts recordings from agents only: with status 204, or 403 if the request names a user."""
    workload = deployment(instance, "attacker", container("main"))
    register(instance, workload)
    gateway = f"https://{instance.name}-agent.{HOME}.svc:{names.PORT_AGENT_GATEWAY}"
    with Shell(instance.node, TARGET, "deploy/attacker", "main") as shell:

        def status(path: str, *arguments: str) -> str:
            return shell.run(*CURL, *arguments, gateway + path).rpartition("\n")[2]

        assert status("/health", *CERTIFICATE) == "200"
        assert status("/api/v4/targets", *CERTIFICATE) == "404"
        assert status(RECORDING, *CERTIFICATE, *FORGED) == "204"
        assert status("/health") == "400"
    instance.api.delete(workload)
    wait_until(lambda: not instance.targets(), "the agent is deregistered")
