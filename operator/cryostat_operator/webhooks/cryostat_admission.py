"""Admission of Cryostats: what is filled in, what is refused, and what its author is warned about."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from pydantic import ValidationError

from ..api.defaulting import with_defaults
from ..api.required_permissions import Permission, needed
from ..api.spec_warnings import advice
from ..api.v1beta2 import Cryostat
from ..api.validation import new_problems
from ..kube.errors import ApiError
from ..observe.reader import plan_for
from ..plan.instance import Instance
from ..plan.model.kinds import InstanceKey
from ..plan.model.problems import Problem
from ..plan.model.snapshot import ContentSummary, ReferenceData, Snapshot
from ..plan.planner import Desired
from ..settings import Settings
from .reviews import Obj, Request, allowed, denied

logger = logging.getLogger(__name__)

_REVIEWING = 6.0  # seconds for permissions; the API server waits for 10 in all
_LOOKING_AROUND = 2.0  # seconds for what only makes warnings
# What is worth a warning at once: the author has named something that is not there.
_MISSING = ("NotFound", "NamespaceTerminating")


class AccessReviewer(Protocol):
    """Knows what users may do."""

    async def missing(self, user: Mapping[str, Any], wanted: Iterable[Permission]) -> list[Permission]: ...


class ClusterReader(Protocol):
    """What admission may know of the cluster."""

    @property
    def openshift(self) -> bool: ...

    def snapshot(self, cryostat: Cryostat, settings: Settings) -> Snapshot | None:
        """What is known about the surroundings of a Cryostat; None while that is not complete."""

    async def data(self, kind: str, namespace: str, name: str) -> ContentSummary | None:
        """A Secret or ConfigMap, None where there is none. Raises ApiError."""


class Admission:
    """Decides about Cryostats; `own_name` tells the user that the operator itself is."""

    def __init__(
        self, reviews: AccessReviewer, world: ClusterReader, settings: Settings, own_name: Callable[[], str]
    ) -> None:
        self._reviews = reviews
        self._world = world
        self._settings = settings
        self._own_name = own_name

    async def default(self, request: Request) -> Obj:
        """Answers the mutating webhook."""
        if request.operation not in ("CREATE", "UPDATE") or _being_deleted(request):
            return allowed(request)
        changed = with_defaults(request.obj, request.namespace, creating=request.operation == "CREATE")
        return allowed(request, changed=changed)

    async def validate(self, request: Request) -> Obj:
        """Answers the validating webhook."""
        if request.operation not in ("CREATE", "UPDATE") or _being_deleted(request) or self._by_operator(request):
            return allowed(request)
        new = _placed(request.obj, request)
        old = _placed(request.old, request) if request.operation == "UPDATE" else None
        if request.converted and (problems := new_problems(new, old)):
            return denied(request, "; ".join(problems), 422, "Invalid")
        refusal = await self._unauthorised(request, needed(new, old, openshift=self._world.openshift))
        if refusal is not None:
            return refusal
        if old is not None and old.get("spec") == new.get("spec"):
            return allowed(request)
        return await self._looked_at(request, new, old)

    def _by_operator(self, request: Request) -> bool:
        own = self._own_name()
        return bool(own) and request.user.get("username") == own

    async def _unauthorised(self, request: Request, wanted: list[Permission]) -> Obj | None:
        try:
            async with asyncio.timeout(_REVIEWING):
                missing = await self._reviews.missing(request.user, wanted)
        except TimeoutError:
            text = f"cannot check {len(wanted)} permissions in time: add fewer namespaces and Secrets at a time"
            return denied(request, text, 504, "Timeout")
        except ApiError as error:
            code = error.status if 400 <= error.status < 600 else 503
            return denied(request, f"cannot check what the user may do: {error.message}", code, error.reason)
        if not missing:
            return None
        user = request.user.get("username") or "unknown"
        others = " (and more is missing)" if len(missing) > 1 else ""
        return denied(request, f'user "{user}" may not {missing[0]}, which {missing[0].why} asks for{others}')

    async def _looked_at(self, request: Request, new: Obj, old: Obj | None) -> Obj:
        """The objects are read as the operator will read them; nothing here may refuse what the API server accepts."""
        warnings = advice(new)
        try:
            cryostat = Cryostat.model_validate(new)
            snapshot = self._world.snapshot(cryostat, self._settings)
            if snapshot is None:
                return allowed(request, warnings)
            locked = _newly_locked(cryostat, old, snapshot, self._settings)
            if locked:
                return denied(request, locked, 422, "Invalid")
            async with asyncio.timeout(_LOOKING_AROUND):
                warnings += [problem.message for problem in await self._problems(cryostat, snapshot)]
        except (ValidationError, ApiError, TimeoutError) as error:
            logger.debug("No further warnings for %s/%s: %s", request.namespace, request.name, error)
        return allowed(request, warnings)

    async def _problems(self, cryostat: Cryostat, snapshot: Snapshot) -> list[Problem]:
        """What the operator would complain about: settings without effect, and what is named and missing."""
        _, plan = await plan_for(cryostat, _Reader(self._world, snapshot), self._settings)
        missing = [p for p in plan.problems if p.actionable and p.reason.endswith(_MISSING)]
        return [*plan.warnings, *missing]


class _Reader:
    """Plans for a review: from a snapshot in memory, and requests for the references that are not in it."""

    def __init__(self, world: ClusterReader, snapshot: Snapshot) -> None:
        self._world = world
        self._snapshot = snapshot

    async def snapshot(self, owner: InstanceKey, uid: str, targets: tuple[str, ...]) -> Snapshot:
        return self._snapshot

    async def resolve(self, owner: InstanceKey, desired: Desired) -> ReferenceData:
        known = self._snapshot.data
        generated = {(key.kind, key.name) for key in desired.requests}
        unknown = [(r.kind, r.name) for r in desired.references if (r.kind, r.name) not in generated | set(known)]
        found = await asyncio.gather(*(self._world.data(kind, owner.namespace, name) for kind, name in unknown))
        return {**known, **dict.fromkeys(generated), **dict(zip(unknown, found, strict=True))}


def _being_deleted(request: Request) -> bool:
    """Nothing is granted to an object that goes away, and what holds it up must be removable in every case."""
    return request.operation == "UPDATE" and "deletionTimestamp" in request.old.get("metadata", {})


def _placed(obj: Obj, request: Request) -> Obj:
    return {**obj, "metadata": {**obj.get("metadata", {}), "namespace": request.namespace}}


def _newly_locked(cryostat: Cryostat, old: Obj | None, snapshot: Snapshot, settings: Settings) -> str:
    """Why the database's Secret cannot become another one; empty where it does not, or already had."""
    instance = Instance(cryostat, snapshot, settings)
    if old is None or not instance.database_secret_locked:
        return ""
    before = Instance(Cryostat.model_validate(old), snapshot, settings)
    if before.wanted_database_secret == instance.wanted_database_secret:
        return ""
    return (
        f"spec.databaseOptions.secretName: the database exists and its data is encrypted with the keys of Secret "
        f"{instance.database_secret}; it cannot change to {instance.wanted_database_secret}"
    )
