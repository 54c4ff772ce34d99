"""Compiles a test application and an agent, and runs a JVM with the environment of a container."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
AVAILABLE = all(map(shutil.which, ("java", "javac", "jar")))
FAST_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")  # little compilation, for programs that run for a second


def build(directory: Path) -> Path:
    """Compile the sources of this directory.

    Returns:
        The directory with `Application.class` and `cryostat-agent-shaded.jar`.
    """
    compiler: list[str | Path] = ["javac", *(f"-J{option}" for option in FAST_START), "-d", directory]
    subprocess.run([*compiler, *HERE.glob("*.java")], check=True, capture_output=True, timeout=120)
    manifest = directory / "manifest"
    manifest.write_text("Premain-Class: Agent\n")
    jar = directory / "cryostat-agent-shaded.jar"
    command: list[str | Path] = ["jar", "cfm", jar, manifest, "-C", directory, "Agent.class"]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return directory


def environment(container: Mapping[str, Any], sources: Mapping[str, str], fields: Mapping[str, str]) -> dict[str, str]:
    """The variables of a container, resolved as by the kubelet.

    Args:
        sources: variables from `envFrom`. They come first.
        fields: values of field references by path, and of other references by key. Optional references have none.
    """
    found = dict(sources)
    for entry in container.get("env") or []:
        if "valueFrom" in entry:
            [source] = entry["valueFrom"].values()
            key = source.get("fieldPath") or source["key"]
            if key in fields or not source.get("optional"):
                found[entry["name"]] = fields[key]
        else:
            found[entry["name"]] = _expanded(entry.get("value", ""), found)
    return found


def _expanded(text: str, known: Mapping[str, str]) -> str:
    """Replace `$(NAME)` by the value of a former variable, if it exists, and `$$` by a dollar sign."""

    def value(match: re.Match[str]) -> str:
        return "$" if match.group() == "$$" else known.get(match.group(1), match.group())

    return re.sub(r"\$\$|\$\(([^)]+)\)", value, text)


def run(directory: Path, variables: Mapping[str, str], agent_directory: str) -> subprocess.CompletedProcess[str]:
    """Run the application. A local directory replaces the agent's directory in the container."""
    env = {key: value.replace(agent_directory, str(directory)) for key, value in variables.items()}
    java = shutil.which("java")
    assert java
    return subprocess.run(
        [java, *FAST_START, "-cp", directory, "Application"],
        env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
