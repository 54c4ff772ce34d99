"""The database."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.diff.plan_diff import diff
from cryostat_operator.plan.model.kinds import Key, Obj
from tests.unit.cluster_state import (
    NAMESPACE,
    changes,
    container,
    environment,
    find,
    names_of,
    reasons,
    settled,
    volumes,
)

CLAIM = Key("PersistentVolumeClaim", NAMESPACE, "sample-database")


def test_another_service_port_reaches_the_application_but_not_the_container() -> None:
    spec = {"serviceOptions": {"databaseConfig": {"databasePort": 6543}}}
    assert changes(settled().plan, settled(spec).plan) == {
        "Service/sample-database.spec.ports[jdbc].port": 6543,
        "Deployment/sample.spec.template.spec.containers[sample].env[QUARKUS_DATASOURCE_JDBC_URL].value": (
            "jdbc:postgresql://sample-database.here.svc.cluster.local:6543/cryostat"
        ),
    }


@pytest.mark.parametrize(
    ("wanted", "live", "result"),
    [("1Gi", "500Mi", "1Gi"), ("500Mi", "1Gi", "1Gi"), ("1Gi", "1024Mi", "1024Mi"), ("2G", "1Gi", "2G")],
)
def test_a_claim_only_grows(wanted: str, live: str, result: str) -> None:
    def spec(size: str) -> dict[str, Any]:
        return {"storageOptions": {"database": {"pvc": {"spec": {"resources": {"requests": {"storage": size}}}}}}}

    state = settled(spec(live)).with_spec(spec(wanted))
    claim = find(state.plan, "PersistentVolumeClaim", "sample-database")
    assert claim["spec"]["resources"]["requests"]["storage"] == result


def test_nothing_else_of_an_existing_claim_changes() -> None:
    state = settled()
    live = state.snapshot.live[CLAIM]
    live["spec"] |= {"volumeName": "pv-1", "storageClassName": "standard", "volumeMode": "Filesystem"}
    changed = {"pvc": {"labels": {"a": "b"}, "spec": {"storageClassName": "fast", "accessModes": ["ReadWriteMany"]}}}
    claim = find(state.with_spec({"storageOptions": {"database": changed}}).plan, *CLAIM[0::2])
    assert claim["spec"] == live["spec"]
    assert claim["metadata"]["labels"]["a"] == "b"


def test_requests_without_storage_get_the_default_size() -> None:
    spec: dict[str, Any] = {"storageOptions": {"database": {"pvc": {"spec": {"resources": {"requests": {}}}}}}}
    claim = find(settled(spec).plan, "PersistentVolumeClaim", "sample-database")
    assert claim["spec"] == {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "500Mi"}}}


EMPTY_DIR = {"storageOptions": {"database": {"emptyDir": {"enabled": True, "medium": "Memory", "sizeLimit": "200Mi"}}}}


def test_an_empty_dir_replaces_the_claim() -> None:
    plan = settled(EMPTY_DIR).plan
    assert volumes(plan, "sample-database")["sample-database"] == {
        "emptyDir": {"medium": "Memory", "sizeLimit": "200Mi"}
    }
    assert CLAIM not in plan.objects


def test_an_existing_claim_is_not_replaced_by_an_empty_dir_without_confirmation() -> None:
    state = settled().with_spec(EMPTY_DIR)
    assert reasons(state.plan.problems) == {"DataLossConfirmationRequired"}
    assert "persistentVolumeClaim" in volumes(state.plan, "sample-database")["sample-database"]
    assert CLAIM in state.plan.objects
    confirmed = state.with_spec(EMPTY_DIR, annotations={constants.ANNOTATION_ALLOW_DATA_LOSS: "true"}).plan
    assert reasons(confirmed.problems) == set()
    assert "emptyDir" in volumes(confirmed, "sample-database")["sample-database"]
    assert CLAIM not in confirmed.objects


def test_the_deprecated_volume_serves_where_the_own_one_is_absent() -> None:
    spec: dict[str, Any] = {"storageOptions": {"pvc": {"spec": {"storageClassName": "slow"}}}}
    claim = find(settled(spec).plan, "PersistentVolumeClaim", "sample-database")
    assert claim["spec"]["storageClassName"] == "slow"
    spec["storageOptions"]["database"] = {}
    claim = find(settled(spec).plan, "PersistentVolumeClaim", "sample-database")
    assert "storageClassName" not in claim["spec"]


def test_pods_have_no_token_and_a_user_context_keeps_the_group_of_the_volume() -> None:
    spec = {"securityOptions": {"podSecurityContext": {"runAsUser": 5}}}
    pod = find(settled(spec).plan, "Deployment", "sample-database")["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"] == {"fsGroup": 18500, "runAsUser": 5}


def test_tls_adds_arguments_a_volume_and_a_verified_connection() -> None:
    plan = settled({"enableCertManager": True}).plan
    directory = "/var/run/secrets/operator.cryostat.io/sample-database-tls"
    assert container(plan, "sample-database", "sample-db")["args"] == [
        *("-c", "ssl=on"),
        *("-c", f"ssl_cert_file={directory}/tls.crt"),
        *("-c", f"ssl_key_file={directory}/tls.key"),
    ]
    assert environment(plan)["QUARKUS_DATASOURCE_JDBC_URL"].endswith(
        f"?ssl=true&sslmode=verify-full&sslcert=&sslrootcert={directory}/ca.crt"
    )


def test_the_service_selects_exactly_the_pods_of_the_deployment() -> None:
    plan = settled({"reportOptions": {"replicas": 1}}).plan
    pods = {
        name: find(plan, "Deployment", name)["spec"]["template"]["metadata"]["labels"]
        for name in names_of(plan, "Deployment")
    }
    for service in ("sample", "sample-agent", "sample-database", "sample-storage", "sample-reports"):
        selector = find(plan, "Service", service)["spec"]["selector"]
        wanted = "sample" if service == "sample-agent" else service
        assert [name for name, labels in pods.items() if selector.items() <= labels.items()] == [wanted]


def test_the_volume_of_cryostat_3_is_neither_used_nor_deleted_and_reported() -> None:
    state = settled()
    former: Obj = {"kind": "PersistentVolumeClaim", "metadata": {"name": "sample", "namespace": NAMESPACE, "uid": "1"}}
    former["metadata"]["labels"] = state.instance.ownership_labels
    former["metadata"]["ownerReferences"] = [state.instance.owner_reference]
    state.with_live(former)
    assert [problem.message for problem in state.plan.warnings if problem.reason == "FormerVolumeUnused"] == [
        "PersistentVolumeClaim here/sample holds the data of Cryostat 3.0 or earlier (PostgreSQL 15). This version "
        "cannot read it, and neither mounts nor changes it. Export what is needed, then delete the claim "
        "(docs/upgrade.md)."
    ]
    used = {
        (volume.get("persistentVolumeClaim") or {}).get("claimName")
        for obj in state.plan.objects.values()
        if obj["kind"] == "Deployment"
        for volume in obj["spec"]["template"]["spec"].get("volumes") or ()
    }
    assert used == {None, "sample-database", "sample-storage"}
    changed = diff(state.plan, state.snapshot, state.cryostat.metadata["uid"]).changes
    assert [change for change in changed if change.key.name == "sample" and "Claim" in change.key.kind] == []
    assert state.plan.objects.keys() >= {CLAIM}
