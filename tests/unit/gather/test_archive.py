"""Archives are reproducible, private, and complete or absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cryostat_operator.gather.archive import write_archive


def test_an_archive_is_private_and_complete_or_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_archive(tmp_path / "a", b"content")
    assert (tmp_path / "a").read_bytes() == b"content"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_archive(tmp_path / "b", b"content")
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


def test_a_pipe_or_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_archive(pipe, b"content")
        assert (os.read(reader, 100), pipe.is_fifo()) == (b"content", True)
    finally:
        os.close(reader)
    assert list(tmp_path.iterdir()) == [pipe]
