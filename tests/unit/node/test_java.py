"""The cache of the Java programs and of their runtime."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cluster import binaries
from tests.cluster.binaries import BuildError
from tests.node.images import java


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(binaries, "cache_root", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The commands that are run. `jlink` writes a runtime."""
    found: list[tuple[str, ...]] = []

    def run(*command: str | Path) -> str:
        found.append(tuple(map(str, command)))
        if command[0] == "jlink":
            for name in ("bin/java", "legal/LICENSE"):
                path = Path(command[-1]) / name
                path.parent.mkdir(parents=True)
                path.write_text("text")
                path.chmod(0o755)
        return "openjdk 17"

    monkeypatch.setattr(java, "_run", run)
    return found


def test_a_runtime_is_built_once_and_has_no_licenses(commands: list[tuple[str, ...]], cache: Path) -> None:
    for number in range(binaries.KEPT):
        (cache / f"java-runtime-{number}").mkdir()
        os.utime(cache / f"java-runtime-{number}", (number, number))
    for _ in range(2):
        assert {path: file.mode for path, file in java.runtime_files().items()} == {f"{java.RUNTIME}/bin/java": 0o755}
    assert [command[0] for command in commands] == ["java", "jlink", "java"]
    former = [path.name for path in sorted(cache.glob("java-runtime-?"))]
    assert former == ["java-runtime-1", "java-runtime-2"], "those of other sources that were used last"


def test_programs_are_compiled_once_for_the_same_sources(
    commands: list[tuple[str, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(java, "SOURCES", tmp_path / "sources")
    source = tmp_path / "sources/agent/Agent.java"
    source.parent.mkdir(parents=True)
    source.write_text("class Agent {}")
    first = java.programs()
    assert java.programs() == first
    source.write_text("final class Agent {}")
    assert java.programs() != first
    assert [command[0] for command in commands] == ["javac", "jar", "javac", "jar"] * 2


def test_a_missing_jdk_and_a_failed_command_are_reported() -> None:
    with pytest.raises(BuildError, match=r"\.ci/programs"):
        java._run("no-such-javac")
    with pytest.raises(BuildError, match="no-such-file"):
        java._run("ls", "no-such-file")
