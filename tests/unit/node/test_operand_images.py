"""The images of the operands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cryostat_operator.images import IMAGES
from tests.node import images
from tests.node.images import PROGRAMS, operands, root_file_system
from tests.node.images.archive import Layer
from tests.node.images.operands import OPERANDS

# OpenShift's proxy needs OpenShift.
WITHOUT_IMAGE = {"openshift-oauth-proxy"}


@pytest.fixture
def programs(tmp_path: Path) -> dict[str, Path]:
    found = {name: tmp_path / name for name in (*PROGRAMS, "agent.jar", "sample.jar")}
    for name, path in found.items():
        path.write_text(name)
    return found


def test_there_is_an_image_for_each_operand(programs: dict[str, Path], tmp_path: Path) -> None:
    root, runtime = Layer(Path("root.tar"), "0"), Layer(Path("runtime.tar"), "1")
    made = operands.images(root, runtime, programs, tmp_path)
    expected = {reference for name, (_, reference) in IMAGES.items() if name not in WITHOUT_IMAGE}
    assert {image.reference for image in made} == expected | {operands.SAMPLE_REFERENCE}
    assert [image.reference for image in made if runtime in image.layers] == [operands.SAMPLE_REFERENCE]
    for image in made:
        assert image.layers[0].digest == "0"
        user = image.user.split(":")[0]
        assert user.isdigit()
        assert user != "0", "with runAsNonRoot the kubelet refuses root"


def test_the_archive_is_cached_for_the_same_sources(
    programs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The large programs are not read, because their paths contain a hash."""
    entrypoint, source = tmp_path / "images/storage/entrypoint", tmp_path / "operands/web.py"
    for path in (entrypoint, source):
        path.parent.mkdir(parents=True)
        path.write_text("first")
    monkeypatch.setattr(operands, "HERE", tmp_path / "images")
    monkeypatch.setattr(operands, "TESTS", tmp_path)
    root, runtime = Layer(Path("root.tar"), "0"), tmp_path / "runtime"

    def digest(**changes: Any) -> str:
        given = {"root": root, "programs": programs, "runtime": runtime, **changes}
        return images.cache_digest(given["root"], given["programs"], given["runtime"])

    found = [
        digest(),
        digest(root=Layer(Path("root.tar"), "1")),
        digest(programs={**programs, "weed": tmp_path / "other/weed"}),
        digest(runtime=tmp_path / "other"),
    ]
    for path in (entrypoint, source):
        path.write_text("second")
        found.append(digest())
    monkeypatch.setattr(operands, "OPERANDS", {**OPERANDS, "storage": OPERANDS["core"]})
    found.append(digest())
    assert len(set(found)) == len(found)
    assert digest() == found[-1]


def test_programs_and_entry_points_are_executable(programs: dict[str, Path]) -> None:
    storage = operands.files(OPERANDS["storage"], programs)
    assert {name: file.mode for name, file in storage.items()} == {
        "/usr/local/bin/weed": 0o755,
        "/usr/local/bin/entrypoint": 0o755,
    }
    assert storage["/usr/local/bin/weed"].content == b"weed"


def test_the_agent_is_where_the_init_container_copies_it_from(programs: dict[str, Path]) -> None:
    assert operands.files(OPERANDS["agent-init"], programs)["/cryostat/agent/cryostat-agent-shaded.jar"].content == (
        b"agent.jar"
    )


@pytest.mark.parametrize("name", [name for name, operand in OPERANDS.items() if operand.scripts])
def test_entry_points_are_valid_scripts(name: str) -> None:
    script = operands.HERE / str(OPERANDS[name].scripts) / "entrypoint"
    subprocess.run(["bash", "-n", script], check=True)


def test_the_python_programs_start_with_the_files_of_the_image(programs: dict[str, Path], tmp_path: Path) -> None:
    for path, file in operands.files(OPERANDS["core"], programs).items():
        place = tmp_path / path.removeprefix("/opt/cryostat-tests/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.content)
    for operand in OPERANDS.values():
        if operand.python:
            code = f"import {operand.entrypoint[2]}"
            subprocess.run([sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, '.'); {code}"],
                           cwd=tmp_path, check=True)  # fmt: skip


def test_the_cache_of_the_root_file_system_changes_with_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    before = root_file_system.cache_name(["deb a b main"])
    assert before == root_file_system.cache_name(["deb a b main"])
    assert before != root_file_system.cache_name(["deb a c main"])
    monkeypatch.setattr(root_file_system, "PACKAGES", (*root_file_system.PACKAGES, "another"))
    assert before != root_file_system.cache_name(["deb a b main"])
