"""The metrics of each Cryostat: values, labels, and the maximum number of series."""

from __future__ import annotations

import base64
from typing import Any

from prometheus_client import CollectorRegistry

from cryostat_operator import metric_table as table
from cryostat_operator.metrics import InjectionCounts
from cryostat_operator.observe.cryostats import CryostatStore
from cryostat_operator.observe.instance_metrics import CONDITIONS, InstanceMetrics, known_reason, requested_bytes
from cryostat_operator.observe.owned_objects import OwnedObjects
from cryostat_operator.pki import signing
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.reason_groups import COMPONENT_REASONS
from cryostat_operator.plan.model.reasons import Reason
from tests.unit.observe.objects import INSTANCE, owned
from tests.unit.observe.triggers import RecordedTriggers

HERE = {"cryostat_namespace": "here", "cryostat_name": "x"}


class Cluster:
    """The observed state of a cluster."""

    def __init__(self) -> None:
        self.cryostats = CryostatStore(lambda _: None)
        self.owned = OwnedObjects(RecordedTriggers().triggers, lambda _: True)
        self.injections = InjectionCounts()
        self.registry = CollectorRegistry()
        self.registry.register(InstanceMetrics(self.cryostats, self.owned, self.injections))

    def add(self, *conditions: dict[str, Any], name: str = "x", event: str | None = "ADDED", observed: int = 1) -> None:
        metadata = {"namespace": "here", "name": name, "uid": name, "resourceVersion": "1", "generation": 1}
        status = {"observedGeneration": observed, "conditions": list(conditions)}
        self.cryostats.handle_event(event, {"metadata": metadata, "spec": {}, "status": status})

    def value(self, metric: table.Metric, **labels: str) -> float | None:
        return self.registry.get_sample_value(metric.name, {**HERE, **labels})

    def series(self) -> list[tuple[str, dict[str, str]]]:
        return [(each.name, each.labels) for family in self.registry.collect() for each in family.samples]


def condition(kind: str, status: str, reason: str) -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": "m"}


def test_the_metrics_have_ready_and_its_cause() -> None:
    cluster = Cluster()
    cluster.add(condition("Ready", "False", "DatabaseVolumePending"), condition("Exposed", "True", "AddressAssigned"))
    assert cluster.value(table.INSTANCE_READY) == 0
    assert cluster.value(table.INSTANCE_SPEC_OBSERVED) == 1
    cause = {"condition": "Ready", "status": "False", "reason": "DatabaseVolumePending"}
    assert cluster.value(table.INSTANCE_CONDITION, **cause) == 1
    assert cluster.value(table.INSTANCE_CONDITION, condition="Exposed", status="True", reason="AddressAssigned") == 1
    cluster.add(condition("Ready", "True", "AllComponentsAvailable"), event=None, observed=0)
    assert cluster.value(table.INSTANCE_READY) == 1
    assert cluster.value(table.INSTANCE_CONDITION, **cause) is None, "the former reason has no sample"
    assert cluster.value(table.INSTANCE_SPEC_OBSERVED) == 0


def test_an_instance_without_status_is_not_ready() -> None:
    cluster = Cluster()
    metadata = {"namespace": "here", "name": "x", "uid": "x", "resourceVersion": "1", "generation": 1}
    cluster.cryostats.handle_event("ADDED", {"metadata": metadata})
    assert cluster.value(table.INSTANCE_READY) == 0
    assert cluster.value(table.INSTANCE_SPEC_OBSERVED) == 0


def test_all_series_are_removed_with_the_cryostat() -> None:
    cluster = Cluster()
    cluster.add(condition("Ready", "True", "AllComponentsAvailable"))
    cluster.owned.handle_event("PersistentVolumeClaim", claim("x-database", "1Gi"))
    cluster.injections.count("added", "here", "x", "shop")
    cluster.injections.count("not_added")
    assert len(cluster.series()) == 6
    cluster.add(event="DELETED")
    unknown = {"cryostat_namespace": "", "cryostat_name": "", "target_namespace": "", "result": "not_added"}
    assert cluster.series() == [(table.AGENT_INJECTIONS.name, unknown)]
    cluster.add()
    assert cluster.value(table.AGENT_INJECTIONS, target_namespace="shop", result="added") is None, (
        "the count starts at zero"
    )


def claim(name: str, size: str, version: int = 1) -> dict[str, Any]:
    return owned(name, version, spec={"resources": {"requests": {"storage": size}}})


def test_volume_requests_of_the_claims_of_the_instance() -> None:
    cluster = Cluster()
    cluster.add()
    cluster.owned.handle_event("PersistentVolumeClaim", claim("x-database", "1.5Gi"))
    cluster.owned.handle_event("PersistentVolumeClaim", claim("labels-of-a-tenant", "1Gi"))
    assert cluster.value(table.VOLUME_REQUESTED, persistentvolumeclaim="x-database") == 1.5 * 2**30
    assert cluster.value(table.VOLUME_REQUESTED, persistentvolumeclaim="labels-of-a-tenant") is None
    cluster.owned.handle_event("PersistentVolumeClaim", claim("x-database", "2Gi", 2))
    assert cluster.value(table.VOLUME_REQUESTED, persistentvolumeclaim="x-database") == 2 * 2**30
    assert requested_bytes({"spec": {"resources": {"requests": {"storage": "much"}}}}) == 0


LIFETIME = 10 * 365 * 86400.0  # the certificate of a CA


def secret(name: str, end: float) -> dict[str, Any]:
    """A Secret with a certificate that expires at this time, in seconds since the epoch."""
    issued = signing.sign_certificate(signing.CertificateTemplate("x"), signing.new_key(), end - LIFETIME)
    return owned(name, data={"tls.crt": base64.b64encode(signing.certificates_pem([issued])).decode()})


def test_expiry_times_of_certificates() -> None:
    cluster = Cluster()
    cluster.add()
    ends = {
        "x-tls": 2_000_000_001.0,
        "x-agent-tls": 2_000_000_002.0,
        names.ca_secret(*INSTANCE): 2_000_000_003.0,
        names.agent_certificate(*INSTANCE, "shop"): 2_000_000_005.0,
        names.agent_certificate(*INSTANCE, "bank"): 2_000_000_004.0,
        "labels-of-a-tenant": 2_000_000_000.0,
    }
    for name, end in ends.items():
        cluster.owned.handle_event("Secret", secret(name, end))
    cluster.owned.handle_event("Secret", owned("x-database-tls", data={"tls.crt": "bm90aGluZw=="}))
    found = {
        labels["certificate"]: cluster.value(table.CERTIFICATE_NOT_AFTER, certificate=labels["certificate"])
        for name, labels in cluster.series()
        if name == table.CERTIFICATE_NOT_AFTER.name
    }
    assert found == {
        "application": 2_000_000_001.0,
        "agent-gateway": 2_000_000_002.0,
        "ca": 2_000_000_003.0,
        "agents": 2_000_000_004.0,
    }


def test_reasons_are_those_of_the_operator() -> None:
    for reason in Reason:
        assert known_reason(reason) == reason
    for reason in COMPONENT_REASONS:
        assert known_reason(f"Storage{reason}") == f"Storage{reason}"
    assert known_reason("Whatever") == known_reason("") == known_reason("MainSecretNotFound") == "Other"


def test_the_number_of_series_is_bounded() -> None:
    """Users who write statuses, pods or labeled objects can only add a limited number of series."""
    cluster = Cluster()
    foreign = [condition(f"Tenant{number}", "True", "AddressAssigned") for number in range(100)]
    cluster.add(*(condition(kind, "False", f"Made{kind}Up") for kind in CONDITIONS), *foreign)
    for number in range(100):
        cluster.owned.handle_event("PersistentVolumeClaim", claim(f"x-{number}", "1Gi"))
        cluster.injections.count("not_added")
    for name in ("x", "x-database", "x-storage"):
        cluster.owned.handle_event("PersistentVolumeClaim", claim(name, "1Gi"))
    assert {labels["reason"] for name, labels in cluster.series() if name == table.INSTANCE_CONDITION.name} == {"Other"}
    assert len(cluster.series()) == 2 + len(CONDITIONS) + 3 + 1
    assert len(CONDITIONS) < 16
