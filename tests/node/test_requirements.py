"""On a machine that cannot run a node, one sentence names the missing requirement."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.cluster.operator_process import ROOT
from tests.node import requirements
from tests.node.node import Node, NodeError


@pytest.fixture(autouse=True)
def _ask_again() -> Iterator[None]:
    requirements._missing_once.cache_clear()
    yield
    requirements._missing_once.cache_clear()


def test_root_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(NodeError, match=r"^A node needs root: run this command as root\.$"):
        Node().start()


def test_the_packages_of_missing_programs_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda program, path: "" if program in ("nft", "buildah") else program)
    assert (
        requirements.missing() == "A node needs the Debian packages buildah, nftables: install them with .ci/programs."
    )


def test_a_missing_feature_of_the_kernel_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda program, path: program)
    (tmp_path / "unshare").write_text("#!/bin/sh\necho 'unshare: Operation not permitted' >&2\nexit 1\n")
    (tmp_path / "unshare").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    reason = "which this kernel refuses: unshare: Operation not permitted."
    assert requirements.missing() == f"A node needs namespaces, {reason}"


def test_a_full_disk_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "_missing_once", lambda: "")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2 * 1024**3))
    assert "6 GiB" in requirements.missing()
    assert "2.0 GiB are free" in requirements.missing()


def test_images_are_in_memory_only_if_enough_is_free() -> None:
    text = "MemTotal: 16777216 kB\nMemAvailable: {} kB\n"
    assert requirements.memory_for_images(text.format(12 * 1024**2)) == 6 * 1024**3
    assert requirements.memory_for_images(text.format(12 * 1024**2 - 1)) == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["NODE=reel"], 'NODE is "reel": use NODE=real or NODE=simulated.'),
        (["NODE=real", "PLATFORM=openshift"], "PLATFORM=openshift needs simulated pods: omit NODE=real."),
    ],
)
def test_wrong_arguments_of_make_run_are_named(arguments: list[str], sentence: str) -> None:
    done = subprocess.run(["make", "-n", "run", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "demo" not in done.stdout
