"""Values of a Helm release, as Helm, kubectl, Flux and Argo CD keep them, become the same instance."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from functools import partial

import pytest
import yaml

from cryostat_operator.api import constants
from tests.cluster.api import Object, condition, eventually
from tests.cluster.scenario import Scenario
from tests.command import PROGRAM

VALUES = {"reports": {"replicas": 1}, "db": {"pvc": {"enabled": True, "storage": "2Gi"}}}
TEXT = yaml.safe_dump(VALUES)
PARAMETERS = [
    {"name": "reports.replicas", "value": "1"},
    {"name": "db.pvc.enabled", "value": "true"},
    {"name": "db.pvc.storage", "value": "2Gi"},
]
FLUX, ARGO = "helm.toolkit.fluxcd.io", "argoproj.io"
HELM = {"valuesObject": {"valuesObject": VALUES}, "values": {"values": TEXT}, "parameters": {"parameters": PARAMETERS}}


@pytest.fixture
def where(scenario: Scenario) -> Iterator[str]:
    """A namespace of a cluster with the resources of Flux and Argo CD."""
    definitions = [definition(FLUX, "v2", "HelmRelease"), definition(ARGO, "v1alpha1", "Application")]
    for each in definitions:
        scenario.api.create(each)
    for each in definitions:
        eventually(partial(is_established, scenario, each), what="the definition is served")
    yield scenario.namespace("values")
    for each in definitions:
        scenario.api.delete(each)
    for group in (FLUX, ARGO):
        scenario.api.forget_kinds(group)


def definition(group: str, version: str, kind: str) -> Object:
    """A definition of a resource that accepts everything."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    plural = f"{kind.lower()}s"
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural},
            "versions": [{"name": version, "served": True, "storage": True, "schema": schema}],
        },
    }


def is_established(scenario: Scenario, obj: Object) -> bool:
    found = scenario.api.get(obj["apiVersion"], obj["kind"], obj["metadata"]["name"])
    return condition(found, "Established").get("status") == "True"


def printed(scenario: Scenario, where: str) -> Iterator[tuple[str, str]]:
    """Each form of the values, and what users pipe into the command: objects as kubectl prints them."""
    api, kubectl = scenario.api, scenario.plane.kubectl
    release = {"apiVersion": f"{FLUX}/v2", "kind": "HelmRelease", "metadata": {"name": "jfr", "namespace": where}}
    api.create({**release, "spec": {"chart": {"spec": {"chart": "cryostat"}}, "values": VALUES}})
    head = {"apiVersion": f"{ARGO}/v1alpha1", "kind": "Application"}
    for name, helm in HELM.items():
        metadata = {"name": name.lower(), "namespace": where}
        api.create({**head, "metadata": metadata, "spec": {"source": {"chart": "cryostat", "helm": helm}}})
    metadata = {"name": "sources", "namespace": where}
    sources = [{"chart": "cryostat", "helm": HELM["valuesObject"]}, {"repoURL": "https://example.com", "ref": "values"}]
    api.create({**head, "metadata": metadata, "spec": {"sources": sources}})
    yield "helm get values", f"USER-SUPPLIED VALUES:\n{TEXT}"
    yield "helm get values -o yaml", TEXT
    get = ("get", "-n", where, "-o", "yaml", "--show-managed-fields")
    yield "a List of Flux", kubectl(*get, f"helmreleases.{FLUX}")
    yield "an object of Flux", kubectl(*get, f"helmreleases.{FLUX}", "jfr")
    for name in (*HELM, "sources"):
        yield f"Argo CD with {name}", kubectl(*get, f"applications.{ARGO}", name.lower())
    yield "JSON", kubectl("get", "-n", where, "-o", "json", f"helmreleases.{FLUX}", "jfr")


def test_every_form_of_the_values_becomes_one_ready_instance(scenario: Scenario, where: str) -> None:
    scenario.plane.add_volumes(2)
    results = {}
    for form, text in printed(scenario, where):
        done = subprocess.run([PROGRAM, "convert-values", "-"], input=text, capture_output=True, text=True)
        assert done.returncode == 0, f"{form}: {done.stderr}"
        assert "warning" not in done.stderr, form
        results[form] = scenario.plane.kubectl("apply", "-n", where, "-f", "-", input=done.stdout).split()[-1]
    first, *others = results.values()
    assert (first, set(others)) == ("created", {"unchanged"}), results
    cr = scenario.wait_until_ready(scenario.api.get(constants.API_VERSION, constants.KIND, "cryostat", where))
    assert cr["metadata"]["generation"] == 1
    assert scenario.get("Deployment", where, "cryostat-reports")["status"]["readyReplicas"] == 1
    claim = scenario.get("PersistentVolumeClaim", where, "cryostat-database")
    assert claim["spec"]["resources"]["requests"]["storage"] == "2Gi"
