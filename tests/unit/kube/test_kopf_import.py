"""Packages are hidden only while kopf is imported."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from cryostat_operator.kube import kopf_import


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a package that can be imported and is not yet."""
    (tmp_path / "hidden_package.py").write_text("VALUE = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "hidden_package", raising=False)
    return "hidden_package"


def test_a_hidden_package_cannot_be_imported_until_the_end_of_the_block(package: str) -> None:
    with kopf_import._hidden(package), pytest.raises(ModuleNotFoundError):
        importlib.import_module(package)
    assert importlib.import_module(package).VALUE == 1


def test_a_package_that_was_imported_before_stays(package: str) -> None:
    before = importlib.import_module(package)
    with kopf_import._hidden(package):
        assert importlib.import_module(package) is before
    assert sys.modules[package] is before


def test_packages_can_be_imported_after_a_failure(package: str) -> None:
    with pytest.raises(RuntimeError), kopf_import._hidden(package):
        raise RuntimeError
    assert importlib.import_module(package).VALUE == 1


def test_kopf_and_the_two_names_that_it_does_not_publish_are_available() -> None:
    assert kopf_import.kopf is sys.modules["kopf"]
    assert issubclass(kopf_import.APINotFoundError, Exception)
    assert kopf_import.Identity("a") == "a"
    assert not [name for name in ("kubernetes", "kubernetes_asyncio", "pykube") if sys.modules.get(name, "") is None]
