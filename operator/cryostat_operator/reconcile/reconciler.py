"""The reconciler: observe, plan, diff, apply, report. It compares states and does not use the content of events."""

from __future__ import annotations

import time

from ..api import constants
from ..api.v1beta2 import Cryostat
from ..api.validation import read_cryostat
from ..kube.client import Client
from ..kube.errors import ApiError
from ..logs import log_context
from ..metrics import Metrics
from ..observe.cryostats import CryostatStore
from ..observe.observer import Observer
from ..observe.planning import plan_for
from ..plan.conditions import Report
from ..plan.diagnosis.lasting_causes import lasting_causes
from ..plan.diff.plan_diff import Diff, diff
from ..plan.instance import Instance
from ..plan.model.desired_state import Plan
from ..plan.model.kinds import InstanceKey, Obj
from ..plan.model.problems import Problem
from ..settings import Settings
from .adoption import Adoption
from .applier import Applier
from .failures import Failures
from .finalizer import Finalizer
from .ongoing_waits import Waits
from .orphans import Orphans
from .outcomes import Outcomes
from .status_writer import StatusWriter
from .stuck_reader import StuckReader
from .unserved_namespaces import unserved
from .work_queue import Result

# The longest delay until certificates are checked again. The system clock decides on their expiry and may be corrected.
MAX_TIMER_SECONDS = 12 * 3600.0
UNOBSERVED_SECONDS = 5.0  # until the next attempt, while the first lists of the cluster are not complete


class Reconciler:
    """Brings the objects of each Cryostat to what its spec asks for. Runs of different instances are concurrent."""

    def __init__(
        self, client: Client, observer: Observer, cryostats: CryostatStore, settings: Settings, metrics: Metrics
    ) -> None:
        owned = observer.owned
        self._observer = observer
        self._cryostats = cryostats
        self._settings = settings
        self._metrics = metrics
        self._applier = Applier(client, owned)
        self._adoption = Adoption(client, owned)
        self._status = StatusWriter(client, cryostats)
        self._waits = Waits()
        self._stuck = StuckReader(client)
        self._failures = Failures(cryostats, self._status)
        self._finalizer = Finalizer(
            client, cryostats, observer.live_objects, self._applier, self._adoption, self._status, metrics
        )
        self._orphans = Orphans(client, owned, self._applier)

    def reset(self) -> None:
        """Forget the results of earlier leadership terms: another replica may have written since."""
        self._observer.owned.deletions.forget_by_others()
        self._applier.reset()
        self._adoption.reset()
        self._status.reset()
        self._waits.reset()
        self._stuck.reset()
        self._failures.reset()

    async def wait_idle(self) -> None:
        """Wait for the writes that continue when their reconcile is canceled."""
        await self._applier.wait_idle()

    async def __call__(self, instance_key: InstanceKey) -> Result:
        """Reconcile one instance, report failures and count the result."""
        with self._metrics.reconcile_duration.time(), log_context(f"{instance_key.namespace}/{instance_key.name}"):
            try:
                result = await self._reconcile_or_report(instance_key)
            except Exception:
                self._metrics.reconciles.labels("error").inc()
                raise
        self._metrics.reconciles.labels("retry" if result.failed else "ok").inc()
        return result

    async def report_unobserved(self, instance_key: InstanceKey, refusal: ApiError | None) -> Result:
        """Report that a list or watch was refused, so that an instance is not observed; nothing without a refusal.

        Args:
            refusal: the missing permission; None if the first lists are not complete for another reason.
        """
        if refusal is None:
            return Result(requeue_after=UNOBSERVED_SECONDS)
        return await self._failures.handle(instance_key, refusal)

    async def _reconcile_or_report(self, instance_key: InstanceKey) -> Result:
        try:
            result = await self.reconcile(instance_key)
        except Exception as error:
            return await self._failures.handle(instance_key, error)
        self._failures.forget(instance_key)
        return result

    async def reconcile(self, instance_key: InstanceKey) -> Result:
        """Bring the objects of one Cryostat to the state that its spec requests.

        Raises:
            InvalidCryostatError: the Cryostat cannot be read.
            ApiError: a request failed that is not the write of an owned object.
        """
        body = self._cryostats.get(instance_key)
        if body is None:
            self._forget(instance_key)
            return await self._orphans.collect(instance_key)
        is_served = self._observer.serves_namespace(instance_key.namespace)
        terminating = self._observer.is_terminating(instance_key.namespace)
        if not is_served and (problem := unserved(body, self._settings, namespace_terminating=terminating)):
            return await self._report_unserved(body, problem)
        # A Cryostat in a namespace that is not served gets here only if it can be deleted nevertheless.
        if is_deleting(body):
            self._waits.forget(instance_key)
            self._stuck.forget(instance_key)
            return await self._finalizer.finalize(instance_key, body)
        cryostat = read_cryostat(body)
        outcomes = Outcomes()  # at most one outcome per object and run
        if is_paused(body):
            instance, plan, difference = await self.plan(instance_key, cryostat)
            return await self.report(instance, plan, difference, outcomes, paused=True)
        if self._finalizer.is_set(body):
            await self._adoption.adopt(instance_key, body["metadata"]["uid"])
        else:
            await self._finalizer.add(body)
        # A write can make others possible, for example that of a Deployment after that of its Secret. So plan again
        # until each possible change was tried once.
        while True:
            instance, plan, difference = await self.plan(instance_key, cryostat)
            remaining = outcomes.remaining(difference.ready)
            if not remaining:
                return await self.report(instance, plan, difference, outcomes)
            written = await self._applier.apply(instance_key, remaining)
            outcomes.add(written)

    async def _report_unserved(self, body: Obj, problem: Problem) -> Result:
        """Write the status only: the operator may not create events in the namespace."""
        if is_deleting(body):
            await self._status.write_deleting(body, problem.reason, problem.message)
        else:
            await self._status.write_failure_status(body, problem)
        return Result()

    def _forget(self, instance_key: InstanceKey) -> None:
        """Forget a Cryostat that no longer exists, also if another client removed its finalizer."""
        self._waits.forget(instance_key)
        self._stuck.forget(instance_key)
        self._observer.forget_instance(instance_key)
        self._applier.forget(instance_key)
        self._adoption.forget(instance_key)
        self._status.forget(instance_key)

    async def plan(self, instance_key: InstanceKey, cryostat: Cryostat) -> tuple[Instance, Plan, Diff]:
        """Observe the cluster, plan the desired state and compare both."""
        await self._observer.watch_on_demand(instance_key, cryostat)
        desired, plan = await plan_for(cryostat, self._observer, self._settings)
        snapshot = desired.instance.snapshot
        difference = diff(plan, snapshot, cryostat.metadata["uid"])
        self._observer.owned.mark_in_sync(instance_key, difference.in_sync)
        return desired.instance, plan, difference

    async def report(
        self, instance: Instance, plan: Plan, difference: Diff, outcomes: Outcomes, *, paused: bool = False
    ) -> Result:
        """Record events, write the status, and decide when to reconcile again.

        A cause that normally ends by itself is reported only once it has lasted for a minute.

        Args:
            outcomes: those of the writes of this run.
            paused: whether the Cryostat is paused, so that the differences remain.
        """
        instance_key = instance.key
        for problem in outcomes.new_refusals:
            self._metrics.reconcile_errors.labels(problem.reason).inc()
        reverted = self._applier.reverted_changes.problems(instance_key)
        problems = [*outcomes.problems, *reverted, *difference.problems]
        transient = outcomes.transient_refusals
        waits = self._waits.update(
            instance_key, [*plan.problems, *problems, *transient] if not paused else (), _stored_reasons(instance)
        )
        stuck = await self._stuck.explain(instance_key, instance, self._observer.pods.failures(instance_key))
        report = Report(
            [*problems, *(each for each in transient if each.reason in waits.reasons)],
            stuck.failures,
            paused=paused,
            differing=[change.key for change in difference.changes] if paused else [],
            lasting=waits.reasons,
        )
        lasting = lasting_causes(instance, plan, report, time.time())
        if not await self._status.write(instance, plan, report, lasting.problems, outcomes.events):
            return Result()  # the Cryostat was deleted during this run; the DELETED event enqueues it
        due = min(
            lasting.recheck_after,
            waits.recheck_after,
            stuck.recheck_after,
            self._recheck_after(instance),
        )
        return outcomes.requeue(due, waits.reasons)

    def _recheck_after(self, instance: Instance) -> float:
        """Return the seconds until something is due without an event; infinite if nothing is.

        Due are a renewal or an expiry of a certificate, and the end of a state of pods or of a repeated change.
        """
        instance_key = instance.key
        due = min(
            self._observer.recheck_after(instance_key), self._applier.reverted_changes.recheck_after(instance_key)
        )
        certificate_due = None
        if instance.tls_issuer == "built-in":
            certificate_due = self._observer.renewal_due(instance_key)
        elif instance.tls_issuer == "cert-manager":
            certificate_due = self._observer.expiry_due(instance_key)
        if certificate_due is not None:
            due = min(due, certificate_due + 1.0, MAX_TIMER_SECONDS)
        return due


def _stored_reasons(instance: Instance) -> set[str]:
    """Return the reasons of the conditions in the stored status."""
    status = instance.cryostat.status
    return {each.reason for each in (status.conditions or () if status else ()) if each}


def is_deleting(body: Obj) -> bool:
    """Return whether a Cryostat has a deletion timestamp."""
    return "deletionTimestamp" in body["metadata"]


def is_paused(body: Obj) -> bool:
    """Return whether a user paused a Cryostat by annotation."""
    return (body["metadata"].get("annotations") or {}).get(constants.ANNOTATION_PAUSE) == "true"
