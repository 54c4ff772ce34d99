"""The object storage."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.plan.components import storage
from cryostat_operator.plan.model.kinds import Key, Obj
from cryostat_operator.plan.model.requests import RandomValue
from tests.unit.cluster_state import (
    NAMESPACE,
    ClusterState,
    changes,
    cryostat,
    environment,
    find,
    names_of,
    reasons,
    requested_values,
    settled,
    volumes,
)

S3: dict[str, Any] = {
    "secretName": "s3",
    "provider": {"url": "https://s3.example.com:9000", "region": "eu-west-1"},
}
SECRET = Key("Secret", NAMESPACE, "sample-storage")


def test_another_service_port_reaches_the_application() -> None:
    spec = {"serviceOptions": {"storageConfig": {"httpPort": 9333}}}
    assert changes(settled().plan, settled(spec).plan) == {
        "Service/sample-storage.spec.ports[http].port": 9333,
        "Deployment/sample.spec.template.spec.containers[sample].env[QUARKUS_S3_ENDPOINT_OVERRIDE].value": (
            "http://sample-storage.here.svc.cluster.local:9333"
        ),
    }


def test_the_generated_secret_has_a_fixed_user_and_a_random_key() -> None:
    assert requested_values(settled().plan, SECRET) == {"ACCESS_KEY": "cryostat", "SECRET_KEY": RandomValue(32)}


def test_both_sides_use_the_same_credentials() -> None:
    for spec, name in (({}, "sample-storage"), ({"objectStorageOptions": {"secretName": "mine"}}, "mine")):
        plan = settled(spec).plan
        core, storage = environment(plan), environment(plan, "sample-storage", "sample-storage")
        assert core["QUARKUS_S3_AWS_CREDENTIALS_STATIC_PROVIDER_ACCESS_KEY_ID"] == f"{name}/ACCESS_KEY"
        assert core["QUARKUS_S3_AWS_CREDENTIALS_STATIC_PROVIDER_SECRET_ACCESS_KEY"] == f"{name}/SECRET_KEY"
        assert storage["CRYOSTAT_ACCESS_KEY"] == f"{name}/ACCESS_KEY"
        assert storage["CRYOSTAT_SECRET_KEY"] == f"{name}/SECRET_KEY"


def test_variables_with_credentials_follow_the_variables_that_they_refer_to() -> None:
    order = list(environment(settled().plan))
    assert order.index("AWS_ACCESS_KEY_ID") > order.index("QUARKUS_S3_AWS_CREDENTIALS_STATIC_PROVIDER_ACCESS_KEY_ID")
    assert order.index("AWS_SECRET_ACCESS_KEY") > order.index(
        "QUARKUS_S3_AWS_CREDENTIALS_STATIC_PROVIDER_SECRET_ACCESS_KEY"
    )


def test_an_external_provider_replaces_all_managed_objects_except_the_secret() -> None:
    plan = settled({"objectStorageOptions": S3}).plan
    for kind in ("Deployment", "Service", "PersistentVolumeClaim"):
        assert "sample-storage" not in names_of(plan, kind)
    assert "sample-storage-internal-ingress" not in names_of(plan, "NetworkPolicy")
    assert SECRET in plan.requests


def test_the_application_is_configured_for_an_external_provider() -> None:
    env = environment(settled({"objectStorageOptions": S3}).plan)
    variables = {name: env.get(name) for name in env if name.startswith(("QUARKUS_S3_E", "QUARKUS_S3_P", "STORAGE_"))}
    assert variables == {
        "QUARKUS_S3_ENDPOINT_OVERRIDE": "https://s3.example.com:9000",
        "QUARKUS_S3_PATH_STYLE_ACCESS": "true",
        "STORAGE_PRESIGNED_TRANSFERS_ENABLED": "true",
        "STORAGE_METADATA_STORAGE_MODE": "tagging",
    }
    assert env["QUARKUS_S3_AWS_REGION"] == "eu-west-1"


def test_each_provider_setting_changes_its_variable() -> None:
    prefix = "Deployment/sample.spec.template.spec.containers[sample].env"
    for field, value, variable, text in (
        ("useVirtualHostAccess", True, "QUARKUS_S3_PATH_STYLE_ACCESS", "false"),
        ("disablePresignedFileTransfers", True, "STORAGE_PRESIGNED_TRANSFERS_ENABLED", "false"),
        ("disablePresignedDownloads", True, "STORAGE_PRESIGNED_DOWNLOADS_ENABLED", "false"),
        ("disablePresignedDownloads", False, "STORAGE_PRESIGNED_DOWNLOADS_ENABLED", "true"),
        ("metadataMode", "bucket", "STORAGE_METADATA_STORAGE_MODE", "bucket"),
    ):
        changed = {**S3, "provider": {**S3["provider"], field: value}}
        found = changes(settled({"objectStorageOptions": S3}).plan, settled({"objectStorageOptions": changed}).plan)
        assert found.pop(f"{prefix}[{variable}].value") == text
        assert set(found) <= {f"{prefix}[{variable}].name"}


def test_presigned_transfers_from_the_managed_storage_can_be_disabled() -> None:
    prefix = "Deployment/sample.spec.template.spec.containers[sample].env"
    provider = {"disablePresignedFileTransfers": True, "disablePresignedDownloads": True}
    found = changes(settled().plan, settled({"objectStorageOptions": {"provider": provider}}).plan)
    assert found == {f"{prefix}[STORAGE_PRESIGNED_TRANSFERS_ENABLED].value": "false"}


def test_all_readers_of_an_external_service_trust_it_on_request() -> None:
    provider = {**S3["provider"], "tlsTrustAll": True}
    for given, application, readers in ((S3["provider"], "system-property", None), (provider, "trust-all", "true")):
        spec = {"objectStorageOptions": {**S3, "provider": given}, "reportOptions": {"replicas": 1}}
        plan = settled(spec).plan
        env = environment(plan)
        for client in ("SYNC", "ASYNC"):
            assert env[f"QUARKUS_S3_{client}_CLIENT_TLS_TRUST_MANAGERS_PROVIDER_TYPE"] == application
            assert env[f"QUARKUS_S3_{client}_CLIENT_TLS_KEY_MANAGERS_PROVIDER_TYPE"] == "none"
        for deployment, container in (("sample-reports", "sample-reports"), ("sample", "sample-jfr-datasource")):
            found = environment(plan, deployment, container)
            assert found.get("CRYOSTAT_STORAGE_IGNORE_TLS") == readers
            assert found.get("CRYOSTAT_STORAGE_VERIFY_HOSTNAME") == (readers and "false")


def test_the_credentials_of_the_user_are_waited_for_with_their_name() -> None:
    plan = settled({"objectStorageOptions": S3}).without_data("Secret", "s3").plan
    problem = plan.blocked[Key("Deployment", NAMESPACE, "sample")].problem
    assert (problem.reason, problem.actionable) == ("SecretNotFound", True)
    assert "Secret s3 " in problem.message


def test_an_empty_dir_without_limit_is_unlimited() -> None:
    plan = settled({"storageOptions": {"objectStorage": {"emptyDir": {"enabled": True}}}}).plan
    assert volumes(plan, "sample-storage")["sample-storage"] == {"emptyDir": {"sizeLimit": "0"}}


def test_recordings_are_not_abandoned_without_confirmation() -> None:
    state = settled().with_spec({"storageOptions": {"objectStorage": {"emptyDir": {"enabled": True}}}})
    assert reasons(state.plan.problems) == {"DataLossConfirmationRequired"}
    assert "persistentVolumeClaim" in volumes(state.plan, "sample-storage")["sample-storage"]


def test_probes_use_the_path_that_every_release_has() -> None:
    """The storage of Cryostat 4.2 has no /readyz: its pod would never be ready."""
    container = find(settled().plan, "Deployment", "sample-storage")["spec"]["template"]["spec"]["containers"][0]
    probes = ("livenessProbe", "readinessProbe", "startupProbe")
    assert {container[probe]["httpGet"]["path"] for probe in probes} == {"/healthz"}


def test_tls_changes_probes_and_address() -> None:
    plan = settled({"enableCertManager": True}).plan
    pod = find(plan, "Deployment", "sample-storage")["spec"]["template"]["spec"]
    assert {
        pod["containers"][0][p]["httpGet"]["scheme"] for p in ("livenessProbe", "readinessProbe", "startupProbe")
    } == {"HTTPS"}
    assert environment(plan)["QUARKUS_S3_ENDPOINT_OVERRIDE"].startswith("https://")


@pytest.mark.parametrize(("external", "said"), [(False, ["ClaimUnchangeable"]), (True, [])])
def test_the_claim_of_a_former_managed_storage_causes_no_warning(external: bool, said: list[str]) -> None:
    claim: Obj = {
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "sample-storage", "namespace": "here"},
        "spec": {"resources": {"requests": {"storage": "32Gi"}}},
    }
    smaller = {"storageOptions": {"objectStorage": {"pvc": {"spec": {"resources": {"requests": {"storage": "1Gi"}}}}}}}
    spec = {**smaller, **({"objectStorageOptions": S3} if external else {})}
    found = storage.build(ClusterState(cryostat(spec)).with_live(claim).instance)
    assert [warning.reason for warning in found.warnings] == said
