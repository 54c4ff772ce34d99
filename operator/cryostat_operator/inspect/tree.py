"""Prints an instance as a tree, and explains each part that is not ready."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from ..plan.model.kinds import Obj
from ..plan.model.messages import first_parts
from ..printable import one_line
from .cause import Cause
from .observed import Observed, pod_state
from .releases import summary
from .states import BAD, GOOD, MARKS, WAITING, State, condition_state, state_of

_GROUPS = {
    "Workloads": ("Deployment", "CronJob"),
    "Network": ("Route", "Ingress", "Service", "NetworkPolicy", "ConsoleLink"),
    "Storage": ("PersistentVolumeClaim",),
    "Configuration": ("ConfigMap", "Secret"),
    "Certificates": ("Issuer", "Certificate"),
}
_OTHER_GROUP = "Access"
_IMAGE = "  image "  # of the Deployment in the line above; it is no object
_DAY = 86400.0
_FULL = 90  # percent
_SOON = 14  # days; certificates of the operator are renewed earlier
_EVENTS = 5
Member = tuple[str, State]


def lines(observed: Observed, now: float, found: Iterable[Cause], height: int = 0) -> list[str]:
    """Return the lines for a terminal, with colors as ANSI escape sequences; `click.unstyle` removes them.

    Args:
        now: seconds since the epoch, for the days until certificates expire.
        found: causes of an instance that is not ready.
        height: lines of the terminal, 0 for no limit. If there are more lines, objects in a good state are left out.
    """
    details = [one_line(line) for line in _details(observed, found)]
    full = [*_header(observed), *_tree(observed, now, brief=False), *details]
    if not height or len(full) <= height:
        return full
    return [*_header(observed), *_tree(observed, now, brief=True), *details]


def instance_tree(observed: Observed, height: int = 0) -> list[str]:
    """Return only the tree and the conditions, as `lines` does; for `make run`."""
    conditions = list(_conditions(observed, brief=False))
    full = [*_tree(observed, 0.0, brief=False), "", *conditions]
    if not height or len(full) <= height:
        return full
    return [*_tree(observed, 0.0, brief=True), "", *_conditions(observed, brief=True)]


def address(observed: Observed) -> str:
    """Return the URL of the application, or why there is none."""
    exposed = any(obj["kind"] in ("Route", "Ingress") for obj in observed.objects)
    return observed.url or ("no address yet" if exposed else "no address (the spec requests no Route or Ingress)")


def _header(observed: Observed) -> Iterator[str]:
    state = click.style(observed.state.text, fg=observed.state.color)
    yield f"{click.style(f'Cryostat {observed.namespace}/{observed.name}', bold=True)}  {state}"
    yield f"  Application: {address(observed)}"
    yield f"  Release: {summary(observed)}"
    yield f"  Login: {observed.login()}"
    for target in observed.target_namespaces:
        yield f"  Target namespace {target}: {_target_text(observed, target)}"
    yield ""


def _target_text(observed: Observed, target: str) -> str:
    if target in observed.missing_namespaces:
        return "does not exist"
    found = observed.agents.get(target)
    if found is None:
        return "pods cannot be read"
    if not found.without:
        return f"{_pods(found.with_agent)} with an agent"
    return (
        f"{_pods(found.with_agent)} with an agent, {_pods(len(found.without))} without the agent that the labels "
        f"request ({first_parts(found.without)}): restart the workload"
    )


def _pods(count: int) -> str:
    return f"{count} pod{'s' * (count != 1)}"


def _tree(observed: Observed, now: float, *, brief: bool) -> Iterator[str]:
    color = GOOD if observed.ready else WAITING
    yield click.style(f"Cryostat {observed.namespace}/{observed.name}", fg=color, bold=True)
    groups = list(_grouped(observed, now).items())
    for index, (title, members) in enumerate(groups):
        last = index == len(groups) - 1
        not_good = [member for member in members if member[1].color != GOOD]
        number_of_objects = sum(not name.startswith(_IMAGE) for name, _ in members)
        count = click.style(f"{number_of_objects - len(not_good)} of {number_of_objects}", dim=True)
        yield f"{'└── ' if last else '├── '}{click.style(title, bold=True)}  {count}"
        shown = not_good if brief else members
        for number, (name, state) in enumerate(shown):
            trunk, branch = "    " if last else "│   ", "└── " if number == len(shown) - 1 else "├── "
            mark = click.style(MARKS[state.color], fg=state.color)
            text = f"  {click.style(state.text, dim=True)}" if state.text else ""
            yield f"{trunk}{branch}{mark} {name}{text}"


def _grouped(observed: Observed, now: float) -> dict[str, list[Member]]:
    named = {kind: title for title, kinds in _GROUPS.items() for kind in kinds}
    groups: dict[str, list[Member]] = {title: [] for title in (*_GROUPS, _OTHER_GROUP)}
    for obj in observed.objects:
        group = groups[named.get(obj["kind"], _OTHER_GROUP)]
        group.append((observed.title(obj), _with_details(observed, obj, now)))
        if obj["kind"] == "Deployment" and now:  # `instance_tree` passes 0, and shows no images
            group += [(f"{_IMAGE}{each}", State(GOOD, "")) for each in _images(obj)]
    pods = [(f"Pod {pod['metadata']['name']}", pod_state(pod)) for pod in observed.pods]
    groups["Workloads"] += pods
    return {title: members for title, members in groups.items() if members}


def _images(deployment: Obj) -> list[str]:
    containers = deployment["spec"]["template"]["spec"]["containers"]
    return list(dict.fromkeys(str(container["image"]) for container in containers if container.get("image")))


def _with_details(observed: Observed, obj: Obj, now: float) -> State:
    """Return the state of an object with what other commands do not show: use of volumes, ends of certificates."""
    state = _with_expiry(observed, obj, state_of(obj), now)
    usage = observed.volumes.get(obj["metadata"]["name"]) if obj["kind"] == "PersistentVolumeClaim" else None
    if usage is None:
        return state
    color = WAITING if usage.percent >= _FULL else state.color
    return State(color, f"{state.text}, {usage.percent} % used")


def _with_expiry(observed: Observed, obj: Obj, state: State, now: float) -> State:
    """Return the state of a Secret or Certificate with the days until its certificate expires."""
    meta = obj["metadata"]
    name = (obj.get("spec") or {}).get("secretName", meta["name"]) if obj["kind"] == "Certificate" else meta["name"]
    end = observed.expiries.get(f"{meta.get('namespace', '')}/{name}")
    if obj["kind"] not in ("Secret", "Certificate") or end is None or not now:
        return state
    days = int((end - now) // _DAY)
    color = BAD if end <= now else WAITING if days < _SOON else state.color
    text = "the certificate expired" if end <= now else f"the certificate expires in {days} days"
    return State(color, f"{state.text}, {text}")


def _conditions(observed: Observed, *, brief: bool) -> Iterator[str]:
    width = max((len(each["type"]) for each in observed.conditions), default=0)
    for each in observed.conditions:
        state = condition_state(each)
        if not brief or state.color != GOOD:
            yield f"{each['type'].ljust(width)}  {click.style(str(state), fg=state.color)}"


def _details(observed: Observed, found: Iterable[Cause]) -> Iterator[str]:
    yield ""
    yield click.style("Conditions", bold=True)
    yield from (f"  {line}" for line in _conditions(observed, brief=False))
    if observed.events and not observed.ready:
        yield ""
        yield click.style("Warning events", bold=True)
        for event in observed.events[-_EVENTS:]:
            yield f"  {event.get('reason', '')}: {event.get('message', '')}"
    for cause in found:
        yield ""
        yield click.style(f"Cause: {cause.reason}", fg=BAD, bold=True)
        yield f"  {cause.message}"
        yield from (f"  {'  ' * level}→ {step}" for level, step in enumerate(cause.chain))
        yield f"  Next: {click.style(cause.command, bold=True)}"
    not_shown = (*observed.unreadable, *observed.not_measured)
    if not_shown:
        yield ""
        yield click.style("Not shown", bold=True)
        yield from (f"  {sentence}" for sentence in not_shown)
