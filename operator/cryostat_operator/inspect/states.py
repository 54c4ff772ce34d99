"""Describes the state of one object of an instance in a few words."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..plan.model.kinds import Obj

GOOD, WAITING, BAD = "green", "yellow", "red"
MARKS = {GOOD: "✓", WAITING: "…", BAD: "✗"}


class State(NamedTuple):
    """The state of an object or condition.

    Attributes:
        color: GOOD, WAITING or BAD.
        text: a few words.
    """

    color: str
    text: str

    def __str__(self) -> str:
        return f"{MARKS[self.color]} {self.text}"


def state_of(obj: Obj) -> State:
    """Return the state of an owned object."""
    if obj["metadata"].get("deletionTimestamp"):
        return State(BAD, "is being deleted")
    describe = _DESCRIBED.get(obj["kind"])
    return describe(obj) if describe else State(GOOD, "exists")


def condition_state(condition: Obj) -> State:
    """Return the state of a condition: BAD only for `Ready`, because parts are False while an instance starts."""
    bad = BAD if condition["type"] == "Ready" else WAITING
    color = {"True": GOOD, "False": bad}.get(condition["status"], WAITING)
    detail = f": {condition['message']}" if condition.get("message") else ""
    return State(color, f"{condition['status']} ({condition.get('reason', '')}){detail}")


def find_condition(obj: Obj, kind: str) -> Obj:
    """Return the condition of a type; empty if the object has none."""
    for condition in (obj.get("status") or {}).get("conditions") or ():
        if condition.get("type") == kind:
            return dict(condition)
    return {}


def _deployment(obj: Obj) -> State:
    desired = obj["spec"].get("replicas", 1)
    status = obj.get("status") or {}
    if desired == 0:
        return State(GOOD if not status.get("replicas") else WAITING, "scaled to 0")
    ready = min(status.get("readyReplicas", 0), status.get("updatedReplicas", 0))
    containers = len(obj["spec"]["template"]["spec"]["containers"])
    current = status.get("observedGeneration") == obj["metadata"].get("generation")
    color = GOOD if ready >= desired and current else WAITING
    return State(color, f"{ready}/{desired} pods ready, {containers} container{'s' * (containers > 1)} each")


def _claim(obj: Obj) -> State:
    status = obj.get("status") or {}
    phase = status.get("phase", "Pending")
    requested = ((obj["spec"].get("resources") or {}).get("requests") or {}).get("storage", "")
    size = (status.get("capacity") or {}).get("storage") or requested
    color = {"Bound": GOOD, "Lost": BAD}.get(phase, WAITING)
    storage_class = obj["spec"].get("storageClassName")
    return State(color, f"{phase}, {size}" + (f", storage class {storage_class}" if storage_class else ""))


def _route(obj: Obj) -> State:
    host = obj["spec"].get("host", "")
    entries = (obj.get("status") or {}).get("ingress") or []
    admitted = [find_condition({"status": entry}, "Admitted") for entry in entries]
    if any(each.get("status") == "True" for each in admitted):
        return State(GOOD, f"{host}, admitted")
    reasons = ", ".join(each.get("reason", "") for each in admitted if each)
    return State(BAD, f"{host}: {reasons}") if reasons else State(WAITING, f"{host}, no router has admitted it yet")


def _service(obj: Obj) -> State:
    spec = obj["spec"]
    kind = "headless" if spec.get("clusterIP") == "None" else spec.get("type", "ClusterIP")
    ports = ", ".join(str(port["port"]) for port in spec.get("ports") or [])
    return State(GOOD, f"{kind}, port {ports}" if ports else kind)


def _ingress(obj: Obj) -> State:
    hosts = ", ".join(rule.get("host", "*") for rule in obj["spec"].get("rules") or [])
    return State(GOOD, hosts or "exists")


def _data_keys(obj: Obj) -> State:
    return State(GOOD, "keys " + ", ".join(sorted(obj.get("data") or {})) if obj.get("data") else "exists")


def _certificate(obj: Obj) -> State:
    ready = find_condition(obj, "Ready")
    if ready.get("status") == "True":
        return State(GOOD, "issued")
    return State(WAITING, f"{ready.get('reason', 'not issued yet')}: {ready.get('message', '')}".rstrip(": "))


def _cron_job(obj: Obj) -> State:
    """The schedule and the newest backup. A run that has ended without a newer success has failed."""
    spec, status = obj["spec"], obj.get("status") or {}
    last = status.get("lastSuccessfulTime")
    text = f"schedule {spec.get('schedule', '')}, " + (f"last successful backup {last}" if last else "no backup yet")
    if spec.get("suspend"):
        return State(GOOD, f"{text}, suspended")
    failed = not status.get("active") and (status.get("lastScheduleTime") or "") > (last or "")
    return State(WAITING, f"{text}, the Job of {status['lastScheduleTime']} failed") if failed else State(GOOD, text)


_DESCRIBED: dict[str, Callable[[Obj], State]] = {
    "Deployment": _deployment,
    "CronJob": _cron_job,
    "PersistentVolumeClaim": _claim,
    "Route": _route,
    "Service": _service,
    "Ingress": _ingress,
    "Secret": _data_keys,
    "ConfigMap": _data_keys,
    "Certificate": _certificate,
    "ConsoleLink": lambda obj: State(GOOD, obj["spec"].get("href", "")),
}
