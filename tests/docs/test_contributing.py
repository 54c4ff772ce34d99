"""Every command of CONTRIBUTING.md succeeds in a copy of the repository, and every file that it names exists.

A whole run of the tests runs each test once. Therefore the commands that run tests only collect them here, except one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.docs.commands import ROOT, blocks

PAGE = ROOT / "CONTRIBUTING.md"
RUN_WHOLE = "pytest tests/unit/test_settings.py"
COMMANDS = [command for block in blocks(PAGE) for command in block.commands]
OPTIONAL = (".venv", "~/", "make ", "pre-commit ", "pipx ")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this repository, because commands may change goldens and generated files."""
    directory = tmp_path_factory.mktemp("repository")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    for name in names:
        if (ROOT / name).is_file():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, directory / name)
    (directory / ".venv").symlink_to(sys.prefix)
    subprocess.run(["git", "init", "--quiet"], cwd=directory, check=True)
    subprocess.run(["git", "add", "."], cwd=directory, check=True)
    return directory


def paths_of(command: str) -> list[str]:
    """The tests that a command runs. Empty if it has other options or runs other programs."""
    program, *arguments = command.split()
    only_paths = program == "pytest" and all(re.fullmatch(r"tests/[\w/.:]*", each) for each in arguments)
    return arguments if only_paths and command != RUN_WHOLE else []


def shortened(command: str) -> str:
    """The command with `--collect-only` if it only runs tests."""
    only_tests = command.startswith("pytest ") and "--update-goldens" not in command
    return f"{command} --collect-only" if only_tests and command != RUN_WHOLE else command


def test_one_command_runs_its_tests() -> None:
    assert RUN_WHOLE in COMMANDS
    assert shortened(RUN_WHOLE) == RUN_WHOLE
    assert paths_of(RUN_WHOLE) == []
    assert paths_of("pytest tests/unit/plan tests/a.py::b") == ["tests/unit/plan", "tests/a.py::b"]
    assert paths_of("pytest tests/unit -k settings") == []
    assert shortened("pytest tests/unit -k settings") == "pytest tests/unit -k settings --collect-only"
    assert shortened("pytest tests/unit --update-goldens") == "pytest tests/unit --update-goldens"
    assert shortened("lint-imports") == "lint-imports"


def run(copy: Path, command: str) -> str:
    """Run a command that must succeed, and return its output."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "COV_"))}
    environment = {**kept, "PATH": path, "PYTHONPATH": str(copy / "operator")}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=copy, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=580,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.timeout(600)
@pytest.mark.parametrize("command", dict.fromkeys(each for each in COMMANDS if not paths_of(each)))
def test_command_succeeds(copy: Path, command: str) -> None:
    run(copy, shortened(command))


@pytest.mark.timeout(600)
def test_all_named_tests_are_found(copy: Path) -> None:
    """One collection for all commands: each of their paths must have tests."""
    paths = list(dict.fromkeys(path for command in COMMANDS for path in paths_of(command)))
    found = run(copy, f"pytest --collect-only {' '.join(paths)}").splitlines()
    assert [path for path in paths if not any(re.match(rf"{re.escape(path)}(/|::|\[|$)", line) for line in found)] == []
    assert len(paths) > 5


def test_goldens_and_generated_files_are_as_committed(copy: Path) -> None:
    """After the commands above, the copy has no changes."""
    changes = subprocess.run(["git", "diff", "--stat"], cwd=copy, capture_output=True, text=True, check=True).stdout
    assert changes == ""


def test_every_named_file_exists() -> None:
    named = re.findall(r"`([\w./~-]+[/.][\w./-]*)`", PAGE.read_text())
    folders = [ROOT, ROOT / "operator/cryostat_operator", ROOT / "operator/cryostat_operator/api"]
    folders.append(ROOT / "operator/cryostat_operator/plan/components")
    missing = [
        name for name in named if not name.startswith(OPTIONAL) and not any((each / name).exists() for each in folders)
    ]
    assert missing == []
    assert len(named) > 20


def test_the_list_of_folders_has_the_layers_that_the_linter_checks() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = [{name.strip() for name in line.split("|")} for line in contracts[0]["layers"]]
    section = PAGE.read_text().partition("\n## Dependencies between folders\n")[2].partition("\n## ")[0]
    lines = re.findall(r"^\d+\. (.+)$", section, re.MULTILINE)
    listed = [{name.removesuffix("/").removesuffix(".py") for name in re.findall(r"`(.+?)`", line)} for line in lines]
    assert listed == layers


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", PAGE.read_text())) <= targets


def test_every_test_that_is_named_exists() -> None:
    for command in COMMANDS:
        for path, name in re.findall(r"(tests/\S+\.py)::(\w+)", command):
            assert f"def {name}(" in (ROOT / path).read_text()


@pytest.mark.parametrize("name", ["CHANGELOG.md", "SECURITY.md"])
def test_every_link_leads_to_a_file(name: str) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", (ROOT / name).read_text())
    assert [target for target in targets if "://" not in target and not (ROOT / target).exists()] == []


def test_pre_commit_runs_what_make_lint_runs() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    lint = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]
    programs = re.findall(r"\$\(BIN\)/([\w-]+(?: check| format)?)", lint)
    assert len(programs) >= 4
    assert [program for program in programs if f".venv/bin/{program}" not in hooks] == []
