"""What an instance looks like at one moment, as data and as a tree for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from rich.console import Group
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from cryostat_operator.api import constants
from cryostat_operator.plan.model.kinds import KINDS
from tests.cluster.api import Api, ApiError, Object, condition

GOOD, WAITING, BAD = "green", "yellow", "red"
MARKS = {GOOD: "✓", WAITING: "…", BAD: "✗"}
LONGEST_NAME = 50


class State(NamedTuple):
    """A colour (GOOD, WAITING, BAD) and a few words."""

    colour: str
    text: str

    def __str__(self) -> str:
        return f"{MARKS[self.colour]} {self.text}"


@dataclass(frozen=True)
class Instance:
    """One Cryostat and all objects that carry its labels, in the order of the table of kinds."""

    cryostat: Object
    objects: list[Object] = field(default_factory=list)

    @property
    def ready(self) -> bool:
        """Whether `Ready` is True for the latest change of the resource."""
        status = self.cryostat.get("status") or {}
        current = status.get("observedGeneration") in (None, self.cryostat["metadata"]["generation"])
        return current and condition(self.cryostat, "Ready").get("status") == "True"

    @property
    def url(self) -> str:
        return str((self.cryostat.get("status") or {}).get("applicationUrl") or "")

    @property
    def conditions(self) -> list[Object]:
        """All conditions, `Ready` first."""
        found = (self.cryostat.get("status") or {}).get("conditions") or []
        return sorted(found, key=lambda each: each["type"] != "Ready")

    def states(self) -> dict[str, State]:
        """A line per condition and object: what to print when it changes."""
        cryostat = {f"condition {each['type']}": _condition_state(each) for each in self.conditions}
        return cryostat | {_title(obj, self.cryostat): state_of(obj) for obj in self.objects}


def observe(api: Api, namespace: str, name: str) -> Instance:
    """Reads the resource and everything that is marked as belonging to it, in all namespaces. Raises ApiError."""
    cryostat = api.get(constants.API_VERSION, constants.KIND, name, namespace)
    selector = f"{constants.LABEL_NAME}={name},{constants.LABEL_NAMESPACE}={namespace}"
    return Instance(cryostat, list(_marked(api, selector)))


def _marked(api: Api, selector: str) -> Iterator[Object]:
    for kind in KINDS.values():
        try:
            yield from api.list(kind.api_version, kind.kind, labelSelector=selector)
        except (LookupError, ApiError):
            continue  # an API that this cluster does not have, or that we may not read


def state_of(obj: Object) -> State:
    """How far an object has come."""
    if obj["metadata"].get("deletionTimestamp"):
        return State(BAD, "is being deleted")
    describe = _DESCRIBED.get(obj["kind"])
    return describe(obj) if describe else State(GOOD, "exists")


def _deployment(obj: Object) -> State:
    wanted = obj["spec"].get("replicas", 1)
    status = obj.get("status") or {}
    ready = min(status.get("readyReplicas", 0), status.get("updatedReplicas", 0))
    images = len(obj["spec"]["template"]["spec"]["containers"])
    colour = GOOD if ready >= wanted and status.get("observedGeneration") == obj["metadata"]["generation"] else WAITING
    return State(colour, f"{ready}/{wanted} pods ready, {images} container{'s' * (images > 1)} each")


def _claim(obj: Object) -> State:
    phase = (obj.get("status") or {}).get("phase", "Pending")
    size = obj["spec"].get("resources", {}).get("requests", {}).get("storage", "")
    return State(GOOD if phase == "Bound" else WAITING, f"{phase}, {size}")


def _route(obj: Object) -> State:
    host = obj["spec"].get("host", "")
    entries = (obj.get("status") or {}).get("ingress") or []
    admitted = [condition({"status": entry}, "Admitted") for entry in entries]
    if any(each.get("status") == "True" for each in admitted):
        return State(GOOD, f"{host}, admitted")
    reasons = ", ".join(each.get("reason", "") for each in admitted if each)
    return State(BAD, f"{host}: {reasons}") if reasons else State(WAITING, f"{host}, no router has admitted it yet")


def _service(obj: Object) -> State:
    spec = obj["spec"]
    kind = "headless" if spec.get("clusterIP") == "None" else spec.get("type", "ClusterIP")
    ports = ", ".join(str(port["port"]) for port in spec.get("ports") or [])
    return State(GOOD, f"{kind}, port {ports}" if ports else kind)


def _ingress(obj: Object) -> State:
    hosts = ", ".join(rule.get("host", "*") for rule in obj["spec"].get("rules") or [])
    return State(GOOD, hosts or "exists")


def _keys(obj: Object) -> State:
    return State(GOOD, "keys " + ", ".join(sorted(obj.get("data") or {})) if obj.get("data") else "exists")


_DESCRIBED: dict[str, Callable[[Object], State]] = {
    "Deployment": _deployment,
    "PersistentVolumeClaim": _claim,
    "Route": _route,
    "Service": _service,
    "Ingress": _ingress,
    "Secret": _keys,
    "ConfigMap": _keys,
    "ConsoleLink": lambda obj: State(GOOD, obj["spec"].get("href", "")),
}


def _condition_state(each: Object) -> State:
    colour = {"True": GOOD, "False": BAD}.get(each["status"], WAITING)
    # While an instance comes up, False is the ordinary state, not a fault.
    colour = WAITING if colour == BAD and each["type"] != "Ready" else colour
    detail = f": {each['message']}" if each.get("message") else ""
    return State(colour, f"{each['status']} ({each.get('reason', '')}){detail}")


def _title(obj: Object, cryostat: Object) -> str:
    meta = obj["metadata"]
    foreign = meta.get("namespace") not in (None, cryostat["metadata"]["namespace"])
    name = meta["name"] if len(meta["name"]) <= LONGEST_NAME else meta["name"][:16] + "…"  # hashes tell people nothing
    return f"{obj['kind']} {meta['namespace'] + '/' if foreign else ''}{name}"


def render(instance: Instance, elapsed: float, height: int = 0) -> Group:
    """The tree of the instance, its conditions and its address.

    Where it would be taller than `height` lines (0: no limit), what is already good is told in one line per group.
    """
    lines = len(instance.objects) + len(instance.conditions) + len(_GROUPS) + 6
    brief = 0 < height < lines
    meta = instance.cryostat["metadata"]
    colour = GOOD if instance.ready else WAITING
    root = Tree(Text(f"Cryostat {meta['namespace']}/{meta['name']}", style=f"bold {colour}"))
    for title, objects in _grouped(instance).items():
        _add_group(root, title, [(_title(obj, instance.cryostat), state_of(obj)) for obj in objects], brief)
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for each in instance.conditions:
        state = _condition_state(each)
        if not brief or state.colour != GOOD:
            table.add_row(Text(each["type"]), Text(str(state), style=state.colour))
    done = "Ready" if instance.ready else "Not ready yet"
    head = Text(f"{done}, {elapsed:.0f} s after it was applied", style=f"bold {colour}")
    return Group(root, Text(), table, Text(), Text("Application: ") + _address(instance), head)


def _address(instance: Instance) -> Text:
    if instance.url:
        return Text(instance.url, style="bold")
    exposed = [obj for obj in instance.objects if obj["kind"] in ("Route", "Ingress")]
    return Text("no address yet" if exposed else "no address (no Route or Ingress asked for)", style="dim")


def _add_group(root: Tree, title: str, members: list[tuple[str, State]], brief: bool) -> None:
    late = [(name, state) for name, state in members if state.colour != GOOD]
    summary = Text(title, style="bold") + Text(f"  {len(members) - len(late)} of {len(members)}", style="dim")
    branch = root.add(summary)
    for name, state in late if brief else members:
        line = Text(f"{MARKS[state.colour]} ", style=state.colour) + Text(name) + Text(f"  {state.text}", style="dim")
        line.no_wrap, line.overflow = True, "ellipsis"
        branch.add(line)


_GROUPS = {
    "Workloads": ("Deployment",),
    "Network": ("Route", "Ingress", "Service", "NetworkPolicy", "ConsoleLink"),
    "Storage": ("PersistentVolumeClaim",),
    "Configuration": ("ConfigMap", "Secret"),
}


def _grouped(instance: Instance) -> dict[str, list[Object]]:
    named = {kind: title for title, kinds in _GROUPS.items() for kind in kinds}
    groups: dict[str, list[Object]] = {title: [] for title in (*_GROUPS, "Access")}
    for obj in instance.objects:
        groups[named.get(obj["kind"], "Access")].append(obj)
    return {title: objects for title, objects in groups.items() if objects}
