"""Pods that request the agent, and the result of adding it."""

from __future__ import annotations

from typing import Any

from cryostat_operator.api.v1beta2 import Cryostat
from cryostat_operator.plan.injection.pod_fields import PodContext
from cryostat_operator.plan.injection.pod_mutator import SAFE_TO_EVICT_VOLUMES, inject_agent
from cryostat_operator.plan.instance import Instance
from cryostat_operator.plan.model.snapshot import Snapshot
from cryostat_operator.settings import Settings
from tests.unit import kubernetes_schemas

JAR = "/tmp/cryostat-agent/cryostat-agent-shaded.jar"
AGENT = f"-javaagent:{JAR}=io.cryostat.agent.shaded.org.slf4j.simpleLogger.defaultLogLevel"
LABELS = {"cryostat.io/name": "sample", "cryostat.io/namespace": "monitoring"}


def instance_of(spec: dict[str, Any] | None = None, *, openshift: bool = False, tls: bool = False) -> Instance:
    """Return the instance that the labels name."""
    cr = {"metadata": {"name": "sample", "namespace": "monitoring"}, "spec": spec or {}}
    return Instance(Cryostat.model_validate(cr), Snapshot(openshift=openshift), Settings(service_tls=tls))


def pod(container: dict[str, Any] | None = None, labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """Return a pod with one container and the labels that request the agent."""
    containers = [{"name": "app", "image": "app:1", **(container or {})}]
    metadata = {"name": "app-1", "labels": {**LABELS, **(labels or {})}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers, **spec}}


def with_agent(
    given: dict[str, Any], instance: Instance | None = None, where: PodContext | None = None
) -> dict[str, Any]:
    """Return a pod with the agent, which is valid."""
    result = inject_agent(given, instance or instance_of(), where or PodContext("apps"))
    assert result.pod is not None, result.reason
    annotations = {**(given["metadata"].get("annotations") or {}), SAFE_TO_EVICT_VOLUMES: "cryostat-agent-init"}
    assert result.pod["metadata"] == {**given["metadata"], "annotations": annotations}
    assert kubernetes_schemas.errors(result.pod) == []
    return result.pod


def refused(given: dict[str, Any], instance: Instance | None = None, where: PodContext | None = None) -> str:
    """Return why the agent is not added to a pod."""
    result = inject_agent(given, instance or instance_of(), where or PodContext("apps"))
    assert result.pod is None
    return result.reason


def env(given: dict[str, Any], index: int = 0) -> dict[str, Any]:
    """Return the variables of a container, with their values or sources."""
    entries = given["spec"]["containers"][index].get("env") or []
    assert len({entry["name"] for entry in entries}) == len(entries)
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in entries}
