"""Each situation of tests/situations.yaml that a cluster can show is described with object, cause and remedy."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import partial
from typing import Any

from cryostat_operator.api import constants
from tests.cluster.api import Object, condition, eventually
from tests.cluster.controlplane import NODE
from tests.cluster.scenario import Scenario
from tests.unit.situations import situations


def described(scenario: Scenario, where: str, row: Object, *, event: bool = True) -> str:
    """Wait until a Cryostat reports a situation of tests/situations.yaml, and return `kubectl describe`.

    Without `event`, not for its event: that of a pod that is not scheduled follows after a minute.
    """
    kind, _, reason = row["event"].partition(" ")
    sample = {"metadata": {"name": "sample", "namespace": where}}

    def reported() -> bool:  # costs less than kubectl
        conditions = scenario.live(sample)["status"]["conditions"]
        events = [(each["type"], each["reason"]) for each in scenario.api.list("v1", "Event", where)]
        assert row["reason"] in [each.get("reason") for each in conditions], conditions
        assert not event or (kind, reason) in events, events
        return True

    def shown() -> str:
        text = scenario.plane.kubectl("describe", "cryostat", "-n", where, "sample")
        missing = [words for words in [row["reason"], *row["says"]] if words not in text]
        assert not missing, (missing, text)
        events = [line.split()[:2] for line in text.splitlines() if " cryostat-operator " in line]
        assert not event or [kind, reason] in events, events
        return text

    eventually(reported, what=row["name"], interval=0.2)
    return eventually(shown, what=row["name"]) or ""


def of_namespace(where: str, value: Any) -> Any:
    """A part of a row with the names of a namespace that exists, and of one that does not."""
    text = re.sub(r"\bthere\b(?! is)", f"not-{where}", json.dumps(value))
    return json.loads(re.sub(r"\bhere\b(?! is)", where, text))


def make(scenario: Scenario, where: str, given: Object) -> Object:
    """Create the Cryostat of a row and what its spec refers to."""
    for found, keys in given.get("keys", {}).items():
        create = scenario.secret if found.startswith("Secret/") else scenario.config_map
        create(where, found.partition("/")[2], **dict.fromkeys(keys, "value"))
    for name, files in given.get("logins", {}).items():
        scenario.secret(where, name, **files)
    if "collision" in given:
        kind, _, name = given["collision"].partition("/")
        scenario.make(kind, where, name, spec={"ports": [{"port": 1}]})
    metadata = {"annotations": given.get("annotations", {})}
    spec: Object = given.get("before") or given.get("spec") or {}
    return scenario.cryostat(where, "sample", metadata, **spec)


MADE = {"spec", "annotations", "missing", "keys", "logins", "collision", "before", "namespaces"}


def test_situations_that_a_spec_leads_to_are_described_with_object_cause_and_remedy(scenario: Scenario) -> None:
    rows = [row for row in situations() if row.get("cluster") and row["given"].keys() <= MADE]
    assert len(rows) >= 16
    made: dict[str, tuple[str, Object, Object]] = {}
    for row in rows:
        where = scenario.namespace()
        made[row["name"]] = where, of_namespace(where, row), make(scenario, where, of_namespace(where, row["given"]))
    where, row, cr = made["claim-too-large"]
    scenario.wait_until_ready(cr)
    scenario.change(cr, **row["given"]["spec"])
    for where, row, _ in made.values():
        described(scenario, where, row)
        if "summary" in row:
            [line] = scenario.plane.kubectl("get", "cryostats", "-n", where, "--no-headers").splitlines()
            assert line.split(None, 2)[2].startswith(row["summary"]), line
    where, _, cr = made.pop("secret-missing")
    scenario.secret(where, "absent", a="b")
    assert condition(scenario.wait_until_ready(cr), "ReferencesResolved") == {}
    where, _, cr = made.pop("login-missing")
    scenario.secret(where, "login", users="alice:$2y$05$0123456789012345678901uM5fsvG4u7yvGnZ5S8vZ3H6gk1Wb2aK")
    assert condition(scenario.wait_until_ready(cr), "AuthenticationEnabled")["reason"] == "BasicAuth"
    for where, row, cr in made.values():
        repair(scenario, where, row["given"], cr)
    for _, row, cr in made.values():
        eventually(partial(nothing_remains, scenario, row, cr), what=f"{row['name']} is repaired")


def repair(scenario: Scenario, where: str, given: Object, cr: Object) -> None:
    """Remove what `make` created for a situation."""
    if "collision" in given:
        kind, _, name = given["collision"].partition("/")
        scenario.api.delete(scenario.get(kind, where, name))
    spec = given.get("before") or dict.fromkeys(given.get("spec", {}))
    annotations = dict.fromkeys(given.get("annotations", {}))
    scenario.api.patch(cr, {"spec": spec, "metadata": {"annotations": annotations}})


def nothing_remains(scenario: Scenario, row: Object, cr: Object) -> bool:
    """Whether a repaired instance is ready, and no condition has text of the situation."""
    conditions = scenario.wait_until_ready(cr)["status"]["conditions"]
    others = {each["type"]: each["reason"] for each in conditions if each["status"] != "True"}
    assert others == {"AgentsAuthenticated": "TLSDisabled"}, others
    text = json.dumps(conditions)
    assert [words for words in (row["reason"], *row["says"]) if words in text] == []
    return True


def test_a_pod_that_does_not_run_is_described_with_cause_and_remedy(scenario: Scenario) -> None:
    where = scenario.namespace()
    cr = scenario.cryostat(where, "sample")
    scenario.wait_until_ready(cr)
    rows = [row for row in situations() if row.get("cluster") and row["given"].keys() == {"pods"}]
    assert len(rows) >= 15
    for row in (of_cluster(where, each) for each in rows):
        pod = fail_pod(scenario, where, row)
        described(scenario, where, row)
        [line] = scenario.plane.kubectl("get", "cryostats", "-n", where, "--no-headers").splitlines()
        assert line.split(None, 2)[2].startswith(row["summary"])
        if row["name"] == "out-of-memory":
            with scenario.stopped():
                mark = scenario.plane.audit_mark()
            scenario.wait_until_idle()
            assert scenario.writes(mark) == []
        scenario.api.delete(pod)
        scenario.wait_until_ready(cr)
    assert {event["count"] for event in scenario.events(cr) if event["type"] == "Warning"} == {1}


def test_a_stuck_pod_or_claim_is_described_with_its_events_and_the_policies_of_the_namespace(
    scenario: Scenario,
) -> None:
    where = scenario.namespace()
    unbound = scenario.cryostat(
        where, "unbound", storageOptions={"database": {"pvc": {"spec": {"storageClassName": f"none-{where}"}}}}
    )
    cr = scenario.cryostat(where, "sample")
    scenario.wait_until_ready(cr)
    rows = [row for row in situations() if row.get("cluster") and row["given"].keys() & {"events", "policies"}]
    assert len(rows) >= 3
    for row in (of_cluster(where, each) for each in rows):
        pod = fail_pod(scenario, where, row)
        described(scenario, where, row)
        scenario.api.delete(pod)
        scenario.wait_until_ready(cr)
    # The controller of the volumes writes this event itself. The claim has not been bound for a minute then.
    cause = f"StorageClass none-{where} does not exist (event ProvisioningFailed of persistentvolume-controller)"
    scenario.wait_for_reason(unbound, "DatabaseVolumePending", cause, timeout=120.0)


def of_cluster(where: str, row: Object) -> Object:
    """A row with the names of the namespace and the node that exist."""
    return dict(json.loads(json.dumps(of_namespace(where, row)).replace("node-1", NODE)))


def fail_pod(scenario: Scenario, where: str, row: Object) -> Object:
    """Write the status of a pod as the kubelet does, after the events and NetworkPolicies of a row; return the pod."""
    [(component, given)] = row["given"]["pods"].items()

    def only() -> Object | None:
        pods = scenario.api.list("v1", "Pod", where, labelSelector=f"app=sample,component={component}")
        return pods[0] if len(pods) == 1 and "deletionTimestamp" not in pods[0]["metadata"] else None

    pod = eventually(only, what=f"there is one pod of {component}") or {}
    write_events(scenario, pod, row["given"].get("events", ()))
    for name, spec in row["given"].get("policies", {}).items():
        scenario.make("NetworkPolicy", where, name, spec=spec)
    unready = [{"type": kind, "status": "False", "reason": "x"} for kind in ("Ready", "ContainersReady")]
    containers = [{"image": "i", "imageID": "", "restartCount": 0, **c} for c in given["status"]["containerStatuses"]]
    status = {**given["status"], "containerStatuses": containers, "conditions": unready}
    scenario.api.patch(pod, {"status": status}, "strategic", sub="status")
    return pod


def write_events(scenario: Scenario, pod: Object, events: Sequence[Object]) -> None:
    """Create events about a pod as the kubelet and controllers do, the last one as the newest."""
    meta = pod["metadata"]
    about = {"apiVersion": "v1", "kind": "Pod", **{key: meta[key] for key in ("name", "namespace", "uid")}}
    for minute, event in enumerate(events):
        stamp = f"2026-01-01T00:{minute:02}:00Z"
        scenario.api.create(
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": f"{meta['name']}.{minute}", "namespace": meta["namespace"]},
                "involvedObject": about,
                "type": event.get("type", "Warning"),
                "reason": event["reason"],
                "message": event["message"],
                "source": {"component": event["source"]},
                "reportingComponent": event["source"],
                "firstTimestamp": stamp,
                "lastTimestamp": stamp,
            }
        )


def test_a_quota_on_pods_and_a_pause_are_described(scenario: Scenario) -> None:
    rows = {row["name"]: row for row in situations()}
    where = scenario.namespace()
    cr = scenario.cryostat(where, "sample")
    scenario.wait_until_ready(cr)
    head = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few", "namespace": where}}
    scenario.api.create({**head, "spec": {"hard": {"pods": "2"}}})
    eventually(
        lambda: scenario.api.get("v1", "ResourceQuota", "few", where)["status"]["used"]["pods"] == "3",
        what="the quota has counted the objects",
    )
    [pod] = scenario.api.list("v1", "Pod", where, labelSelector="component=storage")
    scenario.api.delete(pod)
    quota = rows["quota-on-pods"]
    words = [
        "Deployment sample-storage cannot create pods: exceeded quota: few, requested: pods=1",
        f"Raise pods in spec.hard of ResourceQuota {where}/few",
    ]
    described(scenario, where, {**quota, "reason": "StorageReplicaFailure", "says": words})
    scenario.annotate(cr, **{constants.ANNOTATION_PAUSE: "true"})
    described(scenario, where, rows["paused"])


def test_a_pod_that_cannot_be_scheduled_is_reported_with_the_schedulers_message(scenario: Scenario) -> None:
    [row] = [row for row in situations() if row["name"] == "node-selector"]
    where = scenario.namespace()
    cr = make(scenario, where, row["given"])
    described(scenario, where, row, event=False)
    scenario.wait_until_idle()
    with scenario.stopped():
        mark = scenario.plane.audit_mark()
    scenario.wait_until_idle()
    assert scenario.writes(mark) == [], "the event is not written again"
    scenario.change(cr, reportOptions={"schedulingOptions": None})
    eventually(partial(nothing_remains, scenario, row, cr), what="the pod is scheduled")


def test_a_claim_without_a_volume_is_reported(scenario: Scenario) -> None:
    [found] = [row for row in situations() if row["name"] == "claim-pending"]
    where = scenario.namespace()
    row = json.loads(json.dumps(found).replace("fast", f"none-{where}"))
    cr = make(scenario, where, row["given"])
    described(scenario, where, row, event=False)
    unbound = "PersistentVolumeClaim sample-database is not bound"
    assert scenario.wait_for_reason(cr, "VolumePending", unbound, type="VolumesReady")["status"] == "False"
    eventually(lambda: condition(scenario.live(cr), "StorageDeploymentAvailable").get("status") == "True")
    volume = {
        "capacity": {"storage": "64Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/nonexistent"},
        "storageClassName": f"none-{where}",
    }  # fmt: skip
    made = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": f"none-{where}"}, "spec": volume}
    scenario.api.create(made)
    eventually(partial(nothing_remains, scenario, row, cr), what="the claim is bound")
