"""Creates the situations of tests/situations.yaml without a cluster."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import yaml

from cryostat_operator.api import constants
from cryostat_operator.api.v1beta2 import Cryostat
from cryostat_operator.api.validation import InvalidCryostatError, read_cryostat
from cryostat_operator.kube.errors import ApiError
from cryostat_operator.packaging.crds import crd
from cryostat_operator.plan import database_keys
from cryostat_operator.plan.conditions import Report, failure_status, problems_of, status_for
from cryostat_operator.plan.diagnosis.ended_pods import ended_pod_failure
from cryostat_operator.plan.diagnosis.lasting_causes import lasting_causes
from cryostat_operator.plan.diagnosis.pod_failures import pod_failure
from cryostat_operator.plan.diagnosis.stuck_causes import ReadObjects, explained, explanations, needed_reads
from cryostat_operator.plan.diff.plan_diff import Change, diff
from cryostat_operator.plan.login_file import login_flaw
from cryostat_operator.plan.model.kinds import KINDS, InstanceKey, Key, Obj, key_of
from cryostat_operator.plan.model.problems import PodFailure, Problem
from cryostat_operator.plan.model.reasons import Reason
from cryostat_operator.plan.model.snapshot import ContentSummary, NamespaceState
from cryostat_operator.plan.readiness import DEPLOYMENTS
from cryostat_operator.plan.summary import summary_of
from cryostat_operator.reconcile import refusals
from cryostat_operator.reconcile.failures import forbidden, invalid_spec
from cryostat_operator.reconcile.finalizer import blocked_by
from cryostat_operator.reconcile.writer import name_collision
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import NAME, NAMESPACE, ClusterState, cryostat

PATH = Path(__file__).parents[1] / "situations.yaml"
AVAILABLE = {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}
UNAVAILABLE = {"type": "Available", "status": "False", "message": "Deployment does not have minimum availability."}
NOW = "2026-01-02T00:00:00Z"
LATER = "2026-01-02T01:00:00Z"
NOW_SECONDS = 1767312000.0


class _Loader(yaml.SafeLoader):
    """Reads times as text, as Kubernetes writes them."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@cache
def groups() -> dict[str, list[Obj]]:
    """The situations by the heading of their table."""
    loaded: dict[str, list[Obj]] = yaml.load(PATH.read_text(), _Loader)
    return loaded


@cache
def situations() -> tuple[Obj, ...]:
    """The situations of all tables."""
    return tuple(situation for group in groups().values() for situation in group)


@dataclass(frozen=True)
class Reported:
    """The status and the events of a situation.

    Attributes:
        conditions: by type.
        summary: in the column STATUS.
        events: what the operator records events of.
        status: the whole status.
    """

    conditions: dict[str, Obj]
    summary: str
    events: list[Problem]
    status: Obj


def reported(situation: Obj) -> Reported:
    """The status and the events that the operator writes. Callers must not change them, because they are cached."""
    name = situation["name"]
    if name not in _REPORTED:
        _REPORTED[name] = _reported(situation)
    return _REPORTED[name]


_REPORTED: dict[str, Reported] = {}


def _reported(situation: Obj) -> Reported:
    given = situation["given"]
    if "invalid" in given:
        return _unreadable(given["invalid"])
    if "forbidden" in given:
        return _failed(forbidden(ApiError(403, "Forbidden", given["forbidden"]), NAMESPACE))
    if "deletion" in given:
        return _deletion(given["deletion"])
    if given.get("unseen"):
        status = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
        conditions = status["conditions"]["default"]
        by_type = {each["type"]: each for each in conditions}
        return Reported(by_type, status["summary"]["default"], [], {"conditions": conditions})
    state = _state(given)
    instance, plan = state.instance, state.plan
    refused = [_refusal(given["refused"])] if "refused" in given else []
    if "collision" in given:
        key = _key(given["collision"])
        live = {"kind": key.kind, "metadata": {"name": key.name, "namespace": key.namespace}}
        refused.append(Problem("core", Reason.NAME_COLLISION, name_collision(key, live), dedup_key=str(key)))
    captured = {component: _pod(state, component, pod) for component, pod in given.get("pods", {}).items()}
    pods = _explained(state, given, captured)
    waiting = [Problem("core", Reason(reason), text) for reason, text in given.get("waits", {}).items()]
    lasting = frozenset(Reason(reason) for reason in given.get("lasting", ()))
    terminating = (
        diff(plan, instance.snapshot, instance.cryostat.metadata["uid"]).problems if "deleted" in given else []
    )
    report = Report([*refused, *waiting, *terminating], pods, given.get("paused", False), lasting=lasting)
    status = status_for(instance, plan, report, NOW)
    conditions = status["conditions"]
    causes = lasting_causes(instance, plan, report, NOW_SECONDS).problems
    actionable = [problem for problem in problems_of(plan, report) if problem.actionable]
    return Reported(
        {each["type"]: each for each in conditions},
        summary_of(conditions),
        [*actionable, *causes, *plan.warnings],
        status,
    )


def repaired(situation: Obj) -> Obj:
    """The status that the operator writes after the situation was repaired. Its former status is stored."""
    return _healthy(situation, {"status": reported(situation).status})


def never_broken(situation: Obj) -> Obj:
    """The status of the same instance if it was never in the situation."""
    return _healthy(situation, {})


def _healthy(situation: Obj, given: Obj) -> Obj:
    before = situation["given"]
    # With TLS, and with the Secret of a database that exists, as before.
    kept = {
        name: before["spec"][name]
        for name in ("enableCertManager", "databaseOptions")
        if name in before.get("spec", {})
    }
    if before.get("before") is not None:
        kept = before["before"]
    state = _state({"spec": kept, "openshift": before.get("openshift", False), **given})
    return status_for(state.instance, state.plan, Report(), LATER)


def _state(given: Obj) -> ClusterState:
    spec = given.get("spec", {})
    state = ClusterState(
        cryostat(given.get("before", spec), annotations=given.get("annotations", {})),
        openshift=given.get("openshift", False),
        settings=Settings(service_tls="enableCertManager" in spec),
    ).settle()
    deployments = [obj for key, obj in state.snapshot.live.items() if key.kind == "Deployment"]
    state.with_live(*({**obj, "status": {"conditions": [AVAILABLE]}} for obj in deployments))
    if "status" in given:
        content = state.cryostat.model_dump(by_alias=True) | {"status": given["status"]}
        state.cryostat = Cryostat.model_validate(content)
    if given.get("apis"):
        state.snapshot = replace(state.snapshot, apis=frozenset(KINDS) - set(given["apis"]))
    if "before" in given:
        state.with_spec(spec)
    for name in given.get("missing", ()):
        state.without_data(*name.split("/"))
    for name, keys in given.get("keys", {}).items():
        state.with_data(*name.split("/"), *keys)
    for name, files in given.get("logins", {}).items():
        flaws = {key: flaw for key, text in files.items() if (flaw := login_flaw(text))}
        summary = ContentSummary(frozenset(files), "d", login_flaws=flaws)
        state.snapshot = replace(state.snapshot, data={**state.snapshot.data, ("Secret", name): summary})
    for name, flaws in given.get("white_space", {}).items():
        summary = ContentSummary(frozenset({"ACCESS_KEY", "SECRET_KEY", *database_keys.KEYS}), "d", white_space=flaws)
        state.snapshot = replace(state.snapshot, data={**state.snapshot.data, ("Secret", name): summary})
    for name in given.get("uncertified", ()):
        summary = ContentSummary(frozenset({"tls.crt"}), "d", certificate_keys=frozenset())
        state.snapshot = replace(state.snapshot, data={**state.snapshot.data, ("Secret", name): summary})
    namespaces = dict(state.snapshot.namespaces)
    for name, terminating in given.get("namespaces", {}).items():
        namespaces.pop(name, None)
        if terminating is not None:
            namespaces[name] = NamespaceState(terminating, uid="2" if name in given.get("recreated", ()) else "1")
    state.snapshot = replace(state.snapshot, namespaces=namespaces)
    if chosen := given.get("chosen"):
        state.settings = replace(state.settings, watch_namespaces=tuple(chosen))
        state.snapshot = replace(state.snapshot, not_served=frozenset(namespaces) - set(chosen))
    if "images" in given:
        images = {name: replace(state.settings.images[name], reference=ref) for name, ref in given["images"].items()}
        state.settings = replace(state.settings, images={**state.settings.images, **images})
    if "data_release" in given:
        _annotate_claim(state, constants.ANNOTATION_DATABASE_RELEASE, given["data_release"])
    if "changed_keys" in given:
        _change_keys(state, given["changed_keys"])
    for component in given.get("pods", {}):
        _set_conditions(state, _deployment(component), [UNAVAILABLE])
    for name, changes in given.get("certificates", {}).items():
        key = _key(f"Secret/{name}")
        state.with_certificates({key: replace(state.snapshot.certificates[key], **changes)})
    for name in given.get("deleted", ()):
        live = copy.deepcopy(state.snapshot.live[_key(name)])
        live["metadata"] |= {"deletionTimestamp": NOW, "finalizers": ["example.com/backup"]}
        state.with_live({**live, "spec": {**live["spec"], "replicas": 3}})
    if "former_claim" in given:
        claim = copy.deepcopy(state.snapshot.live[_key(f"PersistentVolumeClaim/{NAME}-database")])
        state.with_live({**claim, "metadata": {**claim["metadata"], "name": NAME}})
    if "scaled_by" in given:
        entry = {"manager": given["scaled_by"], "fieldsV1": {"f:spec": {"f:replicas": {}}}, "subresource": "scale"}
        live = copy.deepcopy(state.snapshot.live[_key(f"Deployment/{NAME}-reports")])
        live["metadata"]["managedFields"] = [entry]
        state.with_live(live)
    if "api_server" in given:
        state.snapshot = replace(state.snapshot, api_server=tuple(given["api_server"]))
    for name, conditions in given.get("deployments", {}).items():
        _set_conditions(state, name, conditions)
    for name, fields in given.get("live", {}).items():
        if fields is None:
            others = {key: obj for key, obj in state.snapshot.live.items() if key != _key(name)}
            state.snapshot = replace(state.snapshot, live=others)
            continue
        live = copy.deepcopy(state.snapshot.live[_key(name)])
        host = (live.get("spec") or {}).get("host")
        live |= fields
        if live["kind"] == "PersistentVolumeClaim":
            live["metadata"] |= {"uid": name, "creationTimestamp": "2026-01-01T00:00:00Z"}
        for ingress in (live.get("status") or {}).get("ingress") or ():
            ingress["host"] = host
        state.with_live(live)
    return state


def _unreadable(spec: Obj) -> Reported:
    """The report about an unreadable spec."""
    body = {"metadata": cryostat().metadata, "spec": spec}
    try:
        read_cryostat(body)
    except InvalidCryostatError as error:
        problem = invalid_spec(error)
    return _failed(problem)


def _failed(problem: Problem) -> Reported:
    status = failure_status(1, (problem.reason, problem.message), [], NOW)
    conditions = status["conditions"]
    return Reported({each["type"]: each for each in conditions}, summary_of(conditions), [problem], status)


def _deletion(refused: Obj) -> Reported:
    """The report about a finalizer that the operator cannot remove."""
    problem = blocked_by(ApiError(refused["status"], "", refused["message"]), NAMESPACE)
    return _failed(problem)


def _explained(state: ClusterState, given: Obj, captured: Mapping[str, Obj]) -> dict[str, PodFailure]:
    """The failures of captured pods, with what their events and NetworkPolicies explain."""
    failures = {component: _failure(pod) for component, pod in captured.items()}
    live = {key.name for key in state.snapshot.live if key.kind == "Deployment"}
    labels = [label for _, label in DEPLOYMENTS.values() if _deployment(label) in live]
    others = {component: _pod(state, component, {}) for component in labels}
    own = [obj for key, obj in state.snapshot.live.items() if key.kind == "NetworkPolicy"]
    policies = [{"metadata": {"name": name}, "spec": spec} for name, spec in given.get("policies", {}).items()]
    objects = ReadObjects(list({**others, **captured}.values()), [*own, *policies], [*_events(given)])
    needed = needed_reads(state.instance, failures, NOW_SECONDS)
    return explained(needed, failures, explanations(InstanceKey(NAMESPACE, NAME), needed, failures, objects))


def _events(given: Obj) -> Iterator[Obj]:
    """The events of a situation, the last one the newest."""
    for minute, event in enumerate(given.get("events", ())):
        yield {
            "involvedObject": {"uid": event["about"]},
            "type": event.get("type", "Warning"),
            "reason": event["reason"],
            "message": event["message"],
            "source": {"component": event["source"]},
            "lastTimestamp": f"2026-01-01T00:{minute:02}:00Z",
        }


def _pod(state: ClusterState, component: str, pod: Obj) -> Obj:
    """A captured pod with the planned containers."""
    template = state.snapshot.live[Key("Deployment", NAMESPACE, _deployment(component))]["spec"]["template"]
    labels = {"app": NAME, "kind": "cryostat", "component": component}
    name = f"{_deployment(component)}-6d4b5c7f8-abcde"
    uid = f"Pod/{component}"
    metadata = {"name": name, "namespace": NAMESPACE, "labels": labels, "uid": uid, **pod.get("metadata", {})}
    spec = {**template["spec"], "nodeName": "node-1", **pod.get("spec", {})}
    return {"metadata": metadata, "spec": spec, "status": pod.get("status", {})}


def _failure(pod: Obj) -> PodFailure:
    failure = pod_failure(pod) or ended_pod_failure(pod)
    assert failure
    assert failure.reported_from <= NOW_SECONDS
    return failure


def _refusal(refused: Obj) -> Problem:
    key = _key(refused["object"])
    obj = {"kind": key.kind, "metadata": {"namespace": key.namespace, "name": key.name}}
    assert key_of(obj) == key
    outcome = refusals.outcome_of(
        Change("create", key, obj), ApiError(refused["status"], "", refused["message"], refused.get("details", {}))
    )
    assert outcome.is_permanent_refusal
    assert outcome.problem
    return outcome.problem


def _change_keys(state: ClusterState, changed: list[str]) -> None:
    """Set values of the database keys that differ from the record on its claim."""
    former = dict.fromkeys(database_keys.KEYS, "former")
    summaries = [
        ContentSummary(frozenset(values), "d", fingerprints=database_keys.fingerprints(values))
        for values in (former, former | dict.fromkeys(changed, "other"))
    ]
    _annotate_claim(state, constants.ANNOTATION_DATABASE_KEYS, database_keys.record(summaries[0], "salt") or "")
    data = {**state.snapshot.data, ("Secret", f"{NAME}-db"): summaries[1]}
    state.snapshot = replace(state.snapshot, data=data)


def _annotate_claim(state: ClusterState, key: str, value: str) -> None:
    """Add an annotation to the claim of the database."""
    claim = copy.deepcopy(state.snapshot.live[_key(f"PersistentVolumeClaim/{NAME}-database")])
    claim["metadata"].setdefault("annotations", {})[key] = value
    state.with_live(claim)


def _set_conditions(state: ClusterState, deployment: str, conditions: list[Obj]) -> None:
    live = state.snapshot.live[Key("Deployment", NAMESPACE, deployment)]
    state.with_live({**live, "status": {"conditions": conditions}})


def _deployment(component: str) -> str:
    suffix = next(suffix for suffix, label in DEPLOYMENTS.values() if label == component)
    return f"{NAME}{suffix}"


def _key(name: str) -> Key:
    kind, _, object_name = name.partition("/")
    return Key(kind, NAMESPACE, object_name)
