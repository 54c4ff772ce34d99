"""What all containers of an instance have in common: probes, time to start, images and addresses."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from cryostat_operator.plan.model.kinds import Obj
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import ClusterState, container, cryostat, environment, find, settled


def test_probes_that_start_a_program_may_take_five_seconds() -> None:
    plan = settled().plan
    for name in ("sample", "sample-jfr-datasource"):
        assert container(plan, "sample", name)["livenessProbe"]["timeoutSeconds"] == 5
    assert container(plan, "sample", "sample")["startupProbe"]["timeoutSeconds"] == 5


def test_development_images_are_always_pulled() -> None:
    settings = Settings.from_env({"RELATED_IMAGE_CORE": "example.com/cryostat:latest"})
    plan = ClusterState(cryostat(), settings=settings).settle().plan
    assert container(plan, "sample", "sample")["imagePullPolicy"] == "Always"
    assert container(plan, "sample", "sample-grafana")["imagePullPolicy"] == "IfNotPresent"


# Seconds that the Go operator's probes give a program to start; the database has no limit there.
MIN_STARTUP_SECONDS = {
    ("sample", "sample"): 180,
    ("sample", "sample-grafana"): 300,
    ("sample", "sample-jfr-datasource"): 30,
    ("sample-database", "sample-db"): 86_400,
    ("sample-storage", "sample-storage"): 130,
    ("sample-reports", "sample-reports"): 30,
}


@pytest.mark.parametrize(("deployment", "name"), MIN_STARTUP_SECONDS)
def test_every_container_with_a_slow_start_is_probed_every_second(deployment: str, name: str) -> None:
    probe = container(settled({"reportOptions": {"replicas": 1}}).plan, deployment, name)["startupProbe"]
    assert probe["periodSeconds"] == 1
    assert probe["failureThreshold"] >= MIN_STARTUP_SECONDS[deployment, name]


def test_programs_in_containers_have_time_to_answer() -> None:
    plan = settled({"reportOptions": {"replicas": 1}}).plan
    kinds = ("livenessProbe", "readinessProbe", "startupProbe")
    containers = [container(plan, *place) for place in MIN_STARTUP_SECONDS]
    probes = [each[kind] for each in containers for kind in kinds if "exec" in each.get(kind, {})]
    assert len(probes) == 6
    assert all(probe["timeoutSeconds"] >= 3 for probe in probes)


SLOW_DATABASE = 60  # seconds from the start of its container until it accepts connections
APPLICATION_START = 30  # seconds of the JVM and of the migration


def test_every_jvm_has_the_time_to_start_that_a_busy_node_needs() -> None:
    """A report generator that was killed after 60 seconds never started on a node whose processors were in use."""
    plan = settled({"reportOptions": {"replicas": 1}}).plan
    places = (("sample", "sample"), ("sample", "sample-jfr-datasource"), ("sample-reports", "sample-reports"))
    assert [seconds_until_killed(container(plan, *place)) for place in places] == [180, 180, 180]


def test_nothing_restarts_while_a_database_needs_a_minute() -> None:
    """The application tries to connect for longer, and no probe ends a container before."""
    plan = settled({"reportOptions": {"replicas": 1}}).plan
    env = environment(plan)
    tries = int(env["QUARKUS_FLYWAY_CONNECT_RETRIES"]) * int(env["QUARKUS_FLYWAY_CONNECT_RETRIES_INTERVAL"])
    assert tries >= SLOW_DATABASE
    # An application that waits until its last attempt is not killed before it either.
    assert seconds_until_killed(container(plan, "sample", "sample")) >= tries + APPLICATION_START
    assert seconds_until_killed(container(plan, "sample-database", "sample-db")) >= SLOW_DATABASE


def seconds_until_killed(container: Obj) -> int:
    """How long the kubelet lets a container start before a probe ends it."""
    probe = container.get("startupProbe") or container["livenessProbe"]
    return int(probe.get("initialDelaySeconds", 0) + probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3))


def test_proxies_answer_their_liveness_probes_without_the_application() -> None:
    """The proxies in its pod answer their liveness probes themselves while the application waits."""
    for name in ("sample-auth-proxy", "sample-agent-proxy"):
        probe = container(settled().plan, "sample", name)["livenessProbe"]["httpGet"]
        assert probe["path"] in ("/ping", "/healthz")


def test_programs_listen_on_one_address_whatever_addresses_the_cluster_has() -> None:
    """On 0.0.0.0 these programs also accept connections to IPv6 addresses, so pods need no rollout for it."""
    for openshift in (False, True):
        state = settled({"reportOptions": {"replicas": 1}}, openshift=openshift)
        state.snapshot = replace(state.snapshot, api_server=("fd00::1",))
        plan = state.plan
        assert environment(plan, "sample-storage", "sample-storage")["IP_BIND"] == "0.0.0.0"
        assert "args" not in container(plan, "sample-storage", "sample-storage")
        assert environment(plan, "sample-reports", "sample-reports")["QUARKUS_HTTP_HOST"] == "0.0.0.0"
        if openshift:
            assert "--http-address=0.0.0.0:4180" in container(plan, "sample", "sample-auth-proxy")["args"]
        else:
            [config] = find(plan, "ConfigMap", "sample-oauth2-proxy-cfg")["data"].values()
            assert json.loads(config)["server"]["bindAddress"] == "http://0.0.0.0:4180"
