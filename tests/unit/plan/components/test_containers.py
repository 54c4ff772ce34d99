"""Grafana and its data source: the two containers without objects of their own."""

from __future__ import annotations

from tests.unit.cluster_state import container, environment, mounts, settled

S3 = {"objectStorageOptions": {"secretName": "s", "provider": {"url": "https://s3.example.com", "region": "r"}}}
DIRECTORY = "/var/run/secrets/operator.cryostat.io/sample-storage-tls"


def test_grafana_asks_the_data_source_in_its_own_pod() -> None:
    plan = settled().plan
    env = environment(plan, "sample", "sample-grafana")
    assert env["JFR_DATASOURCE_URL"] == environment(plan)["GRAFANA_DATASOURCE_URL"] == "http://127.0.0.1:8989"
    assert container(plan, "sample", "sample-grafana")["startupProbe"]["failureThreshold"] == 30


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


def test_development_images_are_always_pulled() -> None:
    containers = ["sample", "sample-grafana", "sample-jfr-datasource", "sample-auth-proxy", "sample-agent-proxy"]
    plan = settled().plan
    assert {container(plan, "sample", name)["imagePullPolicy"] for name in containers} == {"Always"}


def test_probes_that_start_a_program_may_take_five_seconds() -> None:
    plan = settled().plan
    for deployment in plan.objects.values():
        if deployment["kind"] != "Deployment":
            continue
        for each in deployment["spec"]["template"]["spec"]["containers"]:
            if each["name"] in ("sample", "sample-jfr-datasource"):
                assert each["livenessProbe"]["timeoutSeconds"] == 5
    assert container(plan, "sample", "sample")["startupProbe"]["timeoutSeconds"] == 5
