"""The cache of programs and images, which clones with different sources share."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import NoReturn

import pytest

from tests.cluster import binaries


def test_what_was_used_last_stays_in_the_cache(tmp_path: Path) -> None:
    for number, name in enumerate("abcd"):
        (tmp_path / f"{name}.tar").write_text(name)
        os.utime(tmp_path / f"{name}.tar", (number, number))
    (tmp_path / "e.tar").mkdir()
    os.utime(tmp_path / "e.tar", (1, 1))
    assert binaries.mark_used(tmp_path / "a.tar") == tmp_path / "a.tar"
    binaries.remove_unused(tmp_path.glob("*.tar"), 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar", "c.tar", "d.tar"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        binaries.BuildError(
            "building etcd failed:\ngo: writing output: write $WORK/b1/_pkg_.a: no space left on device"
        ),
    ],
)
def test_a_full_disk_is_one_sentence_with_the_folders(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> NoReturn:
        raise error

    monkeypatch.setenv("XDG_CACHE_HOME", "/small")
    monkeypatch.setattr("tempfile.tempdir", "/scratch")
    assert binaries.exit_status(fail) == 1
    assert capsys.readouterr().err == (
        "No space is left on the disk of /small/cryostat-operator, of /scratch, or of Go's caches (go env GOCACHE "
        "GOMODCACHE): delete files, or set XDG_CACHE_HOME, TMPDIR or GOMODCACHE to a folder on another disk.\n"
    )


def test_another_error_keeps_its_message(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> NoReturn:
        raise binaries.BuildError("no tool builds weed")

    assert binaries.exit_status(fail) == 1
    assert capsys.readouterr().err == "no tool builds weed\n"
