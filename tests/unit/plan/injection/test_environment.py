"""Environment variables of the agent."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from cryostat_operator.plan.injection.environment import TRIGGERS_DIRECTORY
from cryostat_operator.plan.injection.pod_fields import PodContext
from cryostat_operator.plan.model import names
from tests.unit.cluster_state import NAME, NAMESPACE
from tests.unit.plan.injection.agent_variables import instance, variables


@pytest.mark.parametrize("tls", [False, True])
def test_a_variable_refers_only_to_variables_before_it(tls: bool) -> None:
    found, before = variables(instance(tls=tls)), set[str]()
    for name, value in found.items():
        references = re.findall(r"\$\(CRYOSTAT_AGENT_(\w+)\)", str(value))
        assert set(references) <= before, name
        before.add(name)


def test_the_agent_finds_the_instance_at_the_service_of_the_gateway() -> None:
    assert variables(instance())["BASEURI"] == f"http://{NAME}-agent.{NAMESPACE}.svc:8282"
    spec = {"serviceOptions": {"agentGatewayConfig": {"httpPort": 1234}}}
    assert variables(instance(spec, tls=True))["BASEURI"] == f"https://{NAME}-agent.{NAMESPACE}.svc:1234"


def test_options_of_the_labels() -> None:
    found = variables(instance(), read_only="true", callback_port="1234", harvester_template="t", smart_triggers="a")
    assert (found["API_WRITES_ENABLED"], found["WEBSERVER_PORT"], found["CALLBACK_PORT"]) == ("false", "1234", "1234")
    assert (found["HARVESTER_TEMPLATE"], found["HARVESTER_EXIT_MAX_AGE_MS"]) == ("t", "30000")
    assert "HARVESTER_PERIOD_MS" not in found
    assert found["SMART_TRIGGER_CONFIG_PATH"].startswith("/var/run/io.cryostat/smart-triggers")
    assert not {"HARVESTER_TEMPLATE", "SMART_TRIGGER_CONFIG_PATH"} & set(variables(instance()))


def test_the_agent_finds_each_file_with_smart_triggers_once(tmp_path: Path) -> None:
    """The agent reads all files below its path, and follows no links to directories."""
    name = variables(instance(), smart_triggers="a")["SMART_TRIGGER_CONFIG_PATH"]
    volume = tmp_path / TRIGGERS_DIRECTORY.lstrip("/")
    (volume / "..2026").mkdir(parents=True)  # as the kubelet makes the volume
    (volume / "..2026/trigger").write_text("content")
    (volume / "..data").symlink_to("..2026")
    (volume / "trigger").symlink_to("..data/trigger")
    files = [f"{found}/{each}" for found, _, listed in os.walk(f"{tmp_path}{name}") for each in listed]
    assert [Path(each).read_text() for each in files] == ["content"]


@pytest.mark.parametrize(("ipv6", "separator", "host"), [(False, ".", "{}"), (True, ":", "[{}]")])
def test_the_instance_finds_the_agent_by_name_or_by_address(ipv6: bool, separator: str, host: str) -> None:
    context = PodContext("apps", ipv6=ipv6)
    found = variables(instance(), context)
    assert f'[replace("{separator}"\\, "-")]' in found["CALLBACK_HOST_NAME"]
    assert found["CALLBACK_DOMAIN_NAME"] == f"{names.agent_callback_service(NAMESPACE, NAME)}.apps.svc"
    spec = {"agentOptions": {"disableHostnameVerification": True}}
    callback = variables(instance(spec), context)["CALLBACK"]
    assert callback == f"http://{host.format('$(CRYOSTAT_AGENT_POD_IP)')}:9977"


def test_tls_needs_certificates() -> None:
    found = variables(instance(tls=True))
    assert found["WEBSERVER_TLS_KEY_PATH"] == "/var/run/secrets/io.cryostat/cryostat-agent/tls.key"
    assert "WEBCLIENT_TLS_VERSION" not in found
    assert "WEBCLIENT_TLS_REQUIRED" not in found
    assert variables(instance())["WEBCLIENT_TLS_REQUIRED"] == "false"
    fips = variables(instance(tls=True), PodContext("apps", fips=True))
    assert (fips["WEBCLIENT_TLS_VERSION"], fips["WEBSERVER_TLS_VERSION"]) == ("TLSv1.3", "TLSv1.3")
