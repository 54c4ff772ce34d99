"""Java options: agents are recognized by words, and present options are kept without reading Secrets."""

from __future__ import annotations

import time
from typing import Any

import pytest

from cryostat_operator.plan.injection import labels
from cryostat_operator.plan.injection.java_options import INHERITED_OPTIONS, ContainerVariables, Keys, agent_paths
from cryostat_operator.plan.injection.label_hints import SMART_TRIGGERS

JAR = "/tmp/cryostat-agent/cryostat-agent-shaded.jar"
OPTION = f"-javaagent:{JAR}=x=off"


@pytest.mark.parametrize(
    ("options", "paths"),
    [
        ("", []),
        ("-Xmx1g -Da=-javaagent:/cryostat-agent.jar", []),
        ("-javaagent:/other.jar", []),
        (OPTION, [JAR]),
        ('-Xmx1g "-javaagent:/a/cryostat-agent-0.5.jar=x"', ["/a/cryostat-agent-0.5.jar"]),
        ("-javaagent:'/a/cryostat-agent.jar'\n-Xms1m", ["/a/cryostat-agent.jar"]),
    ],
)
def test_agents_in_options(options: str, paths: list[str]) -> None:
    assert agent_paths(options) == paths


def seconds(options: str) -> float:
    """The processor time, which does not depend on other programs."""
    started = time.process_time()
    agent_paths(options)
    return time.process_time() - started


def test_hostile_options_take_linear_time() -> None:
    """Sixteen times the size takes less than 100 times as long; a regular expression took 4,096 times as long."""
    hostile = "-javaagent:cryostat-agent"
    small = min(seconds(hostile * 500) for _ in range(5))
    large = min(seconds(hostile * 8000) for _ in range(5))
    assert large < 100 * max(small, 1e-5)


@pytest.mark.parametrize(
    "parse", [labels.parse_duration, labels.parse_size, lambda text: labels.parse_number(text, 1, 9)]
)
def test_numbers_of_many_digits_are_refused_at_once(parse: object) -> None:
    assert callable(parse)
    for text in ("1" * 10**6, "1." * 10**6, "1m" * 10**6):
        with pytest.raises(ValueError, match="a "):
            parse(text)


def test_long_labels_and_many_unknown_labels_are_bounded() -> None:
    many = {f"cryostat.io/x{number}": "y" for number in range(20_000)}
    parsed = labels.parse_labels({**many, "cryostat.io/harvester-period": "1" * 10**6}, {})
    assert len(parsed.hints) == labels.MAX_HINTS
    assert [len(error) < 100 for error in parsed.errors] == [True]
    triggers = {SMART_TRIGGERS: ",".join(f"c{number}" for number in range(100_000))}
    assert "64 are allowed" in labels.parse_labels({}, triggers).errors[0]


def variables(container: dict[str, Any], keys: Keys | None = None) -> list[Any]:
    """The variables of a container to whose Java options an option was appended."""
    container.setdefault("env", [])
    ContainerVariables(container, keys or {}).append_option("JAVA_TOOL_OPTIONS", OPTION)
    return list(container["env"])


def inherited(*references: dict[str, Any]) -> list[Any]:
    return [
        {"name": INHERITED_OPTIONS, "value": ""},
        *({"name": INHERITED_OPTIONS, "valueFrom": each} for each in references),
        {"name": "JAVA_TOOL_OPTIONS", "value": f"$({INHERITED_OPTIONS}) {OPTION}"},
    ]


def reference(kind: str, name: str, key: str = "JAVA_TOOL_OPTIONS") -> dict[str, Any]:
    return {f"{kind}KeyRef": {"name": name, "key": key, "optional": True}}


def test_sources_that_are_not_read_are_referred_to() -> None:
    """The kubelet takes the last entry that has a value, so the options of a source are kept if it has some."""
    container = {
        "envFrom": [{"secretRef": {"name": "a"}}, {"prefix": "JAVA_", "configMapRef": {"name": "b"}},
                    {"prefix": "X_", "secretRef": {"name": "c"}}, {"secretRef": {"name": "d"}}],
    }  # fmt: skip
    keys: Keys = {("Secret", "d"): frozenset({"OTHER"}), ("ConfigMap", "b"): None}
    expected = inherited(reference("secret", "a"), reference("configMap", "b", "TOOL_OPTIONS"))
    assert variables(container, keys) == expected


def test_a_key_that_is_known_may_be_removed_before_the_container_starts_again() -> None:
    """The kubelet would leave `$(JAVA_TOOL_OPTIONS)` in the value, and the JVM would not start."""
    container = {"envFrom": [{"configMapRef": {"name": "a"}}]}
    keys: Keys = {("ConfigMap", "a"): frozenset({"JAVA_TOOL_OPTIONS"})}
    assert variables(container, keys) == inherited(reference("configMap", "a"))


def test_a_config_map_that_is_not_read_is_named() -> None:
    container = {"envFrom": [{"secretRef": {"name": "a"}}, {"configMapRef": {"name": "b"}}]}
    hint = "ConfigMap b cannot be read: variables of the agent in it have no effect"
    assert ContainerVariables(container, {}).hints == [hint]
    assert ContainerVariables(container, {("ConfigMap", "b"): frozenset()}).hints == []
    assert ContainerVariables(container, {("ConfigMap", "b"): None}).hints == []  # it does not exist


def test_without_a_matching_prefix_nothing_is_referred_to() -> None:
    option = [{"name": "JAVA_TOOL_OPTIONS", "value": OPTION}]
    assert variables({"envFrom": [{"prefix": "X_", "secretRef": {"name": "c"}}]}) == option
    assert variables({"envFrom": [{"prefix": "JAVA_TOOL_OPTIONS", "secretRef": {"name": "c"}}]}) == option


def test_an_optional_reference_may_have_no_value() -> None:
    source = reference("configMap", "a", "java")
    assert variables({"env": [{"name": "JAVA_TOOL_OPTIONS", "valueFrom": source}]}) == inherited(source)


def test_an_optional_reference_without_a_value_leaves_the_value_of_env_from() -> None:
    source = reference("secret", "a", "java")
    container = {
        "envFrom": [{"configMapRef": {"name": "b"}}],
        "env": [{"name": "JAVA_TOOL_OPTIONS", "valueFrom": source}],
    }
    assert variables(container) == inherited(reference("configMap", "b"), source)
    required = {"secretKeyRef": {"name": "a", "key": "java"}}
    container["env"] = [{"name": "JAVA_TOOL_OPTIONS", "valueFrom": required}]
    assert [each.get("valueFrom") for each in variables(container)] == [required, None]


def test_later_variables_may_refer_to_the_options() -> None:
    source = {"secretKeyRef": {"name": "a", "key": "java"}}
    later = {"name": "JAVA_OPTS", "value": "$(JAVA_TOOL_OPTIONS) -Xmx1g"}
    found = variables({"env": [{"name": "JAVA_TOOL_OPTIONS", "valueFrom": source}, later]})
    assert found == [
        {"name": INHERITED_OPTIONS, "valueFrom": source},
        {"name": "JAVA_TOOL_OPTIONS", "value": f"$({INHERITED_OPTIONS}) {OPTION}"},
        later,
    ]
