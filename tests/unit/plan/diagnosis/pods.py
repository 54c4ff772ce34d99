"""Pods whose containers have ended, and why they fail."""

from __future__ import annotations

from typing import Any

from cryostat_operator.plan.diagnosis.pod_failures import pod_failure
from cryostat_operator.plan.model.kinds import Obj
from cryostat_operator.plan.model.problems import PodFailure
from cryostat_operator.plan.model.reason_groups import COMPONENT_REASONS

TIME = "1970-01-01T00:01:40Z"
OOM = {"exitCode": 137, "reason": "OOMKilled"}


def pod(*containers: Obj, component: str = "database", **metadata: Any) -> Obj:
    """A pod with these statuses of containers."""
    labels = {"app": "x", "component": component}
    return {
        "metadata": {"name": "x-database-6d4b-abcde", "namespace": "here", "labels": labels, **metadata},
        "spec": {"nodeName": "n1", "containers": [{"name": "x-db", "resources": {"limits": {"memory": "200Mi"}}}]},
        "status": {"phase": "Running", "containerStatuses": list(containers)},
    }


def failure(found: Obj) -> PodFailure:
    result = pod_failure(found)
    assert result
    assert result.reason in COMPONENT_REASONS
    return result


def crashed(code: int, text: str = "", **more: Any) -> Obj:
    ended = {"exitCode": code, "reason": "Error", "message": text}
    return {"name": "x-db", "ready": False, "state": {"terminated": ended}, **more}
