"""Formats of smart triggers, and which release of the agent reads them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cryostat_operator.plan.injection.smart_triggers import FILES_SINCE, JSON_SINCE, ignored_triggers

JSON = '[{"condition": "ProcessCpuLoad>0.2", "duration": 30000, "recordingTemplate": "profile"}]'
EARLIER = '[ProcessCpuLoad>0.2;TargetDuration>duration("30s")]~profile'


@pytest.mark.parametrize(
    ("image", "text", "ignored"),
    [
        ("example.com/agent:0.5.3", EARLIER, True),
        ("example.com/agent:0.6.0", EARLIER, False),
        ("example.com/agent:0.7.0", JSON, True),
        ("example.com/agent:0.7.0", f"\n  {JSON}", True),
        ("example.com/agent:0.7.0", EARLIER, False),
        ("example.com/agent:0.8.0", EARLIER, True),
        ("example.com/agent:1.0.0", EARLIER, True),
        ("example.com/agent:0.8.0", JSON, False),
        ("example.com/agent:0.8.0", "[]", False),
        ("example.com/agent:0.8.0", "", False),
        ("example.com/agent:0.7.0", "some notes", False),
        ("example.com/agent:latest", JSON, False),
        ("example.com/agent:latest", EARLIER, False),
    ],
)
def test_a_file_in_the_format_of_another_release_is_ignored(image: str, text: str, ignored: bool) -> None:
    assert bool(ignored_triggers("shop", {"triggers": {"file": text}}, image)) == ignored


def test_the_warning_names_the_config_map_and_the_format() -> None:
    config_maps = {"good": {"a": EARLIER}, "bad": {"a": EARLIER, "b": JSON}, "empty": {}}
    assert ignored_triggers("shop", config_maps, "example.com/agent:0.7.0") == [
        "agent 0.7 ignores smart triggers of ConfigMap shop/bad, "
        "because they are in the format of agents 0.8 and later; "
        'write [EXPRESSION;TargetDuration>duration("30s")]~TEMPLATE'
    ]
    [warning] = ignored_triggers("shop", {"bad": {"a": EARLIER}}, "example.com/agent:0.8.0")
    assert warning.endswith("; write a JSON array of objects with condition, duration and recordingTemplate")


def test_an_agent_that_reads_no_files_is_named() -> None:
    assert ignored_triggers("shop", {"triggers": {"a": EARLIER}}, "example.com/agent:0.5.3") == [
        "agent 0.5 ignores smart triggers of ConfigMap shop/triggers; only agents 0.6 and later read them"
    ]


def test_the_page_has_the_format_of_each_release() -> None:
    page = (Path(__file__).parents[4] / "docs/agents.md").read_text()
    rows = re.findall(r"^\| (0\.\d(?: and 0\.\d)?) \| (.+) \|$", page.split("\n## Smart triggers\n")[1], re.MULTILINE)
    (earlier, expression), (newest, json) = rows
    assert earlier.split(" and ") == ["{}.{}".format(*FILES_SINCE), f"{JSON_SINCE[0]}.{JSON_SINCE[1] - 1}"]
    assert newest == "{}.{}".format(*JSON_SINCE)
    assert ignored_triggers("shop", {"a": {"a": expression.strip("`")}}, f"example.com/agent:{JSON_SINCE[0]}.7.0") == []
    assert "JSON array" in json
