"""Target namespaces that were deleted and created again: another owner may have created them."""

from __future__ import annotations

import re
from dataclasses import replace

from cryostat_operator.api import constants
from cryostat_operator.plan.conditions import Report, status_for
from cryostat_operator.plan.diff.plan_diff import diff
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.kinds import KINDS, Key, Obj
from cryostat_operator.plan.model.snapshot import NamespaceState, Snapshot
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import NAME, NAMESPACE, ClusterState, cryostat, find

SPEC = {"targetNamespaces": [NAMESPACE, "shop", "billing"]}
AGENT = names.agent_certificate(NAMESPACE, NAME, "shop")
GRANTED = {
    Key("RoleBinding", "shop", names.instance_hash_name(NAMESPACE, NAME)),
    Key("Service", "shop", names.agent_callback_service(NAMESPACE, NAME)),
    Key("Secret", "shop", AGENT),
    Key("Secret", "shop", names.ca_secret(NAMESPACE, NAME)),
    Key("Secret", NAMESPACE, AGENT),
}


def state(**uids: str) -> ClusterState:
    """An instance with TLS, and the namespaces with these UIDs."""
    apis = frozenset(name for name, kind in KINDS.items() if not kind.optional)
    found = ClusterState(cryostat(SPEC), settings=Settings(service_tls=True), snapshot=Snapshot(apis=apis))
    return with_namespaces(found, **{NAMESPACE: "own", "shop": "s1", "billing": "b1", **uids})


def with_namespaces(given: ClusterState, **uids: str) -> ClusterState:
    """The state with these namespaces; an empty UID removes one."""
    namespaces = {**given.snapshot.namespaces, **{name: NamespaceState(uid=uid) for name, uid in uids.items()}}
    existing = {name: found for name, found in namespaces.items() if uids.get(name) != ""}
    given.snapshot = replace(given.snapshot, namespaces=existing)
    return given


def status(given: ClusterState) -> Obj:
    return status_for(given.instance, given.plan, Report(), "2026-01-01T00:00:00Z")


def observed(given: ClusterState, spec: Obj | None = None, **metadata: str) -> ClusterState:
    """The state after the status was written."""
    written = status(given)
    given.cryostat = given.cryostat.model_validate(
        {
            "metadata": given.cryostat.metadata | ({"annotations": metadata} if metadata else {}),
            "spec": spec or SPEC,
            "status": written,
        }
    )
    return given


def recorded(given: ClusterState) -> dict[str, str]:
    return {each["name"]: each["uid"] for each in status(given)["reviewedNamespaces"]}


def condition(given: ClusterState) -> Obj:
    return next((each for each in status(given)["conditions"] if each["type"] == "TargetNamespacesReady"), {})


def accepting(*uids: str) -> dict[str, str]:
    return {constants.ANNOTATION_ACCEPT_NAMESPACES: ", ".join(uids)}


def test_the_first_observation_is_recorded_except_for_the_own_namespace() -> None:
    given = state()
    assert recorded(given) == {"shop": "s1", "billing": "b1"}
    assert status(observed(given)) == status(given), "recorded once"
    assert condition(given) == {}


def test_without_further_namespaces_nothing_is_recorded() -> None:
    given = state()
    given.cryostat = cryostat()
    assert "reviewedNamespaces" not in status(given)


def test_all_granted_objects_are_deleted() -> None:
    given = observed(state().settle())
    assert set(given.plan.objects) >= GRANTED
    with_namespaces(given, shop="s2")
    found = condition(given)
    assert (found["status"], found["reason"]) == ("False", "NamespaceRecreated")
    assert "shop" in found["message"]
    assert f"{constants.ANNOTATION_ACCEPT_NAMESPACES}=s2" in found["message"]
    for key, live in given.snapshot.live.items():
        live["metadata"]["uid"] = str(key)
    changes = diff(given.plan, given.snapshot, given.cryostat.metadata["uid"]).changes
    assert {change.key for change in changes if change.verb == "delete"} == GRANTED
    assert not {key for key in given.plan.objects if key.namespace == "shop"}
    assert Key("Service", "billing", names.agent_callback_service(NAMESPACE, NAME)) in given.plan.objects
    assert recorded(given) == {"shop": "s1", "billing": "b1"}, "until it is accepted"


def test_the_command_that_accepts_a_namespace_can_be_copied_from_every_message() -> None:
    """A full stop after the UID would become part of the annotation, and no namespace would be accepted."""
    given = with_namespaces(observed(state().settle()), shop="s2", billing="b2")
    messages = [each["message"] for each in status(given)["conditions"] if each["reason"] == "NamespaceRecreated"]
    assert len(messages) == 2, "of Ready and TargetNamespacesReady"
    for message in messages:
        accepted = re.findall(rf"{constants.ANNOTATION_ACCEPT_NAMESPACES}=(.*?)(?: |$)", message)
        assert set(accepted) <= {"s2", "b2"}
        assert accepted, message


def test_agents_of_a_recreated_namespace_do_not_reach_the_gateway() -> None:
    given = with_namespaces(observed(state().settle()), shop="s2")
    rules = find(given.plan, "NetworkPolicy", f"{NAME}-internal-ingress")["spec"]["ingress"]
    [expression] = rules[1]["from"][0]["namespaceSelector"]["matchExpressions"]
    assert expression["values"] == [NAMESPACE, "billing"]
    only = observed(with_namespaces(observed(state(), {"targetNamespaces": ["shop"]})), {"targetNamespaces": ["shop"]})
    with_namespaces(only, shop="s2")
    rules = find(only.plan, "NetworkPolicy", f"{NAME}-internal-ingress")["spec"]["ingress"]
    assert len(rules) == 1, "a rule without a source would allow every source"


def test_it_is_accepted_by_its_uid() -> None:
    given = with_namespaces(observed(state()), shop="s2")
    assert condition(observed(given, None, **accepting("b1", "other")))["reason"] == "NamespaceRecreated"
    observed(given, None, **accepting("x", "s2"))
    assert condition(given) == {}
    assert recorded(given) == {"shop": "s2", "billing": "b1"}
    observed(given)
    given.cryostat.metadata.pop("annotations")
    assert condition(given) == {}, "what was accepted stays accepted without the annotation"
    with_namespaces(given, shop="s3")
    assert condition(given)["reason"] == "NamespaceRecreated"


def test_a_namespace_that_is_missing_for_a_while_keeps_its_record() -> None:
    given = with_namespaces(observed(state()), shop="")
    assert condition(given)["reason"] == "NamespaceNotFound"
    assert recorded(given)["shop"] == "s1"
    with_namespaces(observed(given), shop="s2")
    assert condition(given)["reason"] == "NamespaceRecreated"
    assert condition(with_namespaces(given, shop="s1")) == {}


def test_a_record_ends_when_the_namespace_is_no_target() -> None:
    given = observed(state(), {"targetNamespaces": ["billing"]})
    assert recorded(given) == {"billing": "b1"}
    with_namespaces(observed(given, SPEC), shop="s2")
    assert condition(given) == {}, "it was reviewed when it was added again"


def test_an_unknown_uid_changes_nothing() -> None:
    given = observed(state())
    given.snapshot = replace(given.snapshot, namespaces=dict.fromkeys((NAMESPACE, "shop", "billing"), NamespaceState()))
    assert condition(given) == {}
    assert recorded(given) == {"shop": "s1", "billing": "b1"}


def test_before_the_status_records_it_the_first_uid_that_was_observed_counts() -> None:
    given = state(shop="s2")
    given.snapshot = replace(given.snapshot, first_uids={"shop": "s1", NAMESPACE: "former"})
    assert condition(given)["reason"] == "NamespaceRecreated"
    assert "Target namespace shop was deleted and created again" in condition(given)["message"]
    assert recorded(given) == {"shop": "s1", "billing": "b1"}
    assert not GRANTED & given.plan.objects.keys()
    accepted = observed(given, None, **accepting("s2"))
    assert recorded(accepted) == {"shop": "s2", "billing": "b1"}
    observed(accepted)
    assert condition(given) == {}, "the record in the status counts from then on"
