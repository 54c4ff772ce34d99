"""The container that gets the agent, and the annotation for the autoscaler."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.plan.injection.pod_fields import PodContext
from cryostat_operator.plan.injection.pod_mutator import SAFE_TO_EVICT_VOLUMES, inject_agent
from tests.unit.plan.injection.test_pod_mutator import instance_of, pod


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        (None, "cryostat-agent-init"),
        ("", "cryostat-agent-init"),
        ("cache, tmp", "cache,tmp,cryostat-agent-init"),
        ("cryostat-agent-init,cache", "cryostat-agent-init,cache"),
    ],
)
def test_the_volume_does_not_keep_the_autoscaler_from_removing_a_node(present: str | None, expected: str) -> None:
    given = pod()
    if present is not None:
        given["metadata"]["annotations"] = {SAFE_TO_EVICT_VOLUMES: present}
    result = inject_agent(given, instance_of(), PodContext("apps"))
    assert result.pod is not None
    assert result.pod["metadata"]["annotations"] == {SAFE_TO_EVICT_VOLUMES: expected}


def test_no_annotation_beyond_the_limit_of_the_api_server() -> None:
    given = pod()
    given["metadata"]["annotations"] = {"a": "x" * (256 * 1024 - 20)}
    result = inject_agent(given, instance_of(), PodContext("apps"))
    assert result.pod is not None
    assert result.pod["metadata"] == given["metadata"]
    assert result.hints[0] == (
        "no space is left for the annotation cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes, "
        "so the autoscaler keeps the node of the pod"
    )


def containers(*names: str, annotation: str | None = None, label: str | None = None) -> dict[str, Any]:
    given = pod(labels={"cryostat.io/container": label} if label else {})
    given["spec"]["containers"] = [{"name": name, "image": "a"} for name in names]
    if annotation:
        given["metadata"]["annotations"] = {"kubectl.kubernetes.io/default-container": annotation}
    return given


@pytest.mark.parametrize(
    ("given", "chosen", "hints"),
    [
        (containers("istio-proxy", "app"), "app", 0),
        (containers("wait", "main", annotation="main"), "main", 0),
        (containers("a", "b", annotation="b"), "b", 0),
        (containers("a", "b", annotation="b", label="a"), "a", 0),
        (containers("a", "b", annotation="gone"), "a", 1),
        (containers("a", "b"), "a", 1),
        (containers("linkerd-proxy", "a", "b"), "a", 1),
        (containers("wait"), "wait", 0),
    ],
    ids=str,
)
def test_one_container_gets_the_agent(given: dict[str, Any], chosen: str, hints: int) -> None:
    result = inject_agent(given, instance_of(), PodContext("apps"))
    assert result.pod is not None
    assert [each["name"] for each in result.pod["spec"]["containers"] if "env" in each] == [chosen]
    assert len(result.hints) == hints
