"""The console's form in a browser: its fields and their order. The console uses all descriptors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cryostat_operator.packaging.descriptors import spec_descriptors
from tests.console.preview import EVERYTHING, Browser, Obj, Shown, element, example, missing, write_page

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"{', '.join(missing())} not installed (.ci/programs)")

FIRST = [
    "Name",
    "Labels",
    "Target namespaces",
    "External access",
    "TLS with cert-manager",
    "Trusted certificates",
    "Report generators",
    "Volumes",
    "Object storage",
    "Database",
    "Login",
    "Advanced configuration",
]
# Values that make dependent fields visible.
CONTROLS: dict[str, list[tuple[str, ...]]] = {
    "v1beta2": [
        ("switch", element("storageOptions.database.emptyDir.enabled")),
        ("switch", element("storageOptions.objectStorage.emptyDir.enabled")),
        ("choose", element("objectStorageOptions.provider.metadataMode"), "bucket"),
    ],
    "v1beta1": [("switch", element("storageOptions.emptyDir.enabled"))],
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for all tests of the file. Each test opens a new page."""
    with Browser() as running:
        yield running


def is_hidden(descriptor: Obj) -> bool:
    return any(text.endswith(":hidden") for text in descriptor.get("x-descriptors", ()))


def is_there(path: str, shown: Shown) -> bool:
    names = {element(path), f"{element(path)}-group", f"{element(path)}-field"}
    return bool(names & shown.ids)


def test_the_initial_form_shows_the_main_fields_and_sends_the_example(tmp_path: Path, browser: Browser) -> None:
    shown = browser.play(write_page(tmp_path))
    assert shown.complaints == []
    assert shown.labels == FIRST
    start = example("v1beta2")
    assert shown.sent == {**start, "metadata": {**start["metadata"], "namespace": "monitoring"}}


@pytest.mark.parametrize("version", CONTROLS)
def test_exactly_the_fields_with_descriptors_are_shown(version: str, tmp_path: Path, browser: Browser) -> None:
    descriptors = spec_descriptors(version)
    visible = [each["path"] for each in descriptors if not is_hidden(each)]
    adding: list[tuple[str, ...]] = [("add", element(path[: -len("[0]")])) for path in visible if path.endswith("[0]")]
    shown = browser.play(write_page(tmp_path, version), [*adding, *CONTROLS[version], EVERYTHING])
    assert shown.complaints == []
    assert [path for path in visible if not is_there(path, shown)] == []
    assert [each["path"] for each in descriptors if is_hidden(each) and is_there(each["path"], shown)] == []


def test_fields_that_the_console_would_ignore_are_reported(tmp_path: Path, browser: Browser) -> None:
    page = write_page(tmp_path)
    text = page.read_text()
    start, end = text.index('"descriptors": '), text.index(', "example"')
    ui = "urn:alm:descriptor:com.tectonic.ui"
    wrong = [
        {"path": "nothing.there", "displayName": "Nothing", "description": "No such field."},
        {"path": "loggingOptions", "displayName": "Log", "description": "Logs.", "x-descriptors": [f"{ui}:text"]},
    ]
    page.write_text(text[:start] + f'"descriptors": {json.dumps(wrong)}' + text[end:])
    assert browser.play(page).complaints == [
        "nothing.there: no such field",
        "loggingOptions: text has no effect on object",
    ]


def test_a_field_that_depends_on_another_appears_with_it(tmp_path: Path, browser: Browser) -> None:
    page, limit = write_page(tmp_path), "storageOptions.database.emptyDir.sizeLimit"
    switch = ("switch", element("storageOptions.database.emptyDir.enabled"))
    assert not is_there(limit, browser.play(page, [switch, switch]))
    shown = browser.play(page, [switch, ("fill", element(limit), "1Gi")])
    assert shown.sent["spec"]["storageOptions"] == {"database": {"emptyDir": {"enabled": True, "sizeLimit": "1Gi"}}}
