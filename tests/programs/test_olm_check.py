"""The official validators of operator-framework accept the bundle and the catalog, and refuse wrong ones."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster import binaries

BUNDLE = Path(__file__).parents[2] / "bundle"
CSV = "manifests/cryostat-operator.clusterserviceversion.yaml"

Check = Callable[[str, Path], tuple[int, str]]


@pytest.fixture(scope="module")
def check() -> Check:
    """`check("bundle", directory)` returns the exit code and the output of the program."""
    program = binaries.programs("olm-check")["olm-check"]

    def run(what: str, directory: Path) -> tuple[int, str]:
        result = subprocess.run([program, what, directory], capture_output=True, text=True)
        return result.returncode, result.stdout + result.stderr

    return run


def modified_copy(directory: Path, file: str, old: str, new: str) -> Path:
    """A copy of `bundle/` with a change in one file."""
    shutil.copytree(BUNDLE, directory / "bundle")
    path = directory / "bundle" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return directory / "bundle"


def test_the_bundle_has_neither_errors_nor_warnings(check: Check) -> None:
    assert check("bundle", BUNDLE) == (0, "")


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        (
            CSV,
            "type: OwnNamespace\n      supported: false",
            "type: OwnNamespace\n      supported: true",
            "AllNamespaces",
        ),
        (CSV, "version: v1beta1\n        displayName", "version: v1alpha1\n        displayName", "v1alpha1"),
        (CSV, '"kind": "Cryostat"', '"kind": "Cryostats"', "example"),
        (CSV, "capabilities: Seamless Upgrades", "capabilities: Everything", "capabilities"),
        (CSV, "categories: Monitoring", "categories: Marvels", "Marvels"),
        (CSV, "mediatype: image/svg+xml", "mediatype: image/drawing", "mediatype"),
        # The validators report these as warnings only.
        (CSV, "minKubeVersion: 1.25.0", "replaces: cryostat-operator.v0.0.1", "minKubeVersion"),
        (CSV, "requests:", "asked:", "resource"),
        ("metadata/annotations.yaml", "candidate", "alpha", "channel"),
    ],
    ids=lambda value: "".join(value.split())[:20],
)
def test_a_wrong_bundle_fails(check: Check, tmp_path: Path, file: str, old: str, new: str, complaint: str) -> None:
    code, output = check("bundle", modified_copy(tmp_path, file, old, new))
    assert code == 1
    assert complaint in output


def test_the_catalog_is_valid(check: Check) -> None:
    assert check("catalog", BUNDLE / "catalog") == (0, "")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("defaultChannel: candidate", "defaultChannel: other"),
        ("  - name: cryostat-operator.v", "  - name: cryostat-operator.w"),
        ("packageName: cryostat-operator", "packageName: other"),
    ],
)
def test_an_inconsistent_catalog_fails(check: Check, tmp_path: Path, old: str, new: str) -> None:
    path = modified_copy(tmp_path, "catalog/cryostat-operator/catalog.yaml", old, new)
    code, output = check("catalog", path / "catalog")
    assert code == 1
    assert output
