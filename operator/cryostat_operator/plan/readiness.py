"""The conditions about the whole: whether the Cryostat is ready, and whether its Deployments are available."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..api import constants
from . import hibernation
from .components import exposure, ingress_backend
from .diagnosis.deployment_health import UnavailableCause, serves, unavailable_cause
from .instance import Instance
from .lasting_waits import CONSEQUENCES, LASTING
from .model.condition import Condition, condition
from .model.desired_state import Plan
from .model.kinds import Key
from .model.messages import all_of, first_and_more
from .model.problems import PodFailure, Problem
from .model.reasons import Reason

# Condition prefix → (name suffix of the Deployment, its component label). In the order of need: the application needs
# database and storage.
DEPLOYMENTS = {
    "Database": ("-database", "database"),
    "Storage": ("-storage", "storage"),
    "Main": ("", "cryostat"),
    "Reports": ("-reports", "reports"),
}
NON_BLOCKING = frozenset({Reason.CHANGED_BY_OTHERS})
"""Reasons of problems with which the instance works."""
PAUSED = (
    f'Reconciliation is paused. The annotation {constants.ANNOTATION_PAUSE}: "true" is set; no object is changed until '
    "it is removed."
)
NOT_ACTIVE = "No object of this Cryostat is changed. See Ready for the cause."
# Component of a warning about a file or value that keeps a container from starting → component label of its Deployment.
_UNUSABLE_FOR = {
    (Reason.LOGIN_FILE_INVALID, "auth_proxy"): "cryostat",
    (Reason.SECRET_VALUE_INVALID, "core"): "cryostat",
    (Reason.SECRET_VALUE_INVALID, "database"): "database",
    (Reason.SECRET_VALUE_INVALID, "storage"): "storage",
}
# Of a Deployment: a warning of `_UNUSABLE_FOR` names the cause better.
_EXPLAINED = frozenset({Reason.CONTAINER_CRASHED, Reason.DEPLOYMENT_UNAVAILABLE, Reason.POD_NOT_READY})
_LASTING = frozenset(LASTING.values())
_CONSEQUENCES = frozenset(LASTING[reason] for reason in CONSEQUENCES)
_STARTING = frozenset({Reason.DEPLOYMENT_PENDING, Reason.DEPLOYMENT_UNAVAILABLE})


def ready(instance: Instance, plan: Plan, problems: Sequence[Problem], pods: Mapping[str, PodFailure]) -> Condition:
    """Return `Ready`: True if every Deployment is available and there is no problem.

    It is False while the instance hibernates. Otherwise it names the first cause, in this order:

    1. problems that a user has to solve; among them, waits that last come last;
    2. what each Deployment waits for, or why it is not available; database and storage before the application. A file
       or value with which a container cannot start replaces the container that ended;
    3. other waits.
    """
    serious = [problem for problem in problems if problem.reason not in NON_BLOCKING]
    actionable = [problem for problem in serious if problem.actionable and problem.reason not in _CONSEQUENCES]
    actionable.sort(key=lambda problem: problem.reason in _LASTING)
    hibernation_cause = hibernation.cause(instance) if instance.hibernation_requested else None
    if hibernation_cause and hibernation_cause[0] == Reason.HIBERNATED:
        return condition("Ready", *hibernation_cause, good=False)
    if actionable:
        return _not_ready(instance, plan, actionable, _unavailable(instance, plan, pods))
    for prefix, name, component in desired_deployments(instance, plan):
        blocked = plan.blocked.get(Key("Deployment", instance.namespace, name))
        if blocked and not hibernation_cause:
            problem = _lasting_form(blocked.problem, serious)
            return condition("Ready", problem.reason, problem.message, good=False)
        cause = unavailable_cause(instance, name, pods.get(component))
        explanation = explanation_of(cause, plan, component) if cause else None
        if explanation and not hibernation_cause:
            return condition("Ready", explanation.reason, explanation.message, good=False)
        if cause and not (hibernation_cause and cause.reason in _STARTING):
            return condition("Ready", f"{prefix}{cause.reason}", cause.message, good=False)
    if hibernation_cause:
        return condition("Ready", *hibernation_cause, good=False)
    if serious:
        return _not_ready(instance, plan, serious, unavailable=False)
    url = exposure.served_url(instance) if ingress_backend.problem(instance) is None else None
    text = f"Cryostat is available{f' at {url}' if url else ''}"
    return condition("Ready", Reason.ALL_COMPONENTS_AVAILABLE, text, good=True)


def explanation_of(cause: UnavailableCause, plan: Plan, component: str) -> Problem | None:
    """Return the warning about a file or value with which a container does not start; None if there is none.

    Args:
        cause: why the Deployment is not available.
        component: its component label.
    """
    if cause.reason not in _EXPLAINED:
        return None
    found = (each for each in plan.warnings if _UNUSABLE_FOR.get((each.reason, each.component)) == component)
    return next(found, None)


def _lasting_form(problem: Problem, problems: Sequence[Problem]) -> Problem:
    """The first problem of the reason that a wait has once it lasts; the wait itself if there is none."""
    reason = LASTING.get(problem.reason)
    return next((each for each in problems if each.reason == reason), problem)


def _unavailable(instance: Instance, plan: Plan, pods: Mapping[str, PodFailure]) -> bool:
    """Whether pods of a Deployment fail, which may have another cause than the problems."""
    found = (
        unavailable_cause(instance, name, pods.get(component))
        for _, name, component in desired_deployments(instance, plan)
    )
    return any(cause and cause.reason not in _STARTING for cause in found)


def _not_ready(instance: Instance, plan: Plan, problems: Sequence[Problem], unavailable: bool) -> Condition:
    text = first_and_more([problem.message for problem in problems])
    if unavailable:
        text = all_of([text, "A Deployment is not available either: see ComponentsAvailable"])
    elif _serves_users(instance, plan):
        text = all_of([text, "The application is available"])
    return condition("Ready", problems[0].reason, text, good=False)


def _serves_users(instance: Instance, plan: Plan) -> bool:
    """Whether the application works: it, database and storage have a pod that serves, and a Service."""
    needed = [name for _, name, component in desired_deployments(instance, plan) if component != "reports"]
    return all(is_available(instance, name) and instance.live("Service", name) for name in needed)


def components_available(
    instance: Instance, plan: Plan, pods: Mapping[str, PodFailure], *, reported: str, paused: bool = False
) -> Condition | None:
    """Return the condition with the causes of all Deployments that are not available; None if all are.

    Args:
        reported: the message of `Ready`, which is not repeated.
        paused: whether the Cryostat is paused, so that the operator scales no Deployment.
    """
    kind = "ComponentsAvailable"
    if hibernation.is_hibernated(instance):
        text = "No Deployment has a pod, because the instance hibernates."
        return condition(kind, Reason.HIBERNATED, text, good=False)
    causes: list[tuple[str, str, UnavailableCause]] = []
    for prefix, name, component in desired_deployments(instance, plan):
        cause = unavailable_cause(instance, name, pods.get(component))
        if cause:
            causes.append((prefix, name, cause))
    if not causes:
        return None
    is_stopping = instance.hibernation_requested and not paused
    if is_stopping and all(cause.reason in _STARTING for _, _, cause in causes):
        return condition(
            kind, Reason.HIBERNATING, "Deployments are being stopped. See Hibernation for the cause.", good=False
        )
    causes.sort(key=lambda each: each[2].reason in _STARTING)
    messages = _merged([(name, cause.message) for _, name, cause in causes if cause.reason not in _STARTING], reported)
    starting = [name for _, name, cause in causes if cause.reason in _STARTING]
    if starting:
        text = f"Not available yet: Deployment{'s' if len(starting) > 1 else ''} {', '.join(starting)}."
        first = next(cause for _, _, cause in causes if cause.reason in _STARTING)
        is_reported = first.message.rstrip(". ") in reported
        messages.append(text)
        if is_reported or first.lasting_from is not None:
            messages.append("See Ready for the first cause." if is_reported else first.message)
    prefix, _, first = causes[0]
    return condition(kind, f"{prefix}{first.reason}", all_of(messages), good=False)


def _merged(messages: Sequence[tuple[str, str]], reported: str) -> list[str]:
    """Return the messages about Deployments. Equal ones are merged, and the message of `Ready` is not repeated.

    Args:
        messages: name of each Deployment, and its message, which usually begins with it.
        reported: the message of `Ready`.
    """
    names: dict[str, list[str]] = {}
    for name, text in messages:
        names.setdefault(text.removeprefix(f"Deployment {name} "), []).append(name)
    result = []
    for predicate, deployments in names.items():
        several = len(deployments) > 1
        subject = f"Deployment{'s' if several else ''} {' and '.join(deployments)}"
        if predicate.rstrip(". ") in reported:
            result.append(f"{subject} {'are' if several else 'is'} not ready. See Ready for the cause.")
        elif (deployments[0], predicate) in messages:  # it begins with another object
            result.append(predicate)
        else:
            result.append(
                f"{subject} {f'are {predicate[3:]}' if several and predicate.startswith('is ') else predicate}"
            )
    return result


def is_available(instance: Instance, deployment: str) -> bool:
    """Return whether a Deployment has a pod that serves."""
    return serves(instance.live("Deployment", deployment))


def desired_deployments(instance: Instance, plan: Plan) -> Iterator[tuple[str, str, str]]:
    """Yield prefix, name and component label of each Deployment that the plan has, in the order of need."""
    planned = {key.name for key in (*plan.objects, *plan.blocked) if key.kind == "Deployment"}
    for prefix, (suffix, component) in DEPLOYMENTS.items():
        if f"{instance.name}{suffix}" in planned:
            yield prefix, f"{instance.name}{suffix}", component
