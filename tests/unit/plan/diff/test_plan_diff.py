"""Which writes bring an instance to its desired state, and which of them can be made now."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from cryostat_operator.api import constants
from cryostat_operator.plan.diff.plan_diff import Change, Diff, _agent_certificate_event, diff
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.certificates import CertificateInfo
from cryostat_operator.plan.model.kinds import PARTIAL, Key, Obj
from cryostat_operator.plan.model.requests import CopyRequest, SecretRequest
from tests.unit.cluster_state import NAME, NAMESPACE, ClusterState, settled

MAIN = Key("Deployment", NAMESPACE, NAME)
SERVICE = Key("Service", NAMESPACE, NAME)
STORAGE_SECRET = Key("Secret", NAMESPACE, f"{NAME}-storage")


def instance(spec: dict[str, Any] | None = None, *, openshift: bool = False) -> ClusterState:
    """A settled instance whose live objects have UIDs."""
    state = settled(spec, openshift=openshift)
    live = {key: copy.deepcopy(obj) for key, obj in state.snapshot.live.items()}
    for key, obj in live.items():
        obj["metadata"]["uid"] = f"uid of {key}"
    state.snapshot = replace(state.snapshot, live=live)
    return state


def compared(state: ClusterState) -> Diff:
    return diff(state.plan, state.snapshot, state.cryostat.metadata["uid"])


def only_change(state: ClusterState) -> Change:
    [change] = compared(state).changes
    return change


def without(state: ClusterState, *keys: Key) -> ClusterState:
    live = {key: obj for key, obj in state.snapshot.live.items() if key not in keys}
    state.snapshot = replace(state.snapshot, live=live)
    return state


def live(state: ClusterState, key: Key) -> Obj:
    return state.snapshot.live[key]


def test_a_settled_instance_needs_no_write() -> None:
    state = instance()
    found = compared(state)
    assert (found.changes, found.problems) == ((), [])
    assert found.in_sync == state.plan.spec_hashes
    state.snapshot = replace(state.snapshot, in_sync=found.in_sync)
    assert compared(state).in_sync == {}  # known already


def test_a_missing_object_is_created() -> None:
    change = only_change(without(instance(), SERVICE))
    assert (change.verb, change.key, change.component, change.live) == ("create", SERVICE, "exposure", None)


def test_a_difference_replaces_the_object() -> None:
    state = instance()
    live(state, SERVICE)["spec"]["ports"].append({"name": "extra", "port": 1})
    found = compared(state)
    [change] = found.changes
    assert (change.verb, change.paths, change.live) == ("replace", ("spec.ports",), live(state, SERVICE))
    assert SERVICE not in found.in_sync


def test_an_object_that_is_known_to_be_in_sync_is_not_compared() -> None:
    state = instance()
    live(state, SERVICE)["spec"]["ports"] = []
    state.snapshot = replace(state.snapshot, in_sync={SERVICE: state.plan.spec_hashes[SERVICE]})
    assert compared(state).changes == ()
    state.snapshot = replace(state.snapshot, in_sync={SERVICE: b"of an earlier spec"})
    assert only_change(state).key == SERVICE


def test_an_immutable_field_recreates_the_object() -> None:
    state = instance()
    live(state, MAIN)["spec"]["selector"] = {"matchLabels": {"other": "label"}}
    change = only_change(state)
    assert (change.verb, change.uid) == ("recreate", f"uid of {MAIN}")


def test_secrets_with_generated_values_keep_another_type() -> None:
    """A change of the type would delete the only copy of the values. A certificate is issued again."""
    state = instance({"enableCertManager": True})
    secrets = [key for key, request in state.plan.requests.items() if isinstance(request, SecretRequest)]
    assert {key.name for key in secrets} >= {"sample-db", "sample-storage", "sample-basic-auth", "sample-oauth2-cookie"}
    for key in secrets:
        live(state, key)["type"] = "example.com/values"
    assert [change for change in compared(state).changes if change.key in secrets] == []


def test_an_object_that_was_not_read_is_not_written() -> None:
    state = instance()
    state.snapshot = replace(
        state.snapshot, live={**state.snapshot.live, SERVICE: {**live(state, SERVICE), PARTIAL: 1}}
    )
    live(state, SERVICE)["spec"] = {}
    assert compared(state).changes == ()


def test_an_object_that_is_being_deleted_is_reported() -> None:
    state = instance()
    live(state, SERVICE)["metadata"] |= {"deletionTimestamp": "now", "finalizers": ["example.com/wait"]}
    found = compared(state)
    assert found.changes == ()
    [problem] = found.problems
    assert problem.reason == "ObjectBeingDeleted"
    assert problem.message == (
        f"Service {NAMESPACE}/{NAME} is being deleted and is created again afterwards. "
        "The finalizer example.com/wait delays this."
    )
    live(state, SERVICE)["metadata"]["finalizers"] = ["example.com/wait", "example.com/other"]
    [problem] = compared(state).problems
    assert problem.message.endswith("The finalizers example.com/wait and example.com/other delay this.")


def test_an_object_of_a_deleted_cryostat_is_awaited() -> None:
    state = without(instance(), SERVICE)
    state.snapshot = replace(state.snapshot, terminating=frozenset({SERVICE}))
    found = compared(state)
    assert (found.changes, [problem.component for problem in found.problems]) == ((), ["exposure"])


def test_objects_that_are_not_desired_are_pruned() -> None:
    state = instance({"reportOptions": {"replicas": 1}})
    uid = state.cryostat.metadata["uid"]
    state.with_spec({})
    deleted = {change.key: change.uid for change in compared(state).changes if change.verb == "delete"}
    key = Key("Deployment", NAMESPACE, f"{NAME}-reports")
    assert deleted[key] == f"uid of {key}"
    found = diff(state.plan, state.snapshot, f"not {uid}")
    assert not [change for change in found.changes if change.verb == "delete"]


def test_an_object_follows_the_objects_that_it_uses() -> None:
    account, claim = Key("ServiceAccount", NAMESPACE, NAME), Key("PersistentVolumeClaim", NAMESPACE, f"{NAME}-database")
    database = Key("Deployment", NAMESPACE, f"{NAME}-database")
    found = compared(without(instance(), account, MAIN, claim, database))
    assert {change.key for change in found.changes} == {account, MAIN, claim, database}
    assert {change.key for change in found.ready} == {account, claim}


def test_a_route_follows_its_service() -> None:
    route = Key("Route", NAMESPACE, NAME)
    found = compared(without(instance(openshift=True), route, SERVICE))
    assert {change.key for change in found.ready} == {SERVICE}


def test_a_secret_that_lacks_keys_gets_content() -> None:
    state = instance()
    state.with_data("Secret", STORAGE_SECRET.name)
    [change] = [change for change in compared(state).changes if change.key == STORAGE_SECRET]
    assert change.verb == "replace"
    assert change.request == state.plan.requests[STORAGE_SECRET]


def test_a_new_host_of_a_route_is_an_event() -> None:
    state = instance({"networkOptions": {"coreConfig": {"externalHost": "old.example.com"}}}, openshift=True)
    state.with_spec({"networkOptions": {"coreConfig": {"externalHost": "new.example.com"}}})
    [change] = [change for change in compared(state).changes if change.key.kind == "Route"]
    assert change.event
    assert change.event.reason == "RouteHostChanged"
    assert change.event.message == "Route sample moved from old.example.com to new.example.com."


def test_a_new_certificate_of_agents_is_an_event() -> None:
    name = names.agent_certificate(NAMESPACE, NAME, "apps")
    key = Key("Secret", "apps", name)
    labels = {constants.LABEL_NAME: NAME, constants.LABEL_NAMESPACE: NAMESPACE}
    request = CopyRequest(key, Key("Secret", NAMESPACE, name), {"tls.crt": "tls.crt"})
    change = Change("replace", key, {"metadata": {"labels": labels}}, request=request)
    old = CertificateInfo(frozenset({"tls.crt"}), not_after="2026-01-02T00:00:00Z")
    event = _agent_certificate_event(change, {key: old})
    assert event
    assert event.message == (
        "Agents in namespace apps have a new certificate. "
        "Those that run now keep the old one, which expires at 2026-01-02T00:00:00Z: restart their pods before."
    )
    assert _agent_certificate_event(change, {}) is None
    assert _agent_certificate_event(replace(change, key=STORAGE_SECRET), {STORAGE_SECRET: old}) is None
