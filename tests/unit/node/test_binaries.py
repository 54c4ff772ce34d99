"""The cache of programs and images, which clones with different sources share."""

from __future__ import annotations

import os
from pathlib import Path

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
