"""The loop: observe → plan → compare → act → report, for one Cryostat at a time and never asking what changed."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from pydantic import ValidationError

from ..api import constants
from ..api.v1beta2 import Cryostat
from ..kube.client import JSON_PATCH, Client
from ..kube.errors import ApiError, ApiUnavailable
from ..kube.events import EventRecorder, now
from ..logs import about
from ..metrics import Metrics
from ..observe.cryostats import CryostatStore
from ..observe.observer import Observer
from ..observe.reader import plan_for
from ..plan import retention
from ..plan.conditions import Report, status_of, unreadable
from ..plan.diff.comparison import differences
from ..plan.diff.plan_diff import Change, agreed, compare, is_prunable, news, pending, possible
from ..plan.instance import Instance
from ..plan.model.desired_state import Plan, component_of
from ..plan.model.kinds import InstanceKey, Key, Obj, resource_path
from ..plan.model.problems import Problem
from ..plan.model.snapshot import Snapshot
from ..settings import Settings
from .adoption import adopt_objects, adoption_marker
from .applier import Applier, Outcome, Refusal
from .work_queue import RETRY
from .write_limiter import WriteLimiter

logger = logging.getLogger(__name__)

MAX_PASSES = 6  # of drawing and writing in one run; what one round makes is a fact for the next
TRANSIENT_RETRY_SECONDS = 1.0  # seconds, after something temporary
MAX_TIMER_SECONDS = 12 * 3600.0  # seconds that a timer is trusted to be in step with the clock
PAUSED = "true"


@dataclass
class _Run:
    """What one run has come to so far."""

    refused: dict[Key, Refusal] = field(default_factory=dict)
    written: set[Key] = field(default_factory=set)
    vain: dict[Key, Problem] = field(default_factory=dict)
    news: list[Problem] = field(default_factory=list)
    later: float = math.inf  # seconds until a write that was held up may go
    paused: bool = False


class Reconciler:
    """Brings the world of each Cryostat to what its spec asks for."""

    def __init__(
        self, client: Client, scout: Observer, cryostats: CryostatStore, settings: Settings, metrics: Metrics
    ) -> None:
        self._client = client
        self._scout = scout
        self._settings = settings
        self._metrics = metrics
        self._foreman = Applier(client, scout.children)
        self._teller = EventRecorder(client)
        self._looked_for_old: set[str] = set()
        self._restraint = WriteLimiter()
        self._cryostats = cryostats

    def reset(self) -> None:
        """Forget what earlier leadership terms found out; another replica may have written since then."""
        self._teller = EventRecorder(self._client)
        self._looked_for_old = set()
        self._restraint = WriteLimiter()

    async def __call__(self, owner: InstanceKey) -> float | None:
        """One run; seconds until the next look, None, or `RETRY`."""
        with self._metrics.duration.time(), about(f"{owner.namespace}/{owner.name}"):
            try:
                again = await self._attempt(owner)
            except Exception:
                self._metrics.reconciles.labels("error").inc()
                raise
            finally:
                self._scout.children.rest(owner)
        self._metrics.reconciles.labels("retry" if again == RETRY else "ok").inc()
        return again

    async def _attempt(self, owner: InstanceKey) -> float | None:
        body = self._cryostats.get(owner)
        try:
            return await self._run(owner)
        except ApiError as error:
            # kopf does not notice what was deleted while its stream was interrupted.
            if body is None or not _is_gone(error, owner):
                logger.warning("Not finished: %s", error.message)
                if body is not None and error.status == 403:
                    with suppress(ApiError):  # it may be the status that we must not write
                        await self._tell_broken(body, "Forbidden", error.message)
                return RETRY
        except Exception as error:
            if body is not None:
                logger.exception("This Cryostat cannot be reconciled")
                message = f"The operator failed ({type(error).__name__}); its log tells more"
                await self._tell_broken(body, "InvalidSpec", message)
                return RETRY
            raise
        self._cryostats.gone(owner, body["metadata"]["uid"])
        return await self._sweep(owner)

    async def _run(self, owner: InstanceKey) -> float | None:
        body = self._cryostats.get(owner)
        if body is None:
            return await self._sweep(owner)
        if "deletionTimestamp" in body["metadata"]:
            return await self._finish(owner, body)
        try:
            cryostat = parse(body)
        except ValidationError as error:
            await self._tell_unreadable(body, error)
            return None
        run = _Run(paused=(cryostat.metadata.get("annotations") or {}).get(constants.ANNOTATION_PAUSE) == PAUSED)
        claimed = constants.FINALIZER in (body["metadata"].get("finalizers") or ())
        if claimed and not run.paused:
            await self._look_for_old(owner, body)
        plan, snapshot = await self._draw(cryostat)
        for _ in range(0 if run.paused else MAX_PASSES):
            found = compare(plan, snapshot, cryostat.metadata["uid"])
            self._scout.children.agree(owner, agreed(plan, snapshot, found))
            wanted = possible(found, plan, snapshot)
            actions = [action for action in wanted if self._worthwhile(run, owner, plan, snapshot, action)]
            if not claimed:
                # What garbage collection reaches may be made at the same time, the rest only once it can be cleaned up.
                actions = [a for a in actions if a.obj and a.obj["metadata"].get("ownerReferences")]
                claim = asyncio.create_task(self._claim(body))
                outcome = await self._foreman.act(owner, actions)
                await claim
                claimed = True
            elif actions:
                outcome = await self._foreman.act(owner, actions)
            else:
                break
            self._note(run, owner, actions, outcome, snapshot)
            plan, snapshot = await self._draw(cryostat)
        return await self._report(Instance(cryostat, snapshot, self._settings), plan, run)

    async def _draw(self, cryostat: Cryostat) -> tuple[Plan, Snapshot]:
        """The plan, and the snapshot that it was computed from."""
        desired, plan = await plan_for(cryostat, self._scout, self._settings)
        return plan, desired.instance.snapshot

    # --- writing --------------------------------------------------------------------------------------------------

    def _worthwhile(self, run: _Run, owner: InstanceKey, plan: Plan, snapshot: Snapshot, action: Change) -> bool:
        """Whether a write is new in this run, and neither vain nor one too many."""
        live = snapshot.live.get(action.key)
        wait = self._restraint.wait(owner, action, live)
        if wait == math.inf and action.obj and live:
            paths = ", ".join(differences(action.obj, live))
            message = f"{action.key} is changed on its way into the cluster, by an admission policy say: {paths}."
            run.vain[action.key] = Problem(component_of(plan, action.key), "ChangedByOthers", message)
            return False
        if action.key in run.refused or action.key in run.written:
            return False
        refusal = self._restraint.still_refused(owner, action)
        if refusal:
            run.refused[action.key] = refusal
            return False
        if wait > 0:
            run.later = min(run.later, wait)
        return wait == 0

    def _note(
        self, run: _Run, owner: InstanceKey, actions: Iterable[Change], outcome: Outcome, before: Snapshot
    ) -> None:
        tried = {action.key: action for action in actions}
        for refusal in outcome.refused:
            run.refused[refusal.key] = refusal
            if not refusal.temporary:
                self._restraint.refused(owner, tried[refusal.key], refusal)
        for action in outcome.done:
            run.written.add(action.key)
            self._restraint.written(owner, action, outcome.replaced.get(action.key))
            told = news(action, before)
            if told:
                run.news.append(told)

    # --- beginning and end ----------------------------------------------------------------------------------------

    async def _claim(self, body: Obj) -> None:
        """Put our finalizer on a Cryostat."""
        path = "/metadata/finalizers"
        add = (
            {"op": "add", "path": f"{path}/-", "value": constants.FINALIZER}
            if body["metadata"].get("finalizers")
            else {"op": "add", "path": path, "value": [constants.FINALIZER]}
        )
        guard = {"op": "test", "path": "/metadata/resourceVersion", "value": body["metadata"]["resourceVersion"]}
        self._cryostats.answered(await self._patch_cr(body, [guard, add]))

    async def _look_for_old(self, owner: InstanceKey, body: Obj) -> None:
        """Take over what the Go operator made, once, where nothing of ours is known of a Cryostat that is not new."""
        uid = body["metadata"]["uid"]
        if uid in self._looked_for_old:
            return
        if adoption_marker(owner) not in self._scout.children.of(owner):
            count = await adopt_objects(self._client, self._scout.children, owner)
            if count:
                logger.info("Took over %d objects", count)
        self._looked_for_old.add(uid)

    async def _finish(self, owner: InstanceKey, body: Obj) -> float | None:
        """Delete what garbage collection cannot reach, then let the Cryostat go."""
        finalizers = body["metadata"].get("finalizers") or []
        if constants.FINALIZER not in finalizers:
            return None
        try:
            await self._look_for_old(owner, body)
        except ApiUnavailable:
            raise
        except ApiError as error:
            logger.warning("Some objects of an earlier operator may stay behind: %s", error.message)
        outcome = await self._foreman.act(owner, [*self._unowned(owner), *self._kept(owner, body)])
        refused = [refusal for refusal in outcome.refused if refusal.reason != "ApiNotServed"]
        if refused:
            self._count(refused)
            lasting = [r for r in refused if not r.temporary]
            await self._teller.events(
                body, [Problem("core", "DeletionBlocked", r.message, dedup_key=str(r.key)) for r in lasting]
            )
            return RETRY
        self._teller.forget(body["metadata"]["uid"])
        self._looked_for_old.discard(body["metadata"]["uid"])
        at = f"/metadata/finalizers/{finalizers.index(constants.FINALIZER)}"
        try:
            await self._patch_cr(
                body, [{"op": "test", "path": at, "value": constants.FINALIZER}, {"op": "remove", "path": at}]
            )
        except ApiError as error:
            if error.status == 422 and not body.get("status"):
                # Rules about names spare objects that have a status; without this one it could never go.
                await self._write_status(body, {"observedGeneration": body["metadata"].get("generation", 0)})
            elif error.status == 422 and "finalizers" not in error.message:
                await self._teller.events(body, [Problem("core", "DeletionBlocked", error.message)])
            raise
        return None

    def _unowned(self, owner: InstanceKey) -> list[Change]:
        """Deletions of live objects outside the reach of owner references, which are those with names of their own."""
        return [
            Change("delete", key, uid=record.uid)
            for key, record in self._scout.children.of(owner).items()
            if is_prunable(key, record.obj, uid="")
        ]

    def _kept(self, owner: InstanceKey, body: Obj) -> list[Change]:
        """Writes that keep volumes and their keys from going with this Cryostat, where it asks for that."""
        if not retention.asked(body["metadata"].get("annotations")):
            return []
        live = self._scout.children.live(owner)
        held = {key: obj for key, obj in live.items() if retention.holds_data(key, owner.name)}
        return [Change("replace", k, retention.released(o)) for k, o in held.items() if not retention.is_released(o)]

    async def _sweep(self, owner: InstanceKey) -> float | None:
        """Something bears the mark of a Cryostat that we do not know: clear it away if it really is gone."""
        self._scout.forget(owner)
        self._restraint.forget(owner)
        if not self._scout.children.of(owner):
            return None
        path = resource_path(constants.GROUP, constants.VERSION, constants.PLURAL, owner.namespace, owner.name)
        try:
            await self._client.request("GET", path)
        except ApiError as error:
            if not _is_gone(error, owner):
                raise
            outcome = await self._foreman.act(owner, self._unowned(owner))
            return RETRY if outcome.refused else None
        return None  # it was just made; its own event is on the way

    async def _patch_cr(self, body: Obj, patch: list[Obj]) -> Obj:
        metadata = body["metadata"]
        path = resource_path(
            constants.GROUP, constants.VERSION, constants.PLURAL, metadata["namespace"], metadata["name"]
        )
        return await self._client.request("PATCH", path, body=patch, content_type=JSON_PATCH)

    # --- telling --------------------------------------------------------------------------------------------------

    async def _report(self, instance: Instance, plan: Plan, run: _Run) -> float | None:
        owner = InstanceKey(instance.namespace, instance.name)
        refused = [r for r in run.refused.values() if not r.temporary]
        self._count(refused)
        refusals = [Problem(component_of(plan, r.key), r.reason, r.message, dedup_key=str(r.key)) for r in refused]
        refusals += [*(problem for _, problem in sorted(run.vain.items())), *pending(plan, instance.snapshot)]
        report = Report(refusals, self._scout.pods.troubles(owner), run.paused)
        body = self._cryostats.get(owner)
        if body is None:  # deleted while we were at it
            return None
        # Events first: they are told when the conditions did not say so before.
        told = [p for p in (*plan.problems, *refusals) if p.actionable]
        await self._teller.events(body, [*told, *plan.warnings])
        for each in run.news:
            await self._teller.event(body, each)
        await self._write_status(body, status_of(instance, plan, report, now()))
        if refused or any(r.reason == "ApiServerUnavailable" for r in run.refused.values()):
            return RETRY
        if run.refused:
            return TRANSIENT_RETRY_SECONDS
        due = min(run.later, self._renewal(owner, instance), self._scout.pods.patience(owner))
        return due if due < math.inf else None

    def _renewal(self, owner: InstanceKey, instance: Instance) -> float:
        """Seconds until a certificate is due; looked at from time to time, because the clock may be put right."""
        seconds = self._scout.renewal(owner) if instance.tls_issuer == "built-in" else None
        return math.inf if seconds is None else min(seconds + 1.0, MAX_TIMER_SECONDS)

    async def _write_status(self, body: Obj, status: Obj) -> None:
        written = await self._teller.status(body, status)
        if written:
            self._cryostats.answered(written)

    async def _tell_unreadable(self, body: Obj, error: ValidationError) -> None:
        """A Cryostat that this version cannot read: say so, touch nothing."""
        causes = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)[:5])
        message = f"The spec cannot be understood; everything is left as it is. {causes}"
        await self._tell_broken(body, "InvalidSpec", message)

    async def _tell_broken(self, body: Obj, reason: str, message: str) -> None:
        """Say why a run came to nothing; the rest of the status stays as it was."""
        before = (body.get("status") or {}).get("conditions") or []
        status = unreadable(body["metadata"].get("generation", 0), (reason, message), before, now())
        # Which permission is missed first is chance; it is one cause all the same.
        about = reason if reason == "Forbidden" else ""
        await self._teller.events(body, [Problem("core", reason, message, dedup_key=about)])
        await self._write_status(body, {**(body.get("status") or {}), **status})

    def _count(self, refused: Iterable[Refusal]) -> None:
        for refusal in refused:
            self._metrics.errors.labels(refusal.reason).inc()


def _is_gone(error: ApiError, owner: InstanceKey) -> bool:
    """Whether an answer says that this Cryostat is not there; «not found» alone may mean that no API is served yet."""
    return error.status == 404 and constants.PLURAL in error.message and f'"{owner.name}"' in error.message


def parse(body: Obj) -> Cryostat:
    """A Cryostat from its JSON; a status that cannot be read counts as none.

    Raises:
        ValidationError: the spec cannot be read.
    """
    try:
        return Cryostat.model_validate(body)
    except ValidationError:
        return Cryostat.model_validate({k: v for k, v in body.items() if k != "status"})
