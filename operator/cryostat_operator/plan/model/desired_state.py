"""The desired state of one Cryostat: objects, requests for Secret content, and objects that are blocked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from functools import cached_property

from .kinds import Key, Obj, key_of, spec_hash_of
from .problems import Problem
from .requests import Request
from .snapshot import ReferenceData


@dataclass(frozen=True)
class Reference:
    """A Secret or ConfigMap in the install namespace that an object needs.

    Attributes:
        keys: keys that must be in it.
        optional: the object can be written without it, but only once it is known whether it exists.
    """

    kind: str
    name: str
    keys: frozenset[str] = frozenset()
    optional: bool = False


@dataclass(frozen=True)
class Blocked:
    """An object that is neither written nor pruned because of a problem."""

    key: Key
    problem: Problem


class ContentUse(Enum):
    """What of a component depends on the content of Secrets."""

    NOTHING = auto()
    WARNINGS = auto()
    """Only the warnings, which the function `warnings` of its module returns."""
    EVERYTHING = auto()
    """Objects, problems and warnings."""


@dataclass(frozen=True)
class ComponentPlan:
    """The part of a plan that one component contributes.

    Attributes:
        objects: desired objects, in the order in which `render` prints them.
        requests: content of the component's Secrets.
        needs: Secrets and ConfigMaps that objects need beyond those that the pods of a Deployment refer to, by object.
        blocked: objects that cannot be written now.
        problems: problems of the component that block no single object.
        warnings: settings without effect, and notices such as a generated login. They block nothing.
        delete: objects of other controllers, which are deleted so that these controllers create them again.
        hot_reloaded: names of Secrets whose certificates the programs of a Deployment load again without a restart, by
            name of the Deployment.
        content_use: what of the component depends on the content of Secrets, and is computed again once it is known.
    """

    name: str
    objects: tuple[Obj, ...] = ()
    requests: tuple[Request, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    problems: tuple[Problem, ...] = ()
    needs: Mapping[Key, frozenset[Reference]] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()
    delete: tuple[Key, ...] = ()
    hot_reloaded: Mapping[str, frozenset[str]] = field(default_factory=dict)
    content_use: ContentUse = ContentUse.NOTHING

    def with_blocked(self, *blocked: Blocked) -> ComponentPlan:
        """Return the component with further objects blocked, which are then no longer among its objects."""
        keys = {entry.key for entry in blocked}
        objects = tuple(obj for obj in self.objects if key_of(obj) not in keys)
        return replace(self, objects=objects, blocked=(*self.blocked, *blocked))


@dataclass(frozen=True)
class Plan:
    """The desired state of one Cryostat.

    Attributes:
        components: the parts of all components, in the order in which objects and problems are listed.
        references: Secrets and ConfigMaps that the desired objects need, sorted.
        incomplete_secrets: existing Secrets that lack generated keys.
        data: the content that the plan was completed with, see `Snapshot.data`.
    """

    components: tuple[ComponentPlan, ...] = ()
    references: tuple[Reference, ...] = ()
    incomplete_secrets: frozenset[Key] = frozenset()
    data: ReferenceData = field(default_factory=dict)

    @cached_property
    def objects(self) -> dict[Key, Obj]:
        """Objects to write, of all components."""
        return {key_of(obj): obj for component in self.components for obj in component.objects}

    @cached_property
    def spec_hashes(self) -> dict[Key, bytes]:
        """Spec hash of each object to write."""
        return {key: spec_hash_of(obj) for key, obj in self.objects.items()}

    @cached_property
    def requests(self) -> dict[Key, Request]:
        """Content to provide for owned Secrets, by Secret."""
        return {request.key: request for component in self.components for request in component.requests}

    @cached_property
    def blocked(self) -> dict[Key, Blocked]:
        """Objects that cannot be written yet."""
        return {blocked.key: blocked for component in self.components for blocked in component.blocked}

    def component_of(self, key: Key) -> str:
        """Return the name of the component that an object belongs to; `core` for an object that is not in the plan."""
        return self._component_names.get(key, "core")

    @cached_property
    def _component_names(self) -> dict[Key, str]:
        found: dict[Key, str] = {}
        for component in self.components:
            for key in (*map(key_of, component.objects), *(request.key for request in component.requests)):
                found.setdefault(key, component.name)
        return found

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Notices that block nothing, in the order of the components."""
        return tuple(warning for component in self.components for warning in component.warnings)

    @property
    def problems(self) -> list[Problem]:
        """Problems of components and of blocked objects, each once, in the order of the components."""
        found: list[Problem] = []
        for component in self.components:
            found += component.problems
            found += [blocked.problem for blocked in component.blocked]
        distinct = list(dict.fromkeys(found))
        included = {each for problem in distinct for each in problem.included if each != problem}
        return [problem for problem in distinct if problem not in included]


def without_none(items: Iterable[Obj | None]) -> tuple[Obj, ...]:
    """Return the items that are not None, in their order."""
    return tuple(item for item in items if item is not None)
