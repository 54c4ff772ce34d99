"""Images are pinned to releases that belong together."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cryostat_operator import __version__
from cryostat_operator.images import AGENT_VERSION, CRYOSTAT_VERSION, IMAGES, Image, images_from

# A digest, or a tag with a number and without the name of a branch.
PINNED = re.compile(r"@sha256:[0-9a-f]{64}$|:v?\d+(\.\d+)+$")


def test_images_are_pinned_to_releases() -> None:
    references = [reference for _, reference in IMAGES.values()]
    assert {Image(reference).pull_policy for reference in references} == {"IfNotPresent"}
    assert [reference for reference in references if not PINNED.search(reference)] == []


def test_components_of_one_release_have_one_version() -> None:
    cryostat = ("core", "datasource", "grafana", "reports", "storage", "database")
    assert {IMAGES[name][1].rpartition(":")[2] for name in cryostat} == {CRYOSTAT_VERSION}
    assert IMAGES["agent-init"][1].endswith(f":{AGENT_VERSION}")


def test_the_authentication_proxy_is_the_release_that_the_tests_run() -> None:
    module = (Path(__file__).parents[1] / "tools/oauth2proxy/go.mod").read_text()
    [release] = re.findall(r"^\s*github\.com/oauth2-proxy/oauth2-proxy/v7 (v\S+)", module, re.MULTILINE)
    assert IMAGES["oauth2-proxy"][1].endswith(f":{release}")


def test_the_documentation_has_the_releases_of_this_version() -> None:
    page = (Path(__file__).parents[2] / "docs" / "upgrade.md").read_text()
    [row] = re.findall(rf"^\| {re.escape(__version__.rpartition('.')[0])} \| (.+?) \| (.+?) \|", page, re.MULTILINE)
    assert row == (CRYOSTAT_VERSION, AGENT_VERSION)
    belongs = (CRYOSTAT_VERSION.rpartition(".")[0], AGENT_VERSION.rpartition(".")[0])
    assert "Cryostat {} belongs to agent {}".format(*belongs) in page


@pytest.mark.parametrize(
    ("reference", "policy"),
    [
        ("example.com/a:latest", "Always"),
        ("example.com/a:4.3.0-dev", "Always"),
        ("example.com/a:4.3.0-SNAPSHOT", "Always"),
        ("example.com:5000/a", "Always"),
        ("example.com/a:4.2.0", "IfNotPresent"),
        ("example.com/a@sha256:0123", "IfNotPresent"),
    ],
)
def test_only_images_with_moving_tags_are_always_pulled(reference: str, policy: str) -> None:
    assert Image(reference).pull_policy == policy


def test_a_variable_replaces_the_default_of_its_component() -> None:
    variable, default = IMAGES["core"]
    assert images_from({variable: "example.com/a:1"})["core"] == Image("example.com/a:1")
    assert images_from({variable: ""})["core"] == Image(default)
