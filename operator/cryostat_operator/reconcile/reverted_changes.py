"""Detects clients that repeatedly change or delete an object, which the operator restores each time.

Examples are an autoscaler on a Deployment that must have one pod, and a GitOps tool that prunes an object. The first
change is an event with the name of the client; after `THRESHOLD` of them a problem is reported until none follows for
`WINDOW_SECONDS`.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from ..plan.diff.ownership import controller_of
from ..plan.diff.plan_diff import Change
from ..plan.model.kinds import InstanceKey, Key, spec_hash_of
from ..plan.model.managed_fields import GO_OPERATOR_MANAGER, other_managers
from ..plan.model.messages import enumeration, first_parts
from ..plan.model.problems import Problem
from ..plan.model.reasons import Reason
from .outcomes import Outcome

THRESHOLD = 3  # restored changes of one field, or deletions of one object
WINDOW_SECONDS = 900.0  # GitOps tools repeat a change every few minutes
DELETION = ""  # in place of a path
MAX_PATHS = 3  # that an event names


@dataclass
class _History:
    """What was written and restored of one object.

    Attributes:
        content: hash of what the operator wrote last, without metadata.
        restored: monotonic times of restored changes, by path.
        managers: names of the clients that made the changes, as far as they are known.
        component: the component of the object.
    """

    content: bytes = b""
    restored: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    managers: set[str] = field(default_factory=set)
    component: str = ""


class RevertedChanges:
    """Counts, per object and field, how often the operator restored it lately.

    Args:
        clock: seconds of a monotonic clock.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._instances: dict[InstanceKey, dict[Key, _History]] = defaultdict(lambda: defaultdict(_History))

    def record(
        self, instance_key: InstanceKey, outcomes: Iterable[Outcome], deleted: Mapping[Key, str] | None = None
    ) -> list[Outcome]:
        """Count the applied changes that restored what another client had changed.

        Args:
            deleted: the objects that another client had deleted before these changes, with the UIDs of their owners.

        Returns:
            The same outcomes. The first change of a field, or deletion of an object, has an event.
        """
        self._expire(instance_key)
        histories = self._instances[instance_key]
        deleted = deleted or {}
        return [self._recorded(histories, each, deleted) if each.state == "applied" else each for each in outcomes]

    def problems(self, instance_key: InstanceKey) -> list[Problem]:
        """Return one problem for each object that another client changes repeatedly, ordered by object."""
        self._expire(instance_key)
        objects = self._instances.get(instance_key, {})
        found = ((each, objects[each], _repeated(objects[each])) for each in sorted(objects))
        return [_problem(each, history, paths) for each, history, paths in found if paths]

    def recheck_after(self, instance_key: InstanceKey) -> float:
        """Return the seconds until a problem may be over; infinite if there is none."""
        histories = self._instances.get(instance_key, {}).values()
        last = [history.restored[path][-1] for history in histories for path in _repeated(history)]
        return min(last) + WINDOW_SECONDS - self._clock() if last else math.inf

    def forget(self, instance_key: InstanceKey) -> None:
        """Forget a deleted instance."""
        self._instances.pop(instance_key, None)

    def reset(self) -> None:
        """Forget everything."""
        self._instances.clear()

    def _recorded(self, histories: dict[Key, _History], outcome: Outcome, deleted: Mapping[Key, str]) -> Outcome:
        event = self._record(histories, outcome.change, deleted)
        if event is None or outcome.change.event is not None:
            return outcome
        return replace(outcome, change=replace(outcome.change, event=event))

    def _record(self, histories: dict[Key, _History], change: Change, deleted: Mapping[Key, str]) -> Problem | None:
        """Count what a change restored. Return an event if a path was not restored before within `WINDOW_SECONDS`."""
        if change.obj is None:  # the operator deleted the object: another creation is no repetition
            histories.pop(change.key, None)
            return None
        history = histories[change.key]
        content = spec_hash_of({k: v for k, v in change.obj.items() if k not in ("metadata", "status")})
        is_repeated = content == history.content
        history.content = b"" if change.verb == "recreate" else content
        history.component = change.component
        if change.verb == "create" and (is_repeated or _was_deleted(change, deleted)):
            return _event(change, {DELETION: []}) if self._count(history, DELETION) else None
        new: dict[str, list[str]] = {}
        for path in change.paths:
            managers = other_managers(change.live or {}, path)
            if is_repeated or managers:
                history.managers |= set(managers)
                if self._count(history, path) and _is_reportable(path, managers, is_repeated):
                    new[path] = managers
        return _event(change, new) if new else None

    def _count(self, history: _History, path: str) -> bool:
        """Count that a path was restored now. Returns whether this is the first time within `WINDOW_SECONDS`."""
        times = history.restored[path]
        times.append(self._clock())
        return len(times) == 1

    def _expire(self, instance_key: InstanceKey) -> None:
        """Forget changes that were restored more than `WINDOW_SECONDS` ago.

        A path with `THRESHOLD` of them is reported. It keeps them until the newest one is that old.
        """
        oldest = self._clock() - WINDOW_SECONDS
        for history in self._instances.get(instance_key, {}).values():
            for path, times in list(history.restored.items()):
                if times[-1] <= oldest:
                    del history.restored[path]
                elif len(times) > THRESHOLD:
                    del times[:-THRESHOLD]
                elif len(times) < THRESHOLD:
                    history.restored[path] = [each for each in times if each > oldest]
            if not history.restored:
                history.managers.clear()


def _was_deleted(change: Change, deleted: Mapping[Key, str]) -> bool:
    """Whether another client deleted an object of this Cryostat, not one of an earlier Cryostat of the same name."""
    owner = controller_of(change.obj) if change.obj else None
    return deleted.get(change.key) == (owner[0] if owner else "")


def _repeated(history: _History) -> list[str]:
    """Return the paths that were restored at least `THRESHOLD` times."""
    return sorted(path for path, times in history.restored.items() if len(times) >= THRESHOLD)


def _problem(key: Key, history: _History, paths: list[str]) -> Problem:
    who = enumeration(sorted(history.managers)) or "another client"
    what = ", ".join(path for path in paths if path) or "the object"
    verb = "deletes" if paths == [DELETION] else "changes"
    message = (
        f"{key}: {who} repeatedly {verb} {what}, and the operator restores it. "
        "Exclude the object from what that client manages, or set the field in the Cryostat."
    )
    return Problem(history.component, Reason.CHANGED_BY_OTHERS, message, dedup_key=f"{key} repeatedly")


def _is_reportable(path: str, managers: list[str], is_repeated: bool) -> bool:
    """Whether an event is recorded about a restored field.

    The manager `manager` may be the Go operator: its cluster-scoped objects have no labels and no owner references, and
    may differ at the adoption. Without another manager, there is an event only if this operator wrote the same content
    before. The content has no metadata, so this does not prove that another client changed labels.
    """
    is_foreign = bool(set(managers) - {GO_OPERATOR_MANAGER})
    return is_foreign or (is_repeated and (bool(managers) or not path.startswith("metadata.")))


def _event(change: Change, restored: dict[str, list[str]]) -> Problem:
    """Return the event about what another client changed and the operator restored, with the clients by path."""
    who = enumeration(sorted({name for names in restored.values() for name in names})) or "another client"
    if DELETION in restored:
        message = f"{change.key}: {who} deleted the object, and the operator created it again."
    else:
        paths = sorted(restored)
        message = (
            f"{change.key}: {who} had set {first_parts(paths, MAX_PATHS)}, and the operator restored what the "
            "Cryostat requests. Change the Cryostat instead, if it has a field for this (docs/other-controllers.md)."
        )
    return Problem(change.component, Reason.CHANGE_REVERTED, message)
