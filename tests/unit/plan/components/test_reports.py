"""The report generators."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from cryostat_operator.plan.model.kinds import Key
from tests.unit.cluster_state import (
    NAMESPACE,
    ClusterState,
    changes,
    container,
    environment,
    find,
    names_of,
    settled,
)

ONE = {"reportOptions": {"replicas": 1}}
CORE = "Deployment/sample.spec.template.spec.containers[sample].env"


def test_without_replicas_there_is_nothing_but_a_policy() -> None:
    specs: list[dict[str, Any]] = [{}, {"reportOptions": {}}, {"reportOptions": {"replicas": 0}}]
    for spec in specs:
        plan = settled(spec).plan
        assert "sample-reports" not in names_of(plan, "Deployment") | names_of(plan, "Service")
        assert "sample-reports-internal-ingress" in names_of(plan, "NetworkPolicy")


def test_the_first_replica_adds_objects_and_configures_the_application() -> None:
    found = changes(settled().plan, settled(ONE).plan)
    assert found.pop(f"{CORE}[QUARKUS_REST_CLIENT_REPORTS_URL].value") == "http://sample-reports:10000"
    assert {path.split(".")[0] for path in found if "QUARKUS_REST_CLIENT_REPORTS_URL" not in path} == {
        "Deployment/sample-reports",
        "Service/sample-reports",
    }


def test_more_replicas_change_a_number() -> None:
    assert changes(settled(ONE).plan, settled({"reportOptions": {"replicas": 3}}).plan) == {
        "Deployment/sample-reports.spec.replicas": 3
    }


SCALE = {"other": True, "manager": "hpa", "subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}}


def scaled(replicas: int, spec: dict[str, Any]) -> ClusterState:
    """An instance with report generators that an autoscaler has scaled."""
    state = settled(spec)
    live = copy.deepcopy(find(state.plan, "Deployment", "sample-reports"))
    live["metadata"]["managedFields"] = [SCALE]
    live["spec"]["replicas"] = replicas
    return state.with_live(live)


@pytest.mark.parametrize("replicas", [0, 1, 5])
def test_an_autoscaler_decides_the_number_of_replicas(replicas: int) -> None:
    state = scaled(replicas, ONE)
    assert find(state.plan, "Deployment", "sample-reports")["spec"]["replicas"] == replicas
    assert [problem.message for problem in state.plan.warnings if problem.component == "reports"] == [
        "spec.reportOptions.replicas has no effect: hpa scales Deployment here/sample-reports, for example for a "
        "HorizontalPodAutoscaler. To use the field again, delete the autoscaler, then the Deployment."
    ]


def test_no_replicas_in_the_spec_remove_report_generators_that_an_autoscaler_scales() -> None:
    state = scaled(5, ONE).with_spec({"reportOptions": {"replicas": 0}})
    assert "sample-reports" not in names_of(state.plan, "Deployment")
    assert [problem for problem in state.plan.warnings if problem.component == "reports"] == []


def test_a_number_that_was_edited_in_the_deployment_itself_is_restored() -> None:
    state = scaled(5, ONE)
    live = state.snapshot.live[Key("Deployment", NAMESPACE, "sample-reports")]
    live["metadata"]["managedFields"] = [{key: value for key, value in SCALE.items() if key != "subresource"}]
    assert find(state.plan, "Deployment", "sample-reports")["spec"]["replicas"] == 1
    assert [problem for problem in state.plan.warnings if problem.component == "reports"] == []


def test_another_service_port_reaches_the_application() -> None:
    spec = {**ONE, "serviceOptions": {"reportsConfig": {"httpPort": 13161}}}
    assert changes(settled(ONE).plan, settled(spec).plan) == {
        "Service/sample-reports.spec.ports[http].port": 13161,
        f"{CORE}[QUARKUS_REST_CLIENT_REPORTS_URL].value": "http://sample-reports:13161",
    }


@pytest.mark.parametrize(
    ("resources", "cpus", "single"),
    [
        (None, 4, "false"),
        ({"requests": {"cpu": "1600m"}, "limits": {"cpu": "1600m"}}, 2, "false"),
        ({"limits": {"cpu": "500m"}}, 1, "true"),
        ({"limits": {"memory": "1Gi"}}, 2, "false"),
        ({"requests": {"cpu": "100m"}}, 1, "true"),
        ({"requests": {"cpu": "3"}, "limits": {"memory": "1Gi"}}, 3, "false"),
        ({"limits": {"cpu": "0"}}, 1, "true"),
    ],
)
def test_parser_threads_follow_the_cpus(resources: dict[str, Any] | None, cpus: int, single: str) -> None:
    options = {"replicas": 1} | ({"resources": resources} if resources else {})
    java = environment(settled({"reportOptions": options}).plan, "sample-reports", "sample-reports")["JAVA_OPTS_APPEND"]
    assert java == (
        "-XX:-ExitOnOutOfMemoryError -Djava.util.logging.manager=org.jboss.logmanager.LogManager "
        f"-XX:+PrintCommandLineFlags -XX:ActiveProcessorCount={cpus} "
        f"-Dorg.openjdk.jmc.flightrecorder.parser.singlethreaded={single}"
    )


def test_pods_have_no_token_no_group_and_the_users_own_placement() -> None:
    options = {"replicas": 1, "schedulingOptions": {"nodeSelector": {"node": "good"}}}
    pod = find(settled({"reportOptions": options}).plan, "Deployment", "sample-reports")["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert pod["nodeSelector"] == {"node": "good"}


def test_contexts_of_the_user_replace_the_defaults() -> None:
    security = {"podSecurityContext": {"runAsUser": 1}, "reportsSecurityContext": {"runAsUser": 2}}
    plan = settled({"reportOptions": {"replicas": 1, "securityOptions": security}}).plan
    pod = find(plan, "Deployment", "sample-reports")["spec"]["template"]["spec"]
    assert pod["securityContext"] == {"runAsUser": 1}
    assert container(plan, "sample-reports", "sample-reports")["securityContext"] == {"runAsUser": 2}


def test_with_tls_plain_http_is_disabled() -> None:
    env = environment(settled({**ONE, "enableCertManager": True}).plan, "sample-reports", "sample-reports")
    assert env["QUARKUS_HTTP_INSECURE_REQUESTS"] == "disabled"
    assert "QUARKUS_HTTP_PORT" not in env
    assert "-Dquarkus.http.tls-configuration-name=https" in env["JAVA_OPTS_APPEND"]
