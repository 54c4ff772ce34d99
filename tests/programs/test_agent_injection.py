"""A JVM starts with the agent and its options in a pod that the operator mutated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cryostat_operator.plan.injection.init_container import AGENT_DIRECTORY
from cryostat_operator.plan.injection.pod_fields import PodContext
from tests.java import jvm
from tests.unit.plan.injection.pods import pod, with_agent

pytestmark = pytest.mark.skipif(not jvm.AVAILABLE, reason="there is no JDK")


def test_a_jvm_reads_the_options_of_a_mutated_pod(tmp_path: Path) -> None:
    directory = jvm.build(tmp_path)
    fields = {"metadata.name": "app-1", "status.podIP": "10.1.2.3", "java": "-Down=referred"}
    missing = {"configMapKeyRef": {"name": "o", "key": "missing", "optional": True}}
    reference = {"name": "JAVA_TOOL_OPTIONS", "valueFrom": {"configMapKeyRef": {"name": "o", "key": "java"}}}
    from_all = PodContext("apps", {("ConfigMap", "a"): frozenset({"JAVA_TOOL_OPTIONS"})})
    cases: list[tuple[dict[str, Any], dict[str, str], PodContext, str]] = [
        ({}, {}, PodContext("apps"), "null"),
        ({"env": [{"name": "JAVA_TOOL_OPTIONS", "value": "-Down=written"}]}, {}, PodContext("apps"), "written"),
        ({"env": [reference]}, {}, PodContext("apps"), "referred"),
        ({"env": [{"name": "JAVA_TOOL_OPTIONS", "valueFrom": missing}]}, {}, PodContext("apps"), "null"),
        ({"envFrom": [{"configMapRef": {"name": "a"}}]}, {"JAVA_TOOL_OPTIONS": "-Down=all"}, from_all, "all"),
        # The key was removed, or the ConfigMap is created without it, before the container starts.
        ({"envFrom": [{"configMapRef": {"name": "a"}}]}, {}, from_all, "null"),
        ({"envFrom": [{"configMapRef": {"name": "a"}}]}, {}, PodContext("apps"), "null"),
        ({}, {}, PodContext("apps"), "null"),
    ]
    for number, (container, sources, where, own) in enumerate(cases):
        labels = {"cryostat.io/java-options-var": "JDK_JAVA_OPTIONS"} if number == len(cases) - 1 else {}
        after = with_agent(pod(container, {**labels, "cryostat.io/log-level": "info"}), where=where)
        variables = jvm.environment(after["spec"]["containers"][0], sources, {**sources, **fields})
        result = jvm.run(directory, variables, AGENT_DIRECTORY)
        lines = result.stdout.splitlines()
        assert result.returncode == 0, result.stderr
        assert lines[0] == "agent: io.cryostat.agent.shaded.org.slf4j.simpleLogger.defaultLogLevel=info"
        assert lines[1] == f"application: own={own}"
        assert "CRYOSTAT_AGENT_APP_NAME=app-1" in lines
        assert 'CRYOSTAT_AGENT_CALLBACK_HOST_NAME=app-1, 10.1.2.3[replace("."\\, "-")]' in lines
