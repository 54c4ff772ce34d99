"""Java options: agents are recognized by words, and present options are kept without reading Secrets."""

from __future__ import annotations

import time

import pytest

from cryostat_operator.plan.injection import labels
from cryostat_operator.plan.injection.java_options import INHERITED_OPTIONS, ContainerVariables, agent_paths
from cryostat_operator.plan.injection.label_hints import SMART_TRIGGERS
from cryostat_operator.plan.injection.pod_fields import NotInjectableError

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
    started = time.perf_counter()
    agent_paths(options)
    return time.perf_counter() - started


def test_hostile_options_take_linear_time() -> None:
    """Sixteen times the size takes less than 100 times as long; a regular expression took 4,096 times as long."""
    hostile = "-javaagent:cryostat-agent"
    small = min(seconds(hostile * 500) for _ in range(5))
    large = min(seconds(hostile * 8000) for _ in range(5))
    assert large < 100 * max(small, 1e-5)


@pytest.mark.parametrize("parse", [labels.duration, labels.size, lambda text: labels.number(text, 1, 9)])
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


def test_secrets_that_are_not_read_are_referred_to() -> None:
    """The kubelet takes the last entry that has a value, so the options of the Secret are kept if it has some."""
    container = {
        "envFrom": [{"secretRef": {"name": "a"}}, {"prefix": "JAVA_", "secretRef": {"name": "b"}},
                    {"prefix": "X_", "secretRef": {"name": "c"}}],
        "env": [],
    }  # fmt: skip
    ContainerVariables(container, {}, secrets_unread=True).append_option("JAVA_TOOL_OPTIONS", OPTION)
    keys = [("a", "JAVA_TOOL_OPTIONS"), ("b", "TOOL_OPTIONS")]
    references = [{"secretKeyRef": {"name": name, "key": key, "optional": True}} for name, key in keys]
    assert container["env"] == [
        {"name": INHERITED_OPTIONS, "value": ""},
        *({"name": INHERITED_OPTIONS, "valueFrom": each} for each in references),
        {"name": "JAVA_TOOL_OPTIONS", "value": f"$({INHERITED_OPTIONS}) {OPTION}"},
    ]


def test_without_a_matching_prefix_nothing_is_referred_to() -> None:
    container = {"envFrom": [{"prefix": "X_", "secretRef": {"name": "c"}}], "env": []}
    ContainerVariables(container, {}, secrets_unread=True).append_option("JAVA_TOOL_OPTIONS", OPTION)
    assert container["env"] == [{"name": "JAVA_TOOL_OPTIONS", "value": OPTION}]


def test_a_config_map_that_cannot_be_read_still_prevents_the_injection() -> None:
    container = {"envFrom": [{"configMapRef": {"name": "a"}}], "env": []}
    with pytest.raises(NotInjectableError, match="ConfigMap a, which cannot be read"):
        ContainerVariables(container, {}, secrets_unread=True).append_option("JAVA_TOOL_OPTIONS", OPTION)
