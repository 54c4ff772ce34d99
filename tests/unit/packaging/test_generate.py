"""Generated files are fresh, and a stale one is noticed."""

from __future__ import annotations

from pathlib import Path

from cryostat_operator.packaging.generate import generate, generated_files
from cryostat_operator.plan.yaml_text import HEADER

ROOT = Path(__file__).parents[3]


def test_what_is_committed_is_fresh() -> None:
    assert generate(ROOT, check=True) == []


def test_the_kustomizations_name_every_file() -> None:
    for path in (path for path in generated_files() if path.parts[0] != "bundle"):
        assert path.name in (ROOT / path.parent / "Kustomization").read_text()


def test_writes_what_is_missing_changed_or_no_longer_generated(tmp_path: Path) -> None:
    everything = sorted(tmp_path / path for path in generated_files())
    assert generate(tmp_path, check=True) == everything
    assert not list(tmp_path.iterdir())
    assert generate(tmp_path, check=False) == everything
    assert generate(tmp_path, check=False) == []

    edited, left_over, own = everything[0], tmp_path / "manifests/old.yaml", tmp_path / "manifests/own.yaml"
    edited.write_text("edited")
    left_over.write_text(HEADER)
    own.write_text("written by hand")
    assert generate(tmp_path, check=True) == [edited, left_over]
    assert generate(tmp_path, check=False) == [edited, left_over]
    assert generate(tmp_path, check=True) == []
    assert own.exists()
    assert not left_over.exists()
