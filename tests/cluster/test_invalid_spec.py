"""Invalid Cryostats and edited statuses are reported or corrected, and do not affect other Cryostats."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest

from cryostat_operator.api import constants
from tests.cluster.api import ApiError, Object, condition, eventually
from tests.cluster.memory import limit, peak
from tests.cluster.operator_process import CRD
from tests.cluster.scenario import Scenario

ANYTHING = {"x-kubernetes-preserve-unknown-fields": True}
POISON: dict[str, Any] = {
    "a text": "text",
    "a number": 5,
    "a list": [1],
    "a number of namespaces": {"targetNamespaces": 5},
    "a text of namespaces": {"targetNamespaces": "loop"},
    "namespaces that are none": {"targetNamespaces": [{"a": 1}, None, ["b"]]},
    "options that are a list": {"reportOptions": [], "enableCertManager": "perhaps"},
    "a claim that is a number": {"storageOptions": {"pvc": {"spec": 3}}},
    "quantities that are none": {"storageOptions": {"pvc": {"spec": {"resources": {"requests": {"storage": []}}}}}},
    "resources that are a text": {"resources": {"coreResources": "much"}},
    "rules that are a text": {"networkOptions": {"coreConfig": {"ingressSpec": {"rules": "all"}}}},
    "rules that are numbers": {"networkOptions": {"coreConfig": {"ingressSpec": {"rules": [1]}}}},
    "labels that are numbers": {"operandMetadata": {"podMetadata": {"labels": {"a": 1}}}},
}


@pytest.fixture
def lenient(scenario: Scenario) -> Scenario:
    """A CRD that accepts any spec and status, as a newer or broken one. The schema is restored afterwards."""
    api = scenario.api
    crd = api.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", CRD)
    version = [each["name"] for each in crd["spec"]["versions"]].index(constants.VERSION)
    path = f"/spec/versions/{version}/schema/openAPIV3Schema"
    strict = crd["spec"]["versions"][version]["schema"]["openAPIV3Schema"]
    loose = {"type": "object", "properties": {"spec": ANYTHING, "status": ANYTHING}}
    head = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": CRD}}

    def cryostats() -> Sequence[Object]:
        return api.list_metadata(constants.API_VERSION, constants.KIND)

    def restore() -> None:
        for cr in cryostats():
            api.delete(cr)
        eventually(lambda: not cryostats(), what="all Cryostats are deleted")
        api.patch(head, [{"op": "replace", "path": path, "value": strict}])
        eventually(lambda: not admits("text"), what="the schema is restored")
        eventually(lambda: cryostats() == [], what="the storage of the API is ready again")

    def admits(spec: Any) -> bool:
        trial = {"apiVersion": constants.API_VERSION, "kind": constants.KIND, "spec": spec}
        try:
            api.create({**trial, "metadata": {"name": "trial", "namespace": "default"}}, dryRun="All")
        except ApiError as error:
            if error.code != 422:
                raise
            return False
        return True

    api.patch(head, [{"op": "replace", "path": path, "value": loose}])
    scenario.undo(restore)
    eventually(lambda: admits("text"), what="the CRD accepts any spec")
    return scenario


def cryostat(scenario: Scenario, where: str, name: str, spec: Any, **metadata: Any) -> Object:
    head = {"name": name, "namespace": where, **metadata}
    return scenario.api.create(
        {"apiVersion": constants.API_VERSION, "kind": constants.KIND, "metadata": head, "spec": spec}
    )


def test_an_invalid_cryostat_is_reported_and_affects_no_other(lenient: Scenario) -> None:
    scenario, where = lenient, lenient.namespace()
    poison = [cryostat(scenario, where, f"p{number}", spec) for number, spec in enumerate(POISON.values())]
    healthy = scenario.cryostat(where, targetNamespaces=[where, "loop-appears"])
    scenario.wait_for_reason(healthy, "NamespaceNotFound", "loop-appears")
    for cr in poison:
        eventually(lambda cr=cr: condition(scenario.live(cr), "Ready").get("status") == "False")  # type: ignore[misc]
        found = condition(scenario.live(cr), "Ready")
        reasons = [event["reason"] for event in scenario.events(cr)]
        if found["reason"] == "InvalidSpec":
            assert reasons == ["InvalidSpec"], found
            assert scenario.owned_objects(cr) == []
        else:  # only the API server checks this
            assert (found["reason"], set(reasons)) == ("WriteRefused", {"WriteRefused", "LoginGenerated"})
    scenario.make_namespace("loop-appears")
    scenario.wait_until_ready(healthy)
    scenario.api.delete(scenario.get("Service", where, "x"))
    eventually(lambda: scenario.find("Service", where, "x"), what="drift of the other instances is repaired")
    with scenario.stopped():
        pass
    scenario.delete(healthy)
    for cr in poison:
        scenario.delete(cr)


def test_an_instance_with_an_unreadable_spec_keeps_running(lenient: Scenario) -> None:
    scenario, where, target = lenient, lenient.namespace(), lenient.namespace()
    cr = scenario.wait_until_ready(scenario.cryostat(where, targetNamespaces=[target]))
    objects = {(obj["kind"], obj["metadata"]["name"]) for obj in scenario.owned_objects(cr)}
    scenario.api.patch(cr, [{"op": "replace", "path": "/spec", "value": {"targetNamespaces": 5, "reportOptions": "x"}}])
    scenario.wait_for_reason(cr, "InvalidSpec", "targetNamespaces")
    assert {(obj["kind"], obj["metadata"]["name"]) for obj in scenario.owned_objects(cr)} == objects
    assert condition(scenario.get("Deployment", where, "x"), "Available")["status"] == "True"
    unknown = condition(scenario.live(cr), "MainDeploymentAvailable")
    assert (unknown["status"], unknown["reason"]) == ("Unknown", "NotObserved")
    scenario.api.patch(cr, [{"op": "replace", "path": "/spec", "value": {"targetNamespaces": [target]}}])
    scenario.wait_until_ready(cr)
    scenario.api.patch(cr, [{"op": "replace", "path": "/spec", "value": "text"}])
    scenario.wait_for_reason(cr, "InvalidSpec")
    scenario.delete(cr)
    scenario.wait_for_no_objects(cr)


LARGE: dict[str, Any] = {
    "certificates": {"trustedCertSecrets": [{"secretName": f"x{number}"} for number in range(30_000)]},
    "access-modes": {"storageOptions": {"pvc": {"spec": {"accessModes": ["x"] * 90_000}}}},
    "labels": {"operandMetadata": {"podMetadata": {"labels": {f"x{number}": "y" for number in range(20_000)}}}},
    **{f"text{number}": {"loggingOptions": {"coreLogLevel": "x" * 1_400_000}} for number in range(5)},
}


def stored(where: str, number: int, name: str, spec: Any) -> Object:
    """A Cryostat as in etcd."""
    uid = f"00000000-0000-4000-8000-{number:012}"
    head = {"name": name, "namespace": where, "uid": uid, "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {"apiVersion": constants.API_VERSION, "kind": constants.KIND, "metadata": head, "spec": spec}


def invalid(scenario: Scenario, where: str) -> set[str]:
    """The names of the Cryostats with an event about their spec. Events are smaller than these Cryostats."""
    events = scenario.api.list("v1", "Event", where, fieldSelector="reason=InvalidSpec")
    return {event["involvedObject"]["name"] for event in events}


def test_cryostats_of_any_size_delay_no_other(lenient: Scenario) -> None:
    """They were stored before the CRD had limits."""
    scenario, where = lenient, lenient.namespace()
    path = f"{constants.GROUP}/{constants.PLURAL}/{where}"
    large = [stored(where, number, name, spec) for number, (name, spec) in enumerate(LARGE.items())]
    scenario.plane.store(path, large)
    scenario.undo(lambda: scenario.plane.erase(path))
    scenario.wait_until_ready(scenario.cryostat(where))
    eventually(lambda: invalid(scenario, where) == {*LARGE}, what="all are reported")
    for cr in large:
        scenario.wait_for_reason(cr, "InvalidSpec")
        assert scenario.owned_objects(cr) == []
    assert scenario.operator
    assert peak(scenario.operator) < limit() * 0.75
    scenario.stop()
    operator = scenario.start()
    scenario.wait_until_ready(scenario.cryostat(where, "y"))
    assert peak(operator) < limit() * 0.75


STATUSES: list[Any] = [
    "text", 5, [], {"conditions": 5}, {"conditions": [5, None, {"type": 3}]}, {"conditions": [{"type": "Ready"}]},
    {"targetNamespaces": "x", "databaseSecret": 7, "observedGeneration": "many"},
]  # fmt: skip


def test_an_invalid_status_is_replaced(lenient: Scenario) -> None:
    scenario, where = lenient, lenient.namespace()
    cr = scenario.wait_until_ready(scenario.cryostat(where))
    scenario.wait_until_idle()
    before = without_times(scenario.live(cr)["status"])
    for status in STATUSES:
        scenario.api.patch(cr, [{"op": "replace", "path": "/status", "value": status}], sub="status")
        eventually(
            lambda: without_times(scenario.live(cr).get("status")) == before, what=f"{json.dumps(status)} is replaced"
        )
    scenario.delete(cr)


def without_times(status: Any) -> str:
    """A status without times."""
    return re.sub(r'"lastTransitionTime": "[^"]*"', "", json.dumps(status, sort_keys=True))


STATUS_PATCHES: list[Object] = [
    {"op": "remove", "path": "/status"},
    {"op": "remove", "path": "/status/conditions"},
    {"op": "replace", "path": "/status/conditions/0/status", "value": "Unknown"},
    {"op": "replace", "path": "/status/applicationUrl", "value": "https://evil.example.com"},
    {"op": "replace", "path": "/status/targetNamespaces", "value": ["other"]},
]


def test_an_edited_status_is_corrected(scenario: Scenario) -> None:
    where = scenario.namespace()
    cr = scenario.wait_until_ready(scenario.cryostat(where))
    scenario.wait_until_idle()
    before = without_times(scenario.live(cr)["status"])
    for patch in STATUS_PATCHES:
        mark = scenario.plane.audit_mark()
        scenario.api.patch(cr, [patch], sub="status")
        eventually(lambda: without_times(scenario.live(cr)["status"]) == before, what=f"{patch['path']} is corrected")
        scenario.wait_until_idle()
        assert {write.resource for write in scenario.writes(mark)} == {"cryostats/status"}, patch["path"]
