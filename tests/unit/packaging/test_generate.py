"""Generated files are up to date, and a stale one is detected."""

from __future__ import annotations

import re
from pathlib import Path

from cryostat_operator import __version__
from cryostat_operator.images import IMAGES
from cryostat_operator.packaging.generate import generate, generated_files
from cryostat_operator.packaging.operator_deployment import deployment
from cryostat_operator.plan.yaml_text import HEADER

ROOT = Path(__file__).parents[3]
IMAGE = re.compile(r"(?:image|containerImage|value): (?P<reference>(?:quay\.io|registry\.[a-z.]+)/\S+)")


def test_committed_files_are_up_to_date() -> None:
    assert generate(ROOT, check=True) == []


def test_images_in_generated_files_have_fixed_tags() -> None:
    """Moving tags such as `latest` and images without a tag are refused."""
    named = {
        match["reference"]: str(path)
        for path, text in generated_files().items()
        if path.suffix in (".yaml", ".json") or path.name == "bundle.Dockerfile"
        for match in IMAGE.finditer(text)
    }
    assert len(named) >= len(IMAGES) + 1
    pinned = re.compile(r"(@sha256:[0-9a-f]{64}|:v?\d+(\.\d+)+)$")
    assert {reference: path for reference, path in named.items() if not pinned.search(reference)} == {}


def test_the_image_of_the_operator_has_its_version() -> None:
    [container] = deployment()["spec"]["template"]["spec"]["containers"]
    assert container["image"].endswith(f":{__version__}")
    assert "IMAGE ?= " + container["image"].removesuffix(__version__) + "$(VERSION)" in (ROOT / "Makefile").read_text()


def test_the_kustomizations_name_every_file() -> None:
    for path in generated_files():
        if path.parts[0] == "bundle" or "gitops" in path.parts or path.suffix == ".json":
            continue
        name = "kustomization.yaml" if path.parts[0] == "overlays" else "Kustomization"
        assert path.name in (ROOT / path.parent / name).read_text()


def test_missing_changed_and_obsolete_files_are_corrected(tmp_path: Path) -> None:
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
