"""`make release-check`: lists problems that prevent a release of this commit, and then exits with code 1.

It downloads nothing, so it does not check whether a digest exists in a registry.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from cryostat_operator import __version__
from cryostat_operator.images import IMAGES
from cryostat_operator.packaging.catalog import BUNDLE_IMAGE
from cryostat_operator.packaging.operator_deployment import deployment

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md")))
_RELEASED = re.compile(r"^## \[(?P<version>\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", re.MULTILINE)
_SECTION = re.compile(r"^## \[Unreleased\]\n(?P<text>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_OWN_IMAGE = re.compile(r"\bcryostat-operator(?:-bundle|-catalog)?:(?P<version>\d+\.\d+\.\d+)")
_SUPPORTED = re.compile(r"^\| (?P<version>\d+\.\d+) \| yes \|$", re.MULTILINE)
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")


def main() -> None:
    """Print one line for each problem. Ends the process with code 1 if there is a problem."""
    problems = [
        *changelog_problems((ROOT / "CHANGELOG.md").read_text(), __version__),
        *image_problems(image_references()),
        *page_problems({str(path.relative_to(ROOT)): path.read_text() for path in PAGES}, __version__),
        *_generated_problems(),
    ]
    for problem in problems:
        print(problem)
    if problems:
        sys.exit(1)
    print(f"{__version__} can be released.")


def changelog_problems(text: str, version: str) -> Iterator[str]:
    """Problems of the changelog: the newest dated section is of another version, or there are unreleased changes."""
    released = [match["version"] for match in _RELEASED.finditer(text)]
    if released[:1] != [version]:
        newest = released[0] if released else "none"
        yield f"CHANGELOG.md: the newest section with a date is {newest}, not {version}; rename [Unreleased]."
    unreleased = _SECTION.search(text)
    if unreleased and unreleased["text"].strip():
        yield "CHANGELOG.md: the section [Unreleased] is not empty; move its entries to the version."


def image_references() -> dict[str, str]:
    """Every image that the release refers to, by the place of the reference."""
    [base] = re.findall(r"^ARG BASE=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    [catalog] = re.findall(r"^FROM (\S+)$", (ROOT / "bundle/catalog.Dockerfile").read_text(), re.MULTILINE)
    [container] = deployment()["spec"]["template"]["spec"]["containers"]
    operands = {f"images.py: {name}": reference for name, (_, reference) in IMAGES.items()}
    return {
        "Dockerfile: BASE": base,
        "manifests/: operator": container["image"],
        "bundle/catalog.Dockerfile: FROM": catalog,
        "bundle/catalog: bundle": BUNDLE_IMAGE,
        **operands,
    }


def image_problems(references: dict[str, str]) -> Iterator[str]:
    """Problems of images without a digest: an image with only a tag can change after the release."""
    for place, reference in references.items():
        if not _DIGEST.search(reference):
            yield f"{place}: {reference} has no digest (@sha256:…), so it can change; see docs/release.md."


def page_problems(pages: dict[str, str], version: str) -> Iterator[str]:
    """Problems of the documentation: an image of the operator with another version, or fixes for other versions only.

    Args:
        pages: the text of each page by its path.
    """
    for place, text in pages.items():
        others = {match["version"] for match in _OWN_IMAGE.finditer(text)} - {version}
        if others:
            yield f"{place}: an image of the operator has version {', '.join(sorted(others))}, not {version}."
        supported = [match["version"] for match in _SUPPORTED.finditer(text)]
        if supported and version.rpartition(".")[0] not in supported:
            yield f"{place}: {version} is not among the supported versions; add it."


def _generated_problems() -> Iterator[str]:
    command = [sys.executable, "-m", "cryostat_operator", "generate", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        yield f"Generated files are not fresh; run make generate. {done.stdout}{done.stderr}".strip()


if __name__ == "__main__":
    main()
