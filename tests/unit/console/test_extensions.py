"""The quick starts and samples have the texts of the documentation and of manifests/samples."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from cryostat_operator.console.extensions import QUICK_START, YAML_SAMPLE, objects
from tests.docs.commands import blocks, commands_of, pages

ROOT = Path(__file__).parents[3]
QUICK_STARTS = {obj["metadata"]["name"]: obj["spec"] for obj in objects("") if obj["kind"] == QUICK_START}
SAMPLES = {obj["metadata"]["name"]: obj["spec"] for obj in objects("") if obj["kind"] == YAML_SAMPLE}
CODE = re.compile(r"^```\n(.*?)^```\{\{copy\}\}$", re.MULTILINE | re.DOTALL)


def code(spec: dict[str, Any]) -> list[str]:
    """The code blocks of a quick start."""
    texts = [text for task in spec["tasks"] for text in (task["description"], task["review"]["instructions"])]
    indented = (re.sub(r"^ +(?=```)", "", text, flags=re.MULTILINE) for text in texts)
    return [block for text in indented for block in CODE.findall(text)]


@pytest.mark.parametrize("name", QUICK_STARTS)
def test_every_task_has_a_review_and_a_summary(name: str) -> None:
    for task in QUICK_STARTS[name]["tasks"]:
        assert task["review"].keys() == {"instructions", "failedTaskHelp"}, task["title"]
        assert task["summary"].keys() == {"success", "failed"}, task["title"]
        assert task["review"]["instructions"].startswith(("Does", "After"))


@pytest.mark.parametrize("name", QUICK_STARTS)
def test_every_command_is_in_the_documentation(name: str) -> None:
    documented = {command for page in pages() for block in blocks(page) for command in block.commands}
    commands = [each for block in code(QUICK_STARTS[name]) for each in commands_of(block) if each.startswith("kubectl")]
    assert commands
    assert [each for each in commands if each not in documented] == []


def test_the_resource_of_the_first_instance_is_the_minimal_sample() -> None:
    [shown] = [block for block in code(QUICK_STARTS["first-instance"]) if block.startswith("apiVersion")]
    assert shown.replace("  namespace: jfr\n", "") == re.sub(
        r"^#.*\n", "", SAMPLES["cryostat-sample"]["yaml"], flags=re.M
    )


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_equals_the_file_of_its_name(name: str) -> None:
    assert SAMPLES[name]["yaml"] == (ROOT / f"manifests/samples/{name}.yaml").read_text()


def test_the_next_quick_start_exists() -> None:
    found = {obj["metadata"]["name"]: obj["spec"] for obj in objects("cryostat-operator-")}
    following = [name for spec in found.values() for name in spec.get("nextQuickStart", ())]
    assert following
    assert set(following) <= found.keys()
