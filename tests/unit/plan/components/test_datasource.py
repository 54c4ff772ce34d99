"""The container of Grafana's data source."""

from __future__ import annotations

from tests.unit.cluster_state import container, environment, mounts, settled

S3 = {"objectStorageOptions": {"secretName": "s", "provider": {"url": "https://s3.example.com", "region": "r"}}}
DIRECTORY = "/var/run/secrets/operator.cryostat.io/sample-storage-tls"


def test_the_data_source_listens_on_loopback_only() -> None:
    assert environment(settled().plan, "sample", "sample-jfr-datasource") == {
        "QUARKUS_HTTP_HOST": "127.0.0.1",
        "QUARKUS_HTTP_PORT": "8989",
    }


def test_with_tls_the_data_source_trusts_the_managed_storage() -> None:
    name = "sample-jfr-datasource"
    plan = settled({"enableCertManager": True}).plan
    env = environment(plan, "sample", name)
    assert env["CRYOSTAT_STORAGE_TLS_CA_PATH"] == f"{DIRECTORY}/s3/ca.crt"
    assert env["CRYOSTAT_STORAGE_TLS_CERT_PATH"] == f"{DIRECTORY}/s3/tls.crt"
    assert DIRECTORY in mounts(plan, "sample", name)
    outside = settled({"enableCertManager": True, **S3}).plan
    assert "CRYOSTAT_STORAGE_TLS_CA_PATH" not in environment(outside, "sample", name)


def test_its_probe_asks_it_on_loopback() -> None:
    found = container(settled().plan, "sample", "sample-jfr-datasource")
    assert found["livenessProbe"]["exec"]["command"] == ["curl", "--fail", "http://127.0.0.1:8989"]


def test_resources_and_security_context_of_the_spec_are_used() -> None:
    spec = {
        "resources": {"dataSourceResources": {"requests": {"cpu": "2"}}},
        "securityOptions": {"dataSourceSecurityContext": {"runAsUser": 5}},
    }
    found = container(settled(spec).plan, "sample", "sample-jfr-datasource")
    assert found["resources"]["requests"]["cpu"] == "2"
    assert found["securityContext"] == {"runAsUser": 5}
    default = container(settled().plan, "sample", "sample-jfr-datasource")["resources"]
    assert default == {"requests": {"cpu": "200m", "memory": "200Mi"}, "limits": {"cpu": "500m", "memory": "500Mi"}}
