"""Warnings of a review: what the reconciler would report about the Cryostat."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from ..api.v1beta2 import Cryostat
from ..kube.errors import ApiError
from ..observe.planning import plan_for
from ..plan.model.kinds import PARTIAL, InstanceKey
from ..plan.model.problems import Problem
from ..plan.model.reason_groups import MISSING_OBJECT_REASONS
from ..plan.model.snapshot import ReferenceData, Snapshot
from ..plan.planner import Desired
from ..settings import Settings
from .cluster_reader import ClusterReader
from .reviews import AdmissionRequest

logger = logging.getLogger(__name__)

MAX_REFERENCES = 32  # Secrets and ConfigMaps that are read for the warnings of one review
TIMEOUT = 2.0  # seconds for reads that only lead to warnings


async def plan_warnings(
    request: AdmissionRequest, cryostat: Cryostat, snapshot: Snapshot, reader: ClusterReader, settings: Settings
) -> list[str]:
    """Return warnings about settings without effect and missing objects; none if objects cannot be read in time."""
    try:
        async with asyncio.timeout(TIMEOUT):
            problems = await _problems(request, cryostat, snapshot, reader, settings)
    except (ApiError, TimeoutError) as error:
        logger.debug("Some warnings about Cryostat %s/%s are left out: %s", request.namespace, request.name, error)
        return []
    return [problem.message for problem in problems]


async def _problems(
    request: AdmissionRequest, cryostat: Cryostat, snapshot: Snapshot, reader: ClusterReader, settings: Settings
) -> list[Problem]:
    """Missing objects are reported to the API server only: other callers must not learn what exists."""
    # The snapshot is from memory, where some objects have only their ownership metadata.
    whole = {key: obj for key, obj in snapshot.live.items() if not obj.get(PARTIAL)}
    review_reader = _ReviewReader(reader, replace(snapshot, live=whole), read_references=request.from_api_server)
    _, plan = await plan_for(cryostat, review_reader, settings)
    if not request.from_api_server:
        return list(plan.warnings)
    missing = [p for p in plan.problems if p.actionable and p.reason in MISSING_OBJECT_REASONS]
    return [*plan.warnings, *missing]


class _ReviewReader:
    """Reads for one plan: a snapshot from memory, and GET requests for the references that are not in it."""

    def __init__(self, reader: ClusterReader, snapshot: Snapshot, *, read_references: bool) -> None:
        self._reader = reader
        self._snapshot = snapshot
        self._read_references = read_references

    async def snapshot(self, instance_key: InstanceKey, uid: str, targets: tuple[str, ...]) -> Snapshot:
        return self._snapshot

    async def resolve(self, instance_key: InstanceKey, desired: Desired) -> ReferenceData:
        generated = {(key.kind, key.name) for key in desired.requests}
        if not self._read_references:
            return dict.fromkeys(generated)
        known = self._snapshot.data
        unread = [(r.kind, r.name) for r in desired.references if (r.kind, r.name) not in generated | set(known)]
        del unread[MAX_REFERENCES:]
        found = await asyncio.gather(
            *(self._reader.content(kind, instance_key.namespace, name) for kind, name in unread)
        )
        return {**known, **dict.fromkeys(generated), **dict(zip(unread, found, strict=True))}
