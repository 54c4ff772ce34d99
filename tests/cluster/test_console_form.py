"""Input in the console's form is accepted by the API server and gives an instance that is Ready."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cryostat_operator.api import constants
from cryostat_operator.packaging.descriptors import spec_descriptors
from tests.cluster.api import Object
from tests.cluster.operator_process import ROOT
from tests.cluster.router import Router
from tests.cluster.scenario import Scenario
from tests.cluster.webhooks import WebhookPlane
from tests.console.preview import Browser, element, missing, write_page

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"{', '.join(missing())} not installed (.ci/programs)")

SAMPLE = ROOT / "manifests/samples/everything.yaml"
HOST = "cryostat.example.com"
# The console has special inputs for these, which the preview does not simulate.
_OWN_EDITORS = ("nodeAffinity", "podAffinity", "podAntiAffinity")
Steps = tuple[str | int, ...]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for all tests of the file. Each test opens a new page."""
    with Browser() as running:
        yield running


def created(scenario: Scenario, sent: Object) -> Object:
    """The request that the console sends for *Create*, with strict validation."""
    scenario.plane.add_volumes(2)
    return scenario.api.create(sent)


def test_the_initial_resource_becomes_ready(
    openshift_scenario: Scenario, router: Router, tmp_path: Path, browser: Browser
) -> None:
    shown = browser.play(write_page(tmp_path, namespace=openshift_scenario.namespace()))
    assert shown.complaints == []
    body = openshift_scenario.wait_until_ready(created(openshift_scenario, shown.sent))
    assert body["spec"] == shown.sent["spec"]


def test_a_host_and_a_target_namespace_become_ready(
    openshift_scenario: Scenario, router: Router, tmp_path: Path, browser: Browser
) -> None:
    where = openshift_scenario.namespace()
    openshift_scenario.make_namespace("my-app")
    steps = [
        ("add", element("targetNamespaces")),
        ("choose", element("targetNamespaces[0]"), "my-app"),
        ("fill", element("networkOptions.coreConfig.externalHost"), HOST),
        ("fill", element("reportOptions.replicas"), "1"),
    ]
    sent = browser.play(write_page(tmp_path, namespace=where), steps).sent
    assert sent["spec"] == {
        "targetNamespaces": ["my-app"],
        "networkOptions": {"coreConfig": {"externalHost": HOST}},
        "reportOptions": {"replicas": 1},
    }
    status = openshift_scenario.wait_until_ready(created(openshift_scenario, sent))["status"]
    assert (status["applicationUrl"], status["targetNamespaces"]) == (f"https://{HOST}", ["my-app"])
    assert openshift_scenario.find("Deployment", where, f"{sent['metadata']['name']}-reports")


@pytest.mark.parametrize("version", ["v1beta2", "v1beta1"])
def test_the_initial_resource_is_accepted_in_each_version(
    webhooks: WebhookPlane, tmp_path: Path, browser: Browser, version: str
) -> None:
    sent = browser.play(write_page(tmp_path, version, namespace="default")).sent
    assert sent["apiVersion"].endswith(version)
    assert webhooks.api.create(sent, dryRun="All")["spec"]


def test_every_input_gives_a_value_that_the_api_server_accepts(
    openshift_scenario: Scenario, tmp_path: Path, browser: Browser
) -> None:
    """The complete sample, entered in all fields with an input, with every switch on."""
    sample = yaml.safe_load(SAMPLE.read_text())["spec"]
    wanted: Object = {}
    steps = []
    for path, capabilities in leaves(sample):
        # A switch is off at first.
        value = at(sample, path) if "booleanSwitch" not in capabilities else True
        put(wanted, path, value)
        steps += typed(path, capabilities, value)
    page = write_page(tmp_path, namespace=openshift_scenario.namespace())
    shown = browser.play(page, [*lists(sample), *steps])
    assert shown.complaints == []
    assert shown.sent["spec"] == wanted
    assert len(steps) > 100
    openshift_scenario.api.create(shown.sent, dryRun="All")


def leaves(sample: Object) -> Iterator[tuple[Steps, list[str]]]:
    """Paths of the sample that have an input, with their x-descriptors."""
    for each in spec_descriptors(constants.API_VERSION.rpartition("/")[2]):
        capabilities = [text.rpartition("com.tectonic.ui:")[2] for text in each.get("x-descriptors", ())]
        if not set(capabilities) - {"advanced", "hidden", *_OWN_EDITORS} or "hidden" in capabilities:
            continue
        control = next((text for text in capabilities if text.startswith("fieldDependency:")), "::")
        _, depends, value = control.split(":")
        if depends and [str(at(sample, p)).lower() for p in expanded(sample, depends)] != [value]:
            continue
        for path in expanded(sample, each["path"]):
            yield path, capabilities


def expanded(sample: Object, path: str) -> list[Steps]:
    """`a[0].b` → the paths of all items that the sample has."""
    found: list[Steps] = [()]
    for step in re.findall(r"[^.\[\]]+", path):
        if step == "0":
            found = [(*p, i) for p in found for i in range(len(at(sample, p)))]
        else:
            found = [(*p, step) for p in found if step in at(sample, p)]
    return found


def at(value: Any, path: Steps) -> Any:
    for step in path:
        value = value[step]
    return value


def put(target: Any, path: Steps, value: Any) -> None:
    for step, after in zip(path, (*path[1:], None), strict=True):
        child = value if after is None else [] if isinstance(after, int) else {}
        if isinstance(step, int):
            target.extend([child] if step == len(target) else [])
        else:
            target.setdefault(step, child)
        target = target[step]


def lists(sample: Object) -> Iterator[tuple[str, str]]:
    """Steps that add the items of all lists of the sample that have an input."""
    for each in spec_descriptors(constants.API_VERSION.rpartition("/")[2]):
        if each["path"].endswith("[0]"):
            for path in expanded(sample, each["path"]):
                yield "add", identifier(path[:-1])


def identifier(path: Steps) -> str:
    return element(".".join(map(str, path)))


def typed(path: Steps, capabilities: list[str], value: Any) -> list[tuple[str, ...]]:
    """The steps that give an input this value."""
    where = identifier(path)
    if "resourceRequirements" in capabilities:
        parts = [(part, name, text) for part, values in value.items() for name, text in values.items()]
        return [("fill", f"{where}.{part}.{name}", text) for part, name, text in parts]
    if "booleanSwitch" in capabilities:
        return [("switch", where)]
    if any(text.startswith(("select:", "urn:")) for text in capabilities):
        return [("choose", where, value)]
    return [("fill", where, str(value))]
