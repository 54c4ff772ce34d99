"""Computes the status of a Cryostat from its plan, from refused writes and from live objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from . import hibernation, reviewed_namespaces, secret_conditions, upgrades
from . import part_conditions as parts
from .components import exposure
from .instance import Instance
from .lasting_waits import with_lasting
from .model.condition import Condition, condition, failed
from .model.desired_state import Plan
from .model.kinds import Key, Obj
from .model.messages import enumeration
from .model.problems import PodFailure, Problem
from .model.reason_groups import reasons_of
from .model.reasons import Reason
from .readiness import NOT_ACTIVE, PAUSED, components_available, ready


@dataclass(frozen=True)
class Report:
    """What a reconcile found besides the plan.

    Attributes:
        refusals: problems of writes that were refused.
        pods: component label → what keeps its pods from serving.
        paused: whether the Cryostat has the pause annotation.
        differing: objects that differ from the spec and are not written because of the pause.
        lasting: reasons of waits that have lasted for a minute.
    """

    refusals: Sequence[Problem] = ()
    pods: Mapping[str, PodFailure] = field(default_factory=dict)
    paused: bool = False
    differing: Sequence[Key] = ()
    lasting: frozenset[Reason] = frozenset()


@dataclass(frozen=True)
class ConditionRule:
    """A condition that is False while a problem has one of its reasons.

    Attributes:
        type: type of the condition.
    """

    type: str

    @cached_property
    def reasons(self) -> frozenset[Reason]:
        """The reasons for which it is False. `Reconciled` has all that no other rule has."""
        return reasons_of(self.type) if self.type != "Reconciled" else frozenset(Reason) - _OTHER_REASONS


_OTHER_CONDITIONS = (
    ConditionRule("ReferencesResolved"),
    ConditionRule("TargetNamespacesReady"),
    ConditionRule("DatabaseKeysReady"),
    ConditionRule("VolumesReady"),
    ConditionRule("Exposed"),
)
_OTHER_REASONS = frozenset(reason for rule in _OTHER_CONDITIONS for reason in reasons_of(rule.type))
CONDITION_RULES = (*_OTHER_CONDITIONS, ConditionRule("Reconciled"))


def status_for(instance: Instance, plan: Plan, report: Report, now: str) -> Obj:
    """Return the whole status; `now` (RFC 3339) marks the conditions that changed."""
    # The plan may know content of Secrets that was read after the snapshot, as in the first run of a process.
    instance = replace(instance, snapshot=replace(instance.snapshot, data=plan.data))
    problems = problems_of(plan, report)
    refusals = problems[len(plan.problems) :]  # `problems_of` keeps number and order
    ready_condition = _ready(instance, plan, problems, report)
    reported = ready_condition["message"]
    conditions = [
        ready_condition,
        components_available(instance, plan, report.pods, reported=reported, paused=report.paused),
        *_rule_conditions(instance, plan, problems, report),
        *parts.deployments(instance),
        parts.spec_effective(plan),
        upgrades.upgrade_allowed(plan),
        secret_conditions.authentication(instance, plan),
        parts.tls(instance, plan, problems, refusals),
        secret_conditions.agents(instance, plan),
        hibernation.hibernation(instance, paused=report.paused),
        condition("ReconciliationActive", Reason.PAUSED, NOT_ACTIVE, good=False) if report.paused else None,
    ]
    status: Obj = {
        "observedGeneration": instance.cryostat.metadata.get("generation", 0),
        "applicationUrl": exposure.served_url(instance) or "",
        "targetNamespaces": list(instance.target_namespaces),
        "databaseSecret": instance.database_secret,
        "storageSecret": instance.storage_secret,
    }
    records = reviewed_namespaces.records(instance.cryostat, instance.target_namespaces, instance.snapshot)
    if records:
        status["reviewedNamespaces"] = records
    if instance.generated_login_secret:
        status["basicAuthSecret"] = instance.generated_login_secret
    present = [each for each in conditions if each]
    status["conditions"] = _with_transition_times(present, instance, now)
    return status


def failure_status(generation: int, cause: tuple[Reason, str], previous: Sequence[Condition], now: str) -> Obj:
    """Return the status if nothing could be planned: `Ready` is False with this cause, all others are Unknown.

    What was observed before may have changed since.
    """
    ready = condition("Ready", *cause, good=False)
    ready["observedGeneration"] = generation
    others = [_not_observed(c, now) for c in previous if c.get("type") != "Ready"]
    before = next((c for c in previous if c.get("type") == "Ready"), None)
    ready["lastTransitionTime"] = _transition_time(before, ready, now)
    return {"observedGeneration": generation, "conditions": [ready, *others]}


def _not_observed(before: Condition, now: str) -> Condition:
    """A condition after a failed reconcile. `observedGeneration` stays that of the last observation."""
    text = "The operator could not observe this. See Ready for the cause."
    unknown = {**before, **condition(str(before.get("type")), Reason.NOT_OBSERVED, text, good=None)}
    return {**unknown, "lastTransitionTime": _transition_time(before, unknown, now)}


def _ready(instance: Instance, plan: Plan, problems: Sequence[Problem], report: Report) -> Condition:
    if report.paused:
        return condition("Ready", Reason.PAUSED, PAUSED, good=False)
    return ready(instance, plan, problems, report.pods)


def problems_of(plan: Plan, report: Report) -> list[Problem]:
    """Return the problems of the plan, then the refusals. A wait that lasts is one that a user has to solve."""
    return with_lasting([*plan.problems, *report.refusals], report.lasting)


def _rule_conditions(
    instance: Instance, plan: Plan, problems: Sequence[Problem], report: Report
) -> list[Condition | None]:
    """One condition per rule: False because of problems, otherwise what was observed; None if that is good.

    Only `Exposed` is shown while it is True. The others would repeat `Ready`.
    """
    result: list[Condition | None] = []
    unusable = [warning for warning in plan.warnings if warning.reason == Reason.SECRET_VALUE_INVALID]
    for rule in CONDITION_RULES:
        causes = [problem for problem in (*problems, *unusable) if problem.reason in rule.reasons]
        if rule.type == "Exposed":  # a Route that was refused is not admitted either
            causes = [cause for cause in causes if cause.actionable] or causes
        if rule.type == "VolumesReady":
            result.append(parts.volumes(instance, plan, problems))
        elif causes:
            result.append(_reconciled(instance, causes) if rule.type == "Reconciled" else failed(rule.type, causes))
        elif rule.type == "ReferencesResolved":
            result.append(secret_conditions.references(instance, plan))
        elif rule.type == "DatabaseKeysReady":
            result.append(secret_conditions.database_keys(instance, plan))
        elif rule.type == "Exposed":
            result.append(parts.exposed(instance))
        elif rule.type == "Reconciled" and report.differing:
            result.append(parts.reconciled_while_paused(report.differing))
    return result


def _reconciled(instance: Instance, causes: Sequence[Problem]) -> Condition:
    """Return `Reconciled` with the causes that no other condition shows; without any, it refers to these conditions."""
    own = [cause for cause in causes if not _other_condition(instance, cause)]
    if own:
        return failed("Reconciled", own)
    others = enumeration(list(dict.fromkeys(_other_condition(instance, cause) for cause in causes)))
    text = f"Some objects are not as the spec requests. See {others} for the cause."
    return condition("Reconciled", failed("Reconciled", causes)["reason"], text, good=False)


def _other_condition(instance: Instance, problem: Problem) -> str:
    """Return the other condition that shows a problem; empty if there is none."""
    if parts.is_shown_by_volumes(instance, problem):
        return "VolumesReady"
    kind = problem.reason.condition
    return kind if kind in ("TLSSetupComplete", "UpgradeAllowed") else ""


def _with_transition_times(conditions: list[Condition], instance: Instance, now: str) -> list[Condition]:
    before = (
        {c.type: c.model_dump(by_alias=True) for c in (instance.cryostat.status.conditions or ()) if c}
        if instance.cryostat.status
        else {}
    )
    generation = instance.cryostat.metadata.get("generation", 0)
    return [
        {**c, "observedGeneration": generation, "lastTransitionTime": _transition_time(before.get(c["type"]), c, now)}
        for c in conditions
    ]


def _transition_time(before: Mapping[str, Any] | None, condition: Condition, now: str) -> str:
    if before and before.get("status") == condition["status"]:
        return str(before.get("lastTransitionTime") or now)
    return now
