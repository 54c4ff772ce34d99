"""The data that `kubectl cryostat status` prints as JSON or YAML."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from ..plan.model.kinds import Obj
from .cause import Cause
from .observed import Observed, pod_state
from .releases import releases, summary
from .states import GOOD, state_of

_DAY = 86400.0


def report(observed: Observed, now: float, found: Iterable[Cause]) -> dict[str, Any]:
    """Return the data of one instance. It has no value of a Secret.

    Args:
        now: seconds since the epoch.
        found: causes of an instance that is not ready.
    """
    return {
        "namespace": observed.namespace,
        "name": observed.name,
        "ready": observed.ready,
        "statusIsCurrent": observed.is_current,
        "applicationUrl": observed.url,
        "release": summary(observed),
        "releases": releases(observed)._asdict(),
        "login": observed.login(),
        "causes": [_cause(cause) for cause in found],
        "conditions": observed.conditions,
        "objects": [_object(obj) for obj in observed.objects],
        "pods": [
            {"name": pod["metadata"]["name"], "good": pod_state(pod).color == GOOD, "state": pod_state(pod).text}
            for pod in observed.pods
        ],
        "certificates": [
            {"secret": secret, "notAfter": _time(end), "daysLeft": int((end - now) // _DAY)}
            for secret, end in sorted(observed.expiries.items())
        ],
        "volumes": [
            {"claim": claim, "usedBytes": usage.used, "capacityBytes": usage.capacity}
            for claim, usage in sorted(observed.volumes.items())
        ],
        "volumesNotMeasured": list(observed.not_measured),
        "targetNamespaces": [
            {
                "namespace": target,
                "exists": target not in observed.missing_namespaces,
                "podsWithAgent": labeled.with_agent if (labeled := observed.agents.get(target)) else None,
                "podsWithoutAgent": list(labeled.without) if labeled else None,
            }
            for target in observed.target_namespaces
        ],
        "warnings": [
            {"reason": event.get("reason", ""), "message": event.get("message", "")} for event in observed.events
        ],
        "operatorRuns": observed.operator_runs,
        "unreadable": list(observed.unreadable),
    }


def _cause(cause: Cause) -> dict[str, Any]:
    chain = list(cause.chain)
    return {"reason": cause.reason, "message": cause.message, "chain": chain, "nextCommand": cause.command}


def _object(obj: Obj) -> dict[str, Any]:
    state = state_of(obj)
    return {
        "kind": obj["kind"],
        "namespace": obj["metadata"].get("namespace", ""),
        "name": obj["metadata"]["name"],
        "good": state.color == GOOD,
        "state": state.text,
        **_images(obj),
    }


def _images(obj: Obj) -> dict[str, Any]:
    if obj["kind"] != "Deployment":
        return {}
    containers = obj["spec"]["template"]["spec"]["containers"]
    return {"images": {container["name"]: container.get("image", "") for container in containers}}


def _time(end: float) -> str:
    return datetime.fromtimestamp(end, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
