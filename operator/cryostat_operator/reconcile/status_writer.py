"""Writes the status of Cryostats, and an event for each new cause."""

from __future__ import annotations

from collections.abc import Sequence

from ..kube.client import Client
from ..kube.events import EventRecorder, now
from ..observe.cryostats import CryostatStore
from ..plan.conditions import Report, failure_status, problems_of, status_for
from ..plan.instance import Instance
from ..plan.model.desired_state import Plan
from ..plan.model.kinds import InstanceKey, Obj, cryostat_path
from ..plan.model.problems import Problem
from ..plan.model.reasons import Reason
from ..plan.summary import summary_of


class StatusWriter:
    """Writes statuses and events only when they change."""

    def __init__(self, client: Client, cryostats: CryostatStore) -> None:
        self._client = client
        self._cryostats = cryostats
        self._events = EventRecorder(client)

    async def write(
        self, instance: Instance, plan: Plan, report: Report, lasting: Sequence[Problem], events: Sequence[Problem]
    ) -> bool:
        """Record the events of a run, then write the status if it differs from the last one.

        Args:
            report: what was found out besides the plan.
            lasting: causes of unavailable Deployments that have lasted for some time.
            events: what was done and is announced once.

        Returns:
            False if the Cryostat was deleted meanwhile, so that nothing was written.
        """
        body = self._cryostats.get(instance.key)
        if body is None:
            return False
        # Events first: whether one is new is decided by the conditions that were written before.
        actionable = [problem for problem in problems_of(plan, report) if problem.actionable]
        causes = [*actionable, *lasting, *plan.warnings]
        await self.record(body, causes)
        for event in events:
            await self._events.record(body, event)
        await self.patch(body, status_for(instance, plan, report, now()))
        # Last: if this write is refused, the next run must know that an event about the refusal is recorded already.
        self._events.retain(body, causes)
        return True

    async def write_failure(self, body: Obj, problem: Problem) -> None:
        """Record an event, and set `Ready` to False; the rest of the status stays."""
        await self.record(body, [problem])
        await self.write_failure_status(body, problem)

    async def write_failure_status(self, body: Obj, problem: Problem) -> None:
        """Set `Ready` to False without an event; the rest of the status stays."""
        status = body.get("status") or {}
        generation = body["metadata"].get("generation", 0)
        cause = problem.reason, problem.message
        failed = failure_status(generation, cause, status.get("conditions") or [], now())
        await self.patch(body, {**status, **failed})

    async def write_deleting(self, body: Obj, reason: Reason, message: str) -> None:
        """Leave `Ready` as the only condition of a Cryostat that is being deleted: the others are not observed."""
        status = {**(body.get("status") or {}), "applicationUrl": ""}
        previous = [each for each in status.get("conditions") or [] if each.get("type") == "Ready"]
        deleting = failure_status(body["metadata"].get("generation", 0), (reason, message), previous, now())
        await self.patch(body, {**status, **deleting})

    async def record(self, body: Obj, problems: Sequence[Problem]) -> None:
        """Record an event for each problem that is new."""
        await self._events.record_all(body, problems)

    async def patch(self, body: Obj, status: Obj) -> None:
        """Write a whole status, with its summary, if it differs from the one that the Cryostat has."""
        if conditions := status.get("conditions"):
            status = {**status, "summary": summary_of(conditions)}
        before = body.get("status") or {}
        if before == status:
            return
        patch = {**{field: None for field in before if field not in status}, **status}
        metadata = body["metadata"]
        path = cryostat_path(metadata["namespace"], metadata["name"])
        self._cryostats.record_write(await self._client.patch_status(path, patch))

    def forget(self, instance_key: InstanceKey) -> None:
        """Forget a deleted Cryostat."""
        self._events.forget(instance_key)

    def reset(self) -> None:
        """Forget which events were recorded in an earlier leadership term."""
        self._events = EventRecorder(self._client)
