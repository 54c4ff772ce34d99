"""Why is it not ready? Conditions, events, columns, metrics and log lines say it, once, and never say a secret."""

from __future__ import annotations

import base64
import json

from tests.cluster.api import Object, condition, eventually
from tests.cluster.scenario import Scenario

METRICS = {
    "cryostat_operator_reconciles_total",
    "cryostat_operator_reconcile_duration_seconds_count",
    "cryostat_operator_reconcile_errors_total",
    "cryostat_operator_queue_depth",
    "cryostat_operator_instances",
    "cryostat_operator_api_requests_total",
    "cryostat_operator_api_request_duration_seconds_count",
}


def runs(world: Scenario) -> float:
    return sum(v for name, v in world.metrics().items() if name.startswith("cryostat_operator_reconciles_total"))


def status_writes(world: Scenario, mark: int) -> int:
    return len([write for write in world.writes(mark) if write.resource == "cryostats/status"])


def test_each_cause_is_one_event_also_after_a_restart(world: Scenario) -> None:
    where = world.namespace()
    templates = [{"configMapName": "missing", "filename": "a.jfc"}]
    credentials = [{"secretName": "absent"}]
    cr = world.cryostat(where, eventTemplates=templates, declarativeCredentials=credentials)
    world.told(cr, "ConfigMapNotFound", "ConfigMap missing does not exist", "Secret absent does not exist")
    world.settle()

    def told() -> dict[str, int]:
        return {event["reason"]: event["count"] for event in world.events(cr) if event["type"] == "Warning"}

    assert told() == {"ConfigMapNotFound": 1}
    for _ in range(2):
        with world.down():
            mark = world.plane.audit_mark()
        world.settle()
    assert told() == {"ConfigMapNotFound": 1}
    assert world.writes(mark) == []
    template = world.config_map(where, "missing", **{"a.jfc": "<x/>"})
    world.told(cr, "SecretNotFound", "Secret absent")
    secret = world.secret(where, "absent", a="b")
    world.ready(cr)
    assert told() == {"ConfigMapNotFound": 1}  # which named the Secret, too
    with world.down():
        world.api.delete(template)
        world.api.delete(secret)
    world.told(cr, "ConfigMapNotFound", "Secret absent")
    eventually(lambda: told() == {"ConfigMapNotFound": 2}, what="a cause that is back is counted")


def test_an_image_that_cannot_be_pulled_is_told_in_the_kubelets_words(world: Scenario) -> None:
    where = world.namespace()
    cr = world.cryostat(where)
    world.ready(cr)
    words = 'Back-off pulling image "registry.example.com/nothing:1"'
    [pod] = world.api.list("v1", "Pod", where, labelSelector="component=storage")
    container = {"name": "x-storage", "image": "i", "imageID": "", "ready": False, "restartCount": 0}
    waiting = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": words}}}
    unready = [{"type": kind, "status": "False"} for kind in ("Ready", "ContainersReady")]
    status = {"phase": "Pending", "containerStatuses": [{**container, **waiting}], "conditions": unready}
    world.api.patch(pod, {"status": status}, "strategic", sub="status")
    told = world.told(cr, "StoragePodNotRunning", "Deployment x-storage", "ImagePullBackOff", words)
    assert told["status"] == "False"
    world.api.delete(pod)
    world.ready(cr)


def test_a_pod_that_fits_nowhere_is_told_in_the_schedulers_words(world: Scenario) -> None:
    cr = world.cryostat(world.namespace())
    world.ready(cr)
    nowhere = {"replicas": 1, "schedulingOptions": {"nodeSelector": {"disk": "golden"}}}
    world.change(cr, reportOptions=nowhere)
    world.told(cr, "ReportsPodNotRunning", "Deployment x-reports", "cannot be scheduled", "0/1 nodes are available")
    world.change(cr, reportOptions={"schedulingOptions": None})
    world.ready(cr)


def test_a_claim_without_a_volume_is_told(world: Scenario) -> None:
    where = world.namespace()
    spec = {"storageClassName": f"none-{where}"}
    cr = world.cryostat(where, storageOptions={"database": {"pvc": {"spec": spec}}})
    world.told(cr, "DatabasePodNotRunning", "Deployment x-database", "unbound immediate PersistentVolumeClaims")
    eventually(lambda: condition(world.now(cr), "StorageDeploymentAvailable").get("status") == "True")
    volume = {
        "capacity": {"storage": "64Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/nonexistent"}, **spec,
    }  # fmt: skip
    made = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": f"none-{where}"}, "spec": volume}
    world.api.create(made)
    world.ready(cr)


def test_a_run_writes_at_most_one_status_and_none_where_nothing_changed(world: Scenario) -> None:
    where = world.namespace()
    world.settle()
    mark, before = world.plane.audit_mark(), runs(world)
    cr = world.cryostat(where)
    body = world.ready(cr)
    world.settle()
    assert 0 < status_writes(world, mark) <= runs(world) - before
    told = body["status"]
    assert told["observedGeneration"] == body["metadata"]["generation"]
    assert {c["observedGeneration"] for c in told["conditions"]} == {body["metadata"]["generation"]}
    mark, before = world.plane.audit_mark(), runs(world)
    world.annotate(cr, note="anything")
    world.annotate(world.get("Service", where, "x"), note="anything")
    eventually(lambda: runs(world) > before, what="it is looked at")
    world.settle()
    assert world.writes(mark) == []
    world.change(cr, enableAudit=True)
    again = world.ready(cr)
    assert again["metadata"]["generation"] == body["metadata"]["generation"] + 1
    since = {c["type"]: c["lastTransitionTime"] for c in told["conditions"]}
    kept = condition(again, "ReferencesResolved")
    assert kept["lastTransitionTime"] == since["ReferencesResolved"]  # it was True all along


def test_the_columns_tell_what_is_going_on(world: Scenario) -> None:
    where = world.namespace()
    rule = {"host": "cryostat.example.com"}
    core = {"networkOptions": {"coreConfig": {"ingressSpec": {"rules": [rule]}}}}
    world.ready(world.cryostat(where, "fine", **core))
    ill = world.cryostat(where, "ill", eventTemplates=[{"configMapName": "missing", "filename": "a.jfc"}])
    world.told(ill, "ConfigMapNotFound", "ConfigMap missing")
    head, fine, bad = world.plane.kubectl("get", "cryostats", "-n", where).splitlines()
    assert head.split() == ["NAME", "READY", "REASON", "URL", "TARGET", "NAMESPACES", "AGE"]
    assert fine.split()[:4] == ["fine", "True", "AllComponentsAvailable", "http://cryostat.example.com"]
    assert bad.split()[:3] == ["ill", "False", "ConfigMapNotFound"]
    ready = condition(world.now(ill), "Ready")["message"]
    assert "\n" not in ready
    assert ready.count("missing") == 1, ready


def test_the_address_goes_with_the_ingress(world: Scenario) -> None:
    rule = {"host": "cryostat.example.com"}
    cr = world.cryostat(world.namespace(), networkOptions={"coreConfig": {"ingressSpec": {"rules": [rule]}}})
    body = world.ready(cr)
    assert body["status"]["applicationUrl"] == "http://cryostat.example.com"
    assert condition(body, "Exposed")["reason"] == "AddressAssigned"
    world.change(cr, networkOptions=None)
    body = world.ready(cr)
    assert body["status"].get("applicationUrl", "") == ""
    assert condition(body, "Exposed") == {}
    assert world.find("Ingress", cr["metadata"]["namespace"], "x") is None


def test_metrics(world: Scenario) -> None:
    where = world.namespace()
    ill = world.make("Service", where, "x", spec={"ports": [{"port": 1}]})
    cr = world.cryostat(where)
    world.told(cr, "NameCollision")
    samples = world.metrics()
    assert {name.partition("{")[0] for name in samples} >= METRICS
    assert samples["cryostat_operator_instances"] == 1
    assert samples['cryostat_operator_reconcile_errors_total{reason="NameCollision"}'] >= 1
    assert any('verb="POST"' in name for name in samples)
    world.api.delete(ill)
    world.ready(cr)


def secrets_of(world: Scenario, where: str) -> dict[str, str]:
    """Every value that must never be told, by the Secret and key that hold it."""
    found = {}
    for secret in world.api.list("v1", "Secret", where):
        for key, value in (secret.get("data") or {}).items():
            if key not in ("tls.crt", "ca.crt", "username", "ACCESS_KEY"):
                found[f"{secret['metadata']['name']}/{key}"] = base64.b64decode(value).decode(errors="ignore")
    return {place: text for place, text in found.items() if len(text) >= 8}


def test_no_secret_value_is_ever_told(world: Scenario) -> None:
    where = world.namespace()
    world.secret(where, "keys", CONNECTION_KEY="the-users-own-password", ENCRYPTION_KEY="the-users-own-encryption")
    world.secret(where, "stored", credential="the-users-stored-credential")
    spec: Object = {"databaseOptions": {"secretName": "keys"}, "declarativeCredentials": [{"secretName": "stored"}]}
    cr = world.cryostat(where, reportOptions={"replicas": 1}, **spec)
    world.ready(cr)
    values = secrets_of(world, where)
    world.api.delete(world.get("Secret", where, "x-storage"))  # another one is made
    broken = {"data": {"credential": None, "other": base64.b64encode(b"a-rotated-credential").decode()}}
    world.api.patch(world.get("Secret", where, "stored"), broken)
    world.change(cr, databaseOptions={"secretName": "other"})
    world.told(cr, "DatabaseSecretMismatched")
    world.settle()
    values |= secrets_of(world, where) | {"before/x": "the-users-stored-credential"}
    assert {place.partition("/")[0] for place in values} >= {"keys", "stored", "x-storage", "x-basic-auth"}
    assert world.operator
    told = {
        "log": world.operator.log.read_text(),
        "metrics": world.operator.get("/metrics")[1],
        "events": json.dumps(world.api.list("v1", "Event")),
        "cryostat": json.dumps(world.now(cr)),
        "objects": json.dumps([obj for obj in world.marked(cr) if obj["kind"] != "Secret"]),
    }
    for place, value in values.items():
        encoded = base64.b64encode(value.encode()).decode()
        assert [where for where, text in told.items() if value in text or encoded in text] == [], place
