"""What a plan is made of: wished objects, secrets to mint, what is waited for — and the table of kinds that we own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from .kinds import Key, Obj, key_of, spec_hash_of
from .problems import Problem
from .requests import Request


@dataclass(frozen=True)
class Reference:
    """A Secret or ConfigMap in the install namespace that a pod uses; `keys` are those that must be in it."""

    kind: str
    name: str
    keys: frozenset[str] = frozenset()
    optional: bool = False


@dataclass(frozen=True)
class Blocked:
    """An object held back by a problem: neither written nor pruned while it lasts."""

    key: Key
    problem: Problem


@dataclass(frozen=True)
class ComponentPlan:
    """What one component contributes to the plan.

    `discarded` are objects that others make for us and that have become useless: deleted so that they are made anew.
    """

    name: str
    objects: tuple[Obj, ...] = ()
    requests: tuple[Request, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    problems: tuple[Problem, ...] = ()
    delete: tuple[Key, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The wanted world of one Cryostat.

    Attributes:
        components: the components' contributions, in the order in which they read well.
        references: Secrets and ConfigMaps that the wished pods use, sorted; the scout looks these up.
    """

    components: tuple[ComponentPlan, ...] = ()
    references: tuple[Reference, ...] = ()
    warnings: tuple[Problem, ...] = field(default=())

    @cached_property
    def objects(self) -> dict[Key, Obj]:
        return {key_of(obj): obj for part in self.components for obj in part.objects}

    @cached_property
    def digests(self) -> dict[Key, bytes]:
        return {key: spec_hash_of(obj) for key, obj in self.objects.items()}

    @cached_property
    def requests(self) -> dict[Key, Request]:
        return {order.key: order for part in self.components for order in part.requests}

    @cached_property
    def blocked(self) -> dict[Key, Blocked]:
        return {blocked.key: blocked for part in self.components for blocked in part.blocked}

    @property
    def problems(self) -> list[Problem]:
        """All that is wrong or waited for, without repetition, in plan order."""
        found = [p for part in self.components for p in (*part.problems, *(w.problem for w in part.blocked))]
        return list(dict.fromkeys(found))


def component_of(plan: Plan, key: Key) -> str:
    """The component that an object belongs to, or `core` for one that the plan does not know."""
    for part in plan.components:
        if any(key_of(obj) == key for obj in part.objects) or any(order.key == key for order in part.requests):
            return part.name
    return "core"


def without_none(items: Iterable[Obj | None]) -> tuple[Obj, ...]:
    return tuple(item for item in items if item is not None)
