"""Properties of the plans of random Cryostats."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cryostat_operator.api.v1beta2 import Cryostat
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.desired_state import Plan
from cryostat_operator.plan.model.kinds import KINDS, Obj, key_of
from cryostat_operator.plan.pod_references import pod_references
from tests.unit import kubernetes_schemas
from tests.unit.cluster_state import ClusterState, plan_for
from tests.unit.strategies import cryostats

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
SUBDOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
VALUE = re.compile(r"(?=.{0,63}$)([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
# An example takes 30 ms; `pytest --hypothesis-profile=search` tries forty times as many.
_BUDGET = settings.default.max_examples if settings.default else 100
many = settings(max_examples=_BUDGET * 2 // 5, suppress_health_check=_SLOW)


def pods(plan: Plan) -> list[Obj]:
    return [obj["spec"]["template"]["spec"] for obj in plan.objects.values() if obj["kind"] == "Deployment"]


def state(cr: Cryostat, openshift: bool) -> ClusterState:
    return ClusterState(cr, openshift=openshift).settle()


@many
@given(cryostats(), st.booleans())
def test_plans_are_deterministic_and_do_not_change_their_input(cr: Cryostat, openshift: bool) -> None:
    w = state(cr, openshift)
    before = (cr.model_dump_json(by_alias=True), repr(w.snapshot))
    first, second = plan_for(cr, w.snapshot, w.settings), plan_for(cr, w.snapshot, w.settings)
    assert first == second
    assert json.dumps([*first.objects.values()]) == json.dumps([*second.objects.values()])
    assert (cr.model_dump_json(by_alias=True), repr(w.snapshot)) == before


@many
@given(cryostats(), st.booleans())
def test_names_are_valid_and_unique(cr: Cryostat, openshift: bool) -> None:
    plan = state(cr, openshift).plan
    drawn = [key_of(obj) for part in plan.components for obj in part.objects]
    assert len(drawn) == len(set(drawn))
    for key, obj in plan.objects.items():
        assert (LABEL if key.kind == "Service" else SUBDOMAIN).fullmatch(key.name), key
        assert bool(key.namespace) is KINDS[key.kind].namespaced
        for label, value in obj["metadata"]["labels"].items():
            assert VALUE.fullmatch(value), (key, label, value)


@many
@given(cryostats(), st.booleans())
def test_names_in_containers_are_unique(cr: Cryostat, openshift: bool) -> None:
    for pod in pods(state(cr, openshift).plan):
        volumes = [v["name"] for v in pod.get("volumes", ())]
        for things in (volumes, [c["name"] for c in pod["containers"]]):
            assert all(LABEL.fullmatch(name) for name in things)
            assert max(Counter(things).values(), default=1) == 1
        for container in pod["containers"]:
            mounts = container.get("volumeMounts", ())
            assert {m["name"] for m in mounts} <= set(volumes)
            for field, things in (("mountPath", mounts), ("name", container.get("env", ()))):
                assert max(Counter(thing[field] for thing in things).values(), default=1) == 1
        projected = [s for v in pod.get("volumes", ()) for s in v.get("projected", {}).get("sources", ())]
        paths = [item["path"] for source in projected for ref in source.values() for item in ref["items"]]
        assert len(paths) == len(set(paths))


@many
@given(cryostats(), st.booleans())
def test_every_reference_is_planned_or_reported(cr: Cryostat, openshift: bool) -> None:
    w = state(cr, openshift)
    plan = w.plan
    known = {(r.kind, r.name): r for r in plan.references}
    assert len(known) == len(plan.references)
    for pod in pods(plan):
        for reference in pod_references(pod):
            assert reference.keys <= known[reference.kind, reference.name].keys
    requested = {key.name for key in plan.requests}
    planned = {key.name: obj for key, obj in plan.objects.items() if key.kind in ("ConfigMap", "Secret")}
    for (kind, name), reference in known.items():
        if name in planned and kind == planned[name]["kind"] == "ConfigMap":
            assert reference.keys <= set(planned[name]["data"])
        elif kind == "Secret" and name in requested:
            order = next(o for k, o in plan.requests.items() if k.name == name)
            assert reference.keys <= order.keys


@many
@given(cryostats(), st.booleans())
def test_complete_snapshots_wait_for_certificates_only(cr: Cryostat, openshift: bool) -> None:
    plan = state(cr, openshift).plan
    assert {blocked.problem.reason for blocked in plan.blocked.values()} <= {"CertificatePending"}
    assert not set(plan.blocked) & set(plan.objects)


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [s for inner in value.values() for s in strings(inner)]
    if isinstance(value, list):
        return [s for inner in value for s in strings(inner)]
    return [value] if isinstance(value, str) else []


@many
@given(cryostats(), st.booleans())
def test_variables_are_text_and_secrets_have_no_content(cr: Cryostat, openshift: bool) -> None:
    plan = state(cr, openshift).plan
    for pod in pods(plan):
        for entry in (e for c in pod["containers"] for e in c.get("env", ())):
            assert isinstance(entry.get("value", ""), str)
            assert ("value" in entry) is not ("valueFrom" in entry)
            assert "valueFrom" in entry or not re.search("PASSWORD$|SECRET_KEY$|ENCRYPT_KEY$", entry["name"])
    for key, obj in plan.objects.items():
        assert key.kind != "Secret" or not {"data", "stringData"} & set(obj)


@many
@given(cryostats(), st.booleans())
def test_selectors_distinguish_components_and_instances(cr: Cryostat, openshift: bool) -> None:
    plan = state(cr, openshift).plan
    deployments = [obj for key, obj in plan.objects.items() if key.kind == "Deployment"]
    selectors = [obj["spec"]["selector"]["matchLabels"] for obj in deployments]
    assert len({tuple(sorted(s.items())) for s in selectors}) == len(selectors)
    for obj in deployments:
        selector = obj["spec"]["selector"]["matchLabels"]
        assert selector == {"app": cr.metadata["name"], "kind": "cryostat", "component": selector["component"]}
        assert selector.items() <= obj["spec"]["template"]["metadata"]["labels"].items()


@many
@given(cryostats(), st.booleans())
def test_an_instance_is_open_only_on_request(cr: Cryostat, openshift: bool) -> None:
    options = cr.spec.authorization_options
    asked = options and options.open_shift_sso and options.open_shift_sso.disable
    [pod] = [p for p in pods(state(cr, openshift).plan) if p.get("serviceAccountName")]
    proxy = next(c for c in pod["containers"] if c["name"].endswith("-auth-proxy"))
    arguments = [*proxy["args"], *(f"{e['name']}={e.get('value')}" for e in proxy.get("env", ()))]
    open_to_all = any(a in ("--bypass-auth-for=.*", "OAUTH2_PROXY_SKIP_AUTH_ROUTES=.*") for a in arguments)
    assert not open_to_all or asked
    assert open_to_all or openshift or any(a.startswith("OAUTH2_PROXY_HTPASSWD_FILE=/") for a in arguments)


@many
@given(cryostats(), st.booleans())
def test_objects_match_the_schemas_of_kubernetes(cr: Cryostat, openshift: bool) -> None:
    for key, obj in state(cr, openshift).plan.objects.items():
        assert kubernetes_schemas.errors(obj) == [], key


def test_the_schemas_refuse_unknown_fields() -> None:
    obj = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"sort": "ClusterIP"}}
    assert kubernetes_schemas.errors(obj)


def test_hashed_names_of_an_instance_differ_from_those_of_others() -> None:
    assert names.instance_hash_name("a", "b") != names.instance_hash_name("b", "a")
