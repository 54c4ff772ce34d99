"""The command `must-gather`: what it writes, and what it says if it cannot."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from cryostat_operator.cli import main
from tests.unit.api_server import ApiServer
from tests.unit.inspect.instance import cryostat, deployment, serve


def test_must_gather_writes_an_archive_or_an_error(server: ApiServer, tmp_path: Path) -> None:
    serve(server, cryostat(), deployment())
    server.put("/version", {"gitVersion": "v1.34.0"})
    written = CliRunner().invoke(main, ["must-gather", "-f", str(tmp_path / "a.tar.gz")])
    assert (written.exit_code, written.stdout) == (0, f"written: {tmp_path}/a.tar.gz\n")
    with tarfile.open(tmp_path / "a.tar.gz") as archive:
        assert "cryostat-must-gather/README.md" in archive.getnames()
    refused = CliRunner().invoke(main, ["must-gather", "-f", str(tmp_path / "absent/a.tar.gz")])
    assert refused.exit_code == 2
    assert refused.stderr == f"Error: {tmp_path}/absent/a.tar.gz cannot be written: No such file or directory\n"
    missing = CliRunner().invoke(main, ["must-gather", "absent", "-f", str(tmp_path / "b.tar.gz")])
    assert missing.exit_code == 2
    assert [each.name for each in tmp_path.iterdir()] == ["a.tar.gz"]


def test_a_full_disk_leaves_no_archive(server: ApiServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    serve(server, cryostat())
    server.put("/version", {"gitVersion": "v1.34.0"})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    file = tmp_path / "a.tar.gz"
    result = CliRunner().invoke(main, ["must-gather", "-f", str(file)])
    assert (result.exit_code, result.stderr) == (2, f"Error: {file} cannot be written: No space left on device\n")
    assert list(tmp_path.iterdir()) == []


def test_an_archive_on_the_standard_output_has_no_other_text(server: ApiServer, tmp_path: Path) -> None:
    serve(server, cryostat())
    server.put("/version", {"gitVersion": "v1.34.0"})
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        result = CliRunner().invoke(main, ["must-gather", "-f", str(pipe)])
        assert os.read(reader, 2) == b"\x1f\x8b"  # of gzip
    finally:
        os.close(reader)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", f"written: {pipe}\n")
