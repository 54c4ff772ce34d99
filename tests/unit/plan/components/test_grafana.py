"""The container of Grafana."""

from __future__ import annotations

from tests.unit.cluster_state import container, environment, settled


def test_grafana_asks_the_data_source_in_its_own_pod() -> None:
    plan = settled().plan
    env = environment(plan, "sample", "sample-grafana")
    assert env["JFR_DATASOURCE_URL"] == environment(plan)["GRAFANA_DATASOURCE_URL"] == "http://127.0.0.1:8989"


def test_browsers_open_it_below_the_path_of_the_authentication_proxy() -> None:
    env = environment(settled().plan, "sample", "sample-grafana")
    assert env["GF_SERVER_ROOT_URL"] == "http://localhost:4180/grafana/"
    assert env["GF_SERVER_SERVE_FROM_SUB_PATH"] == "true"
    assert env["GF_AUTH_ANONYMOUS_ENABLED"] == "true", "the authentication proxy asks for a login"


def test_probes_ask_for_its_health() -> None:
    found = container(settled().plan, "sample", "sample-grafana")
    for probe in ("livenessProbe", "startupProbe"):
        assert found[probe]["httpGet"] == {"path": "/api/health", "port": 3000, "scheme": "HTTP"}
    startup = found["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] == 300, "it may start for five minutes"


def test_resources_and_security_context_of_the_spec_are_used() -> None:
    spec = {
        "resources": {"grafanaResources": {"limits": {"cpu": "2"}}},
        "securityOptions": {"grafanaSecurityContext": {"runAsUser": 5}},
    }
    found = container(settled(spec).plan, "sample", "sample-grafana")
    assert found["resources"]["limits"] == {"cpu": "2"}
    assert found["securityContext"] == {"runAsUser": 5}
    default = container(settled().plan, "sample", "sample-grafana")["resources"]
    assert default == {"requests": {"cpu": "100m", "memory": "192Mi"}, "limits": {"cpu": "1", "memory": "384Mi"}}
