"""Every sample passes strict validation and becomes Ready with the objects that its comments name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest
import yaml

from cryostat_operator.api import constants
from tests.cluster.api import Object, eventually
from tests.cluster.controlplane import NODE
from tests.cluster.router import Router
from tests.cluster.scenario import Scenario

SAMPLES = Path(__file__).resolve().parents[2] / "manifests/samples"
USERS = {"users.htpasswd": "jane:$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC"}
KEYS = {"ACCESS_KEY": "access", "SECRET_KEY": "secret"}


Contents = Mapping[str, Mapping[str, str]]


class Needs(NamedTuple):
    """Objects that a sample needs: Secrets and ConfigMaps with their data, and namespaces."""

    secrets: Contents = MappingProxyType({})
    config_maps: Contents = MappingProxyType({})
    namespaces: tuple[str, ...] = ()


TEAMS = ("my-app", "my-other-app")
NEEDS = {
    "cryostat-sample": Needs(),
    "openshift-external-host": Needs(),
    "basic-auth": Needs({"cryostat-users": USERS}),
    "external-s3": Needs({"s3-credentials": KEYS}),
    "multi-namespace": Needs(namespaces=TEAMS),
    "everything": Needs(
        {
            "cryostat-users": USERS,
            "s3-credentials": KEYS,
            "company-ca": {"ca.crt": "PEM"},
            "jmx-credentials": {"jmx.properties": "x"},
            "database-keys": {"CONNECTION_KEY": "a", "ENCRYPTION_KEY": "b"},
            "cryostat-example-com": {"tls.crt": "PEM", "tls.key": "PEM"},
        },
        {
            "service-ca": {"service-ca.crt": "PEM"},
            "rules": {"profile-everything.json": "{}"},
            "templates": {"my-template.jfc": "<x/>"},
            "probes": {"my-probes.xml": "<x/>"},
        },
        TEAMS,
    ),
}


def test_every_sample_is_tested() -> None:
    assert set(NEEDS) == {path.stem for path in SAMPLES.glob("*.yaml")}


@pytest.mark.parametrize("name", sorted(set(NEEDS) - {"openshift-external-host"}))
def test_it_becomes_ready(scenario: Scenario, name: str) -> None:
    becomes_ready(scenario, name)


def test_it_becomes_ready_on_openshift(openshift_scenario: Scenario, router: Router) -> None:
    cr = becomes_ready(openshift_scenario, "openshift-external-host")
    assert cr["status"]["applicationUrl"] == "https://cryostat.example.com"


def becomes_ready(scenario: Scenario, name: str) -> Object:
    """Apply a sample in another namespace, wait until it is Ready, and return it."""
    [sample] = yaml.safe_load_all((SAMPLES / f"{name}.yaml").read_text())
    where, needs = scenario.namespace("sample"), NEEDS[name]
    for each in needs.namespaces:
        scenario.make_namespace(each)
    for each, values in needs.secrets.items():
        scenario.secret(where, each, **values)
    for each, values in needs.config_maps.items():
        scenario.config_map(where, each, **values)
    prepare_cluster(scenario)
    cr = scenario.api.create({**sample, "metadata": {**sample["metadata"], "namespace": where}})
    if name in ("basic-auth", "everything"):
        assign_address(scenario, where, cr["metadata"]["name"])
    found = scenario.wait_until_ready(cr)
    scenario.delete(cr)
    for each in needs.namespaces:
        scenario.remove_namespace(each)
    return found


def prepare_cluster(scenario: Scenario) -> None:
    """Create a node and volumes for the samples."""
    labels = {"kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux"}
    scenario.api.patch(
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}}, {"metadata": {"labels": labels}}
    )
    scenario.plane.recycle_volumes()
    scenario.plane.add_volumes(2)
    spec = {
        "capacity": {"storage": "64Gi"},
        "accessModes": ["ReadWriteOnce"],
        "hostPath": {"path": "/nonexistent/fast"},
    }
    fast = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "fast"}}
    if not scenario.api.find("v1", "PersistentVolume", "fast"):
        scenario.api.create({**fast, "spec": {**spec, "storageClassName": "fast"}})


def assign_address(scenario: Scenario, where: str, name: str) -> None:
    """Set the address of an Ingress as its controller does."""
    ingress = eventually(lambda: scenario.find("Ingress", where, name), what="the Ingress")
    assert ingress
    scenario.api.patch(ingress, {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}}, sub="status")


def test_names_of_the_samples() -> None:
    """All samples have the same name, so that one can replace another."""
    kinds = {path.stem: yaml.safe_load(path.read_text()) for path in SAMPLES.glob("*.yaml")}
    assert {(each["apiVersion"], each["kind"]) for each in kinds.values()} == {(constants.API_VERSION, constants.KIND)}
    del kinds["everything"]
    assert {each["metadata"]["name"] for each in kinds.values()} == {"cryostat-sample"}
