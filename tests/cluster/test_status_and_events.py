"""Conditions, events, columns, metrics and logs report each cause once and contain no secret."""

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
    "cryostat_instance_ready",
}


def reconcile_count(scenario: Scenario) -> float:
    return sum(v for name, v in scenario.metrics().items() if name.startswith("cryostat_operator_reconciles_total"))


def status_writes(scenario: Scenario, mark: int) -> int:
    return len([write for write in scenario.writes(mark) if write.resource == "cryostats/status"])


def test_each_cause_is_one_event_also_after_a_restart(scenario: Scenario) -> None:
    where = scenario.namespace()
    templates = [{"configMapName": "missing", "filename": "a.jfc"}]
    credentials = [{"secretName": "absent"}]
    cr = scenario.cryostat(where, eventTemplates=templates, declarativeCredentials=credentials)
    scenario.wait_for_reason(
        cr, "ConfigMapNotFound", "ConfigMap missing does not exist", "Secret absent does not exist"
    )
    scenario.wait_until_idle()

    def warning_counts() -> dict[str, int]:
        return {event["reason"]: event["count"] for event in scenario.events(cr) if event["type"] == "Warning"}

    assert warning_counts() == {"ConfigMapNotFound": 1}
    for _ in range(2):
        with scenario.stopped():
            mark = scenario.plane.audit_mark()
        scenario.wait_until_idle()
    assert warning_counts() == {"ConfigMapNotFound": 1}
    assert scenario.writes(mark) == []
    template = scenario.config_map(where, "missing", **{"a.jfc": "<x/>"})
    scenario.wait_for_reason(cr, "SecretNotFound", "Secret absent")
    secret = scenario.secret(where, "absent", a="b")
    scenario.wait_until_ready(cr)
    assert warning_counts() == {"ConfigMapNotFound": 1}  # this message named the Secret too
    with scenario.stopped():
        scenario.api.delete(template)
        scenario.api.delete(secret)
    scenario.wait_for_reason(cr, "ConfigMapNotFound", "Secret absent")
    eventually(
        lambda: warning_counts() == {"ConfigMapNotFound": 2}, what="the event of a cause that returned is counted"
    )


def test_a_reconcile_writes_at_most_one_status_and_none_without_a_change(scenario: Scenario) -> None:
    where = scenario.namespace()
    scenario.wait_until_idle()
    mark, before = scenario.plane.audit_mark(), reconcile_count(scenario)
    cr = scenario.cryostat(where)
    body = scenario.wait_until_ready(cr)
    scenario.wait_until_idle()
    assert 0 < status_writes(scenario, mark) <= reconcile_count(scenario) - before
    status = body["status"]
    assert status["observedGeneration"] == body["metadata"]["generation"]
    assert {c["observedGeneration"] for c in status["conditions"]} == {body["metadata"]["generation"]}
    mark, before = scenario.plane.audit_mark(), reconcile_count(scenario)
    scenario.annotate(cr, note="anything")
    scenario.annotate(scenario.get("Service", where, "x"), note="anything")
    eventually(lambda: reconcile_count(scenario) > before, what="the operator has checked it")
    scenario.wait_until_idle()
    assert scenario.writes(mark) == []
    scenario.change(cr, enableAudit=True)
    again = scenario.wait_until_ready(cr)
    assert again["metadata"]["generation"] == body["metadata"]["generation"] + 1
    since = {c["type"]: c["lastTransitionTime"] for c in status["conditions"]}
    kept = condition(again, "AuthenticationEnabled")
    assert kept["lastTransitionTime"] == since["AuthenticationEnabled"]  # it was always True


def test_the_columns_show_the_state(scenario: Scenario) -> None:
    where = scenario.namespace()
    rule = {"host": "cryostat.example.com"}
    core = {"networkOptions": {"coreConfig": {"ingressSpec": {"rules": [rule]}}}}
    scenario.wait_until_ready(scenario.cryostat(where, "fine", **core))
    ill = scenario.cryostat(where, "ill", eventTemplates=[{"configMapName": "missing", "filename": "a.jfc"}])
    scenario.wait_for_reason(ill, "ConfigMapNotFound", "ConfigMap missing")
    head, fine, bad = scenario.plane.kubectl("get", "cryostats", "-n", where).splitlines()
    assert head.split() == ["NAME", "READY", "STATUS", "APPLICATION", "URL", "TARGET", "NAMESPACES", "AGE"]
    assert fine.split()[:4] == ["fine", "True", "Available", "http://cryostat.example.com"]
    assert bad.split()[:6] == ["ill", "False", "ConfigMap", "missing", "does", "not"]
    wide = scenario.plane.kubectl("get", "cryostats", "-n", where, "-o", "wide").splitlines()
    assert "ConfigMapNotFound" in wide[2]
    assert condition(scenario.live(ill), "Ready")["message"] in wide[2]
    ready = condition(scenario.live(ill), "Ready")["message"]
    assert "\n" not in ready
    assert ready.count("missing") == 1, ready


def test_an_ingress_class_that_does_not_exist_is_named(scenario: Scenario) -> None:
    spec = {"ingressClassName": "web", "rules": [{"host": "cryostat.example.com"}]}
    cr = scenario.cryostat(scenario.namespace(), networkOptions={"coreConfig": {"ingressSpec": spec}})
    scenario.wait_until_ready(cr)

    def reports(text: str) -> bool:
        return text in condition(scenario.live(cr), "Exposed")["message"]

    eventually(lambda: reports("IngressClass web does not exist"), what="the missing class is reported")
    head = {"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": "web"}}
    created = scenario.api.create({**head, "spec": {"controller": "example.com/controller"}})
    scenario.undo(lambda: scenario.api.delete(created))
    eventually(lambda: reports("check that IngressClass web exists"), what="the class is known")


def test_the_address_is_removed_with_the_ingress(scenario: Scenario) -> None:
    rule = {"host": "cryostat.example.com"}
    cr = scenario.cryostat(scenario.namespace(), networkOptions={"coreConfig": {"ingressSpec": {"rules": [rule]}}})
    body = scenario.wait_until_ready(cr)
    assert body["status"]["applicationUrl"] == "http://cryostat.example.com"
    assert condition(body, "Exposed")["reason"] == "AddressNotReported", "no Ingress controller runs"
    scenario.change(cr, networkOptions=None)
    body = scenario.wait_until_ready(cr)
    assert body["status"].get("applicationUrl", "") == ""
    assert condition(body, "Exposed") == {}
    assert scenario.find("Ingress", cr["metadata"]["namespace"], "x") is None


def test_metrics(scenario: Scenario) -> None:
    where = scenario.namespace()
    ill = scenario.make("Service", where, "x", spec={"ports": [{"port": 1}]})
    cr = scenario.cryostat(where)
    scenario.wait_for_reason(cr, "NameCollision")
    samples = scenario.metrics()
    assert {name.partition("{")[0] for name in samples} >= METRICS
    assert samples["cryostat_operator_instances"] == 1
    assert samples['cryostat_operator_reconcile_errors_total{reason="NameCollision"}'] >= 1
    assert any('verb="POST"' in name for name in samples)
    ready = f'cryostat_instance_ready{{cryostat_name="x",cryostat_namespace="{where}"}}'
    assert samples[ready] == 0
    scenario.api.delete(ill)
    scenario.wait_until_ready(cr)
    eventually(lambda: scenario.metrics()[ready] == 1, what="the metric of the instance shows that it is ready")


def secrets_of(scenario: Scenario, where: str) -> dict[str, str]:
    """Every secret value, by Secret and key."""
    found = {}
    for secret in scenario.api.list("v1", "Secret", where):
        for key, value in (secret.get("data") or {}).items():
            if key not in ("tls.crt", "ca.crt", "username", "ACCESS_KEY"):
                found[f"{secret['metadata']['name']}/{key}"] = base64.b64decode(value).decode(errors="ignore")
    return {place: text for place, text in found.items() if len(text) >= 8}


def test_no_secret_value_is_in_logs_events_or_status(scenario: Scenario) -> None:
    where = scenario.namespace()
    scenario.secret(where, "keys", CONNECTION_KEY="the-users-own-password", ENCRYPTION_KEY="the-users-own-encryption")
    scenario.secret(where, "stored", credential="the-users-stored-credential")
    spec: Object = {"databaseOptions": {"secretName": "keys"}, "declarativeCredentials": [{"secretName": "stored"}]}
    cr = scenario.cryostat(where, reportOptions={"replicas": 1}, **spec)
    scenario.wait_until_ready(cr)
    values = secrets_of(scenario, where)
    scenario.api.delete(scenario.get("Secret", where, "x-storage"))  # another pod is created
    broken = {"data": {"credential": None, "other": base64.b64encode(b"a-rotated-credential").decode()}}
    scenario.api.patch(scenario.get("Secret", where, "stored"), broken)
    scenario.change(cr, databaseOptions={"secretName": "other"})
    scenario.wait_for_reason(cr, "DatabaseSecretMismatched")
    scenario.wait_until_idle()
    values |= secrets_of(scenario, where) | {"before/x": "the-users-stored-credential"}
    assert {place.partition("/")[0] for place in values} >= {"keys", "stored", "x-storage", "x-basic-auth"}
    assert scenario.operator
    texts = {
        "log": scenario.operator.log.read_text(),
        "metrics": scenario.operator.get("/metrics")[1],
        "events": json.dumps(scenario.api.list("v1", "Event")),
        "cryostat": json.dumps(scenario.live(cr)),
        "objects": json.dumps([obj for obj in scenario.owned_objects(cr) if obj["kind"] != "Secret"]),
    }
    for place, value in values.items():
        encoded = base64.b64encode(value.encode()).decode()
        assert [where for where, text in texts.items() if value in text or encoded in text] == [], place
