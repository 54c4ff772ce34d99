"""Pods that stay as they are, because they could not start with the agent."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from cryostat_operator.plan.injection.labels import requested_options
from cryostat_operator.plan.injection.pod_fields import PodContext
from cryostat_operator.plan.injection.pod_mutator import PodMutator, Result
from tests.unit.plan.injection.pods import instance_of, pod, refused, with_agent

NEEDED = ", and the agent needs /tmp/cryostat-agent; mount it at another path"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            pod({"resources": {"limits": {"ephemeral-storage": "10Mi"}}}),
            "the containers of the pod have a limit of 10485760 bytes of ephemeral storage, and the agent needs 32Mi; "
            "raise limits.ephemeral-storage",
        ),
        (pod(os={"name": "windows"}), "there is no agent for Windows"),
        (pod(nodeSelector={"kubernetes.io/os": "windows"}), "there is no agent for Windows"),
        (pod(securityContext={"windowsOptions": {"runAsUserName": "a"}}), "there is no agent for Windows"),
        (
            pod(volumes=[{"name": "cryostat-agent-init", "hostPath": {"path": "/"}}]),
            'the pod has a volume "cryostat-agent-init" of another kind; rename that volume',
        ),
        (
            pod({"volumeMounts": [{"name": "x", "mountPath": "/tmp/cryostat-agent/"}]}),
            "another volume is mounted at /tmp/cryostat-agent; mount it at another path",
        ),
        (
            pod({"volumeMounts": [{"name": "x", "mountPath": "/tmp/cryostat-agent/x/.."}]}),
            "another volume is mounted at /tmp/cryostat-agent; mount it at another path",
        ),
        (
            pod({"volumeMounts": [{"name": "x", "mountPath": "/tmp/cryostat-agent/x"}]}),
            "another volume is mounted at /tmp/cryostat-agent/x, and the agent needs /tmp/cryostat-agent; mount it at "
            "another path",
        ),
        (
            pod({"volumeMounts": [{"name": "x", "mountPath": "/tmp", "readOnly": True}]}),
            f"another volume is mounted at /tmp{NEEDED}",
        ),
        (
            pod({"volumeMounts": [{"name": "x", "mountPath": "/"}]}, volumes=[{"name": "x", "secret": {}}]),
            f"another volume is mounted at /{NEEDED}",
        ),
        (
            pod(
                {"volumeMounts": [{"name": "x", "mountPath": "/tmp"}]},
                volumes=[{"name": "x", "persistentVolumeClaim": {"claimName": "c", "readOnly": True}}],
            ),
            f"another volume is mounted at /tmp{NEEDED}",
        ),
        (
            pod({"name": "cryostat-agent-init"}),
            'the pod has a container "cryostat-agent-init", as the init container of the agent is named; rename it',
        ),
        (
            pod({"env": [{"name": "JAVA_TOOL_OPTIONS", "value": "-javaagent:/cryostat-agent-0.5.jar"}]}),
            "JAVA_TOOL_OPTIONS has another Cryostat agent; remove that agent",
        ),
        (pod(containers=[]), "there is no container"),
    ],
)
def test_a_pod_that_cannot_have_the_agent_is_unchanged(given: dict[str, Any], says: str) -> None:
    before = copy.deepcopy(given)
    assert refused(given) == says
    assert given == before


@pytest.mark.parametrize("path", ["/run", "/run/secrets", "/var/run/secrets/", "/run/secrets/io.cryostat"])
def test_a_read_only_volume_at_a_link_to_the_directory_of_the_certificate(path: str) -> None:
    given = pod({"volumeMounts": [{"name": "x", "mountPath": path}]}, volumes=[{"name": "x", "secret": {}}])
    needed = "/var/run/secrets/io.cryostat/cryostat-agent; mount it at another path"
    says = f"another volume is mounted at {path.rstrip('/')}, and the agent needs {needed}"
    assert refused(given, instance_of(tls=True)) == says
    given["spec"]["volumes"] = [{"name": "x", "emptyDir": {}}]
    with_agent(given, instance_of(tls=True))


def test_other_directories_that_begin_like_a_link() -> None:
    given = pod({"volumeMounts": [{"name": "x", "mountPath": "/runtime"}]}, volumes=[{"name": "x", "secret": {}}])
    with_agent(given, instance_of(tls=True))


def test_volumes_around_the_agents_directory() -> None:
    mounts: list[Any] = [{"name": "x", "mountPath": path} for path in ("/tmp", "/tmp/cryostat-agents")]
    mounts.append({"name": "x", "mountPath": "/opt", "readOnly": True})
    with_agent(pod({"volumeMounts": mounts}, volumes=[{"name": "x", "emptyDir": {}}]))


def test_a_mirror_pod_is_unchanged() -> None:
    """The kubelet refuses a mirror pod that differs from its static pod."""
    given = pod()
    given["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "hash"}
    assert refused(given) == "static pods of the kubelet cannot be changed"


def test_results_without_a_pod_have_a_reason() -> None:
    assert Result(None, "why").reason == "why"


def test_the_time_for_many_volumes_and_mounts_is_linear() -> None:
    class Volumes(list[dict[str, Any]]):
        read = 0

        def __iter__(self) -> Iterator[dict[str, Any]]:
            Volumes.read += len(self)
            return super().__iter__()

    given = pod({"volumeMounts": [{"name": "v", "mountPath": f"/m{number}"} for number in range(500)]})
    given["spec"]["volumes"] = [{"name": f"v{number}", "emptyDir": {}} for number in range(500)]
    options = requested_options(given).options
    assert options is not None
    mutator = PodMutator(given, instance_of(tls=True), PodContext("apps"), options)
    mutator.spec["volumes"] = Volumes(given["spec"]["volumes"])
    mutator._check_mount_overlaps("/tmp/cryostat-agent", given["spec"]["containers"][0]["volumeMounts"])
    assert Volumes.read == 500
