"""`make release-check` finds a wrong version, unreleased changes and images without a digest."""

from __future__ import annotations

import re
from pathlib import Path

import cryostat_operator
from cryostat_operator.images import IMAGES, Image
from tests.docs.release_check import PAGES, ROOT, changelog_problems, image_problems, image_references, page_problems

RELEASED = "# Changelog\n\n## [Unreleased]\n\n## [1.2.0] - 2030-01-31\n\n* A change.\n\n## [1.1.0] - 2029-01-31\n"


def test_a_dated_section_of_the_version_is_accepted() -> None:
    assert list(changelog_problems(RELEASED, "1.2.0")) == []


def test_another_version_is_a_problem() -> None:
    [problem] = changelog_problems(RELEASED, "1.3.0")
    assert "1.2.0, not 1.3.0" in problem


def test_a_section_without_a_date_is_not_a_release() -> None:
    [problem] = changelog_problems("## [1.2.0]\n", "1.2.0")
    assert "none, not 1.2.0" in problem


def test_unreleased_changes_are_a_problem() -> None:
    [problem] = changelog_problems(RELEASED.replace("[Unreleased]\n", "[Unreleased]\n\n* New.\n"), "1.2.0")
    assert "not empty" in problem


def test_an_image_needs_a_digest() -> None:
    pinned = f"quay.io/a/b:1.0@sha256:{'0' * 64}"
    problems = list(image_problems({"x": "quay.io/a/b:latest", "y": "quay.io/a/b:1.0", "z": pinned}))
    assert [problem.partition(":")[0] for problem in problems] == ["x", "y"]


def test_images_of_all_places_are_checked() -> None:
    places = {place.partition(":")[0] for place in image_references()}
    assert places == {"Dockerfile", "bundle/catalog", "bundle/catalog.Dockerfile", "manifests/", "images.py"}


def test_pages_name_this_version() -> None:
    pages = {str(path): path.read_text() for path in PAGES}
    assert list(page_problems(pages, cryostat_operator.__version__)) == []
    found = " ".join(page_problems(pages, "99.98.97"))
    assert "docs/install-olm.md: an image of the operator has version" in found
    assert "SECURITY.md: 99.98.97 is not among the supported versions; add it." in found


def test_no_image_has_a_moving_tag() -> None:
    """Neither those that the release check lists, nor those in files for users."""
    assert {Image(reference).pull_policy for reference in image_references().values()} == {"IfNotPresent"}
    folders = ("manifests", "bundle", "overlays")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.yaml")]
    used = {image for path in files for image in re.findall(r"image: ['\"]?([\w./:@-]+)", path.read_text())}
    assert used >= {reference for _, reference in IMAGES.values()}
    assert [image for image in sorted(used) if Image(image).pull_policy != "IfNotPresent"] == []


def test_the_changelog_has_this_version() -> None:
    """It has a section, or it is the version of the unreleased changes."""
    version, text = cryostat_operator.__version__, (ROOT / "CHANGELOG.md").read_text()
    assert f"\n## [{version}]" in text or f"\n## [Unreleased]\n\nThis becomes {version}" in text


def test_the_version_is_defined_in_one_place() -> None:
    """All other files read it from the package."""
    version = f'"{cryostat_operator.__version__}"'
    files = [ROOT / "pyproject.toml", ROOT / "Dockerfile", ROOT / "Makefile", *(ROOT / "operator").rglob("*.py")]
    assert [path for path in files if version in path.read_text()] == [Path(cryostat_operator.__file__)]
