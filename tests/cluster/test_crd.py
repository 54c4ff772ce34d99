"""The CRD on a real API server: accepted and refused objects, `kubectl explain`, columns."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cryostat_operator.api.constants import API_VERSION
from cryostat_operator.packaging.crds import COLUMNS, crd
from tests.cluster.api import ApiError, Object, eventually
from tests.cluster.controlplane import ControlPlane, Options
from tests.unit.api.cases import BAD_NAMES, CASES, GOOD_NAMES, Case
from tests.unit.api.cryostats import INPUTS, SAMPLES, cryostat, cryostats
from tests.unit.api.fields import own_fields

ROOT = Path(__file__).parents[2]
FINALIZER = "operator.cryostat.io/cryostat.finalizer"
OLD = "old.example.com/v1beta2"
BROKEN_SPEC = {
    "targetNamespaces": ["UPPER"],
    "reportOptions": {"replicas": -1},
    "trustedCertSecrets": [{}, {"secretName": "A"}],
    "authorizationOptions": {"basicAuth": {"secretName": "users"}},
    "serviceOptions": {"coreConfig": {"httpPort": 0, "serviceType": "ExternalName"}},
    "targetDiscoveryOptions": {"discoveryPortNumbers": [0]},
    "objectStorageOptions": {"provider": {"region": "eu-west-1"}},
    "storageOptions": {"pvc": {"spec": {"volumeName": "disk-1"}}, "emptyDir": {"sizeLimit": "-1Gi"}},
}


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """A separate control plane without an operator, because the tests replace the CRD."""
    with ControlPlane(Options(kwok=False, scheduler=False, volumes=0)) as plane:
        plane.kubectl("apply", "-f", ROOT / "crds")
        eventually(lambda: plane.api.list(API_VERSION, "Cryostat") == [], what="Cryostats are served")
        yield plane


def create(plane: ControlPlane, obj: Object, *, dry: bool = True) -> Object:
    """Create with strict validation: an unknown field is an error."""
    obj = {**obj, "metadata": {**obj["metadata"], "namespace": "default"}}
    return plane.api.create(obj, **({"dryRun": "All"} if dry else {}))


def refusal(plane: ControlPlane, obj: Object) -> str:
    try:
        create(plane, obj)
    except ApiError as error:
        if error.code in (400, 422):
            return error.message
        raise
    raise AssertionError(f"accepted: {obj}")


def test_the_schema_is_structural(plane: ControlPlane) -> None:
    found = plane.api.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", "cryostats.operator.cryostat.io")
    conditions = {each["type"]: each["status"] for each in found["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}
    assert "preserveUnknownFields" not in found["spec"]


@pytest.mark.parametrize("path", INPUTS + SAMPLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_ordinary_cryostats_are_accepted(plane: ControlPlane, path: Path) -> None:
    for obj in cryostats(path):
        assert create(plane, obj)["spec"] == obj["spec"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.path}: {case.says}")
def test_values_beyond_limits_and_rules_are_refused(plane: ControlPlane, case: Case) -> None:
    for value in case.good:
        create(plane, cryostat(case.spec(value)))
    for value in case.bad:
        assert case.says in refusal(plane, cryostat(case.spec(value))), value


def test_names(plane: ControlPlane) -> None:
    for name in GOOD_NAMES:
        create(plane, cryostat({}, name))
    for name, says in BAD_NAMES.items():
        assert says in refusal(plane, cryostat({}, name))


def test_unknown_fields_are_named(plane: ControlPlane) -> None:
    message = refusal(plane, cryostat({"reportOptions": {"replica": 1}}))
    assert 'unknown field "spec.reportOptions.replica"' in message


def test_the_crd_sets_no_defaults(plane: ControlPlane) -> None:
    assert "spec" not in create(plane, {"apiVersion": API_VERSION, "kind": "Cryostat", "metadata": {"name": "a"}})
    spec = {"targetNamespaces": None, "reportOptions": {"replicas": None}, "networkPolicies": {}}
    assert create(plane, cryostat(spec))["spec"] == {"reportOptions": {}, "networkPolicies": {}}


def test_the_published_schema_describes_every_field(plane: ControlPlane) -> None:
    """kubectl explain shows what is published here."""
    fields = dict(own_fields(crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]))
    published = plane.api.request("GET", f"/openapi/v3/apis/{API_VERSION}")
    found = dict(own_fields(published["components"]["schemas"]["io.cryostat.operator.v1beta2.Cryostat"]))
    assert [path for path, node in fields.items() if found[path].get("description") != node["description"]] == []


@pytest.mark.parametrize("parent", ["", "spec", "spec.storageOptions.database", "status.conditions"])
def test_explain_describes_every_field(plane: ControlPlane, parent: str) -> None:
    fields = dict(own_fields(crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]))
    children = {path: node for path, node in fields.items() if path.rpartition(".")[0] == parent}
    text = " ".join(plane.kubectl("explain", f"cryostats.{parent}".rstrip(".")).split())
    assert children
    assert [path for path, node in children.items() if " ".join(node["description"].split()) not in text] == []


def test_columns(plane: ControlPlane) -> None:
    made = create(plane, cryostat({}, "shown"), dry=False)
    now = made["metadata"]["creationTimestamp"]
    ready = {"type": "Ready", "status": "True", "reason": "AllWell", "message": "", "lastTransitionTime": now}
    status = {
        "summary": "Available",
        "applicationUrl": "https://cryostat.example.com",
        "targetNamespaces": ["default", "other"],
        "databaseSecret": "shown-db",
        "storageSecret": "shown-storage",
        "basicAuthSecret": "shown-login",
        "observedGeneration": 1,
        "conditions": [ready],
    }
    assert plane.api.patch(made, {"status": status}, sub="status")["status"] == status
    narrow = plane.kubectl("get", "cryo", "-n", "default").splitlines()
    assert narrow[0].split()[:5] == ["NAME", "READY", "STATUS", "APPLICATION", "URL"]
    assert narrow[1].split()[:5] == [
        "shown",
        "True",
        "Available",
        "https://cryostat.example.com",
        '["default","other"]',
    ]
    wide = plane.kubectl("get", "cryostat", "-n", "default", "-o", "wide")
    assert all(column.upper() in wide for column, *_ in COLUMNS)
    assert "shown-db" in wide
    assert "shown-storage" in wide
    assert "shown" in plane.kubectl("get", "cryostat", "-n", "default", "-o", "name")
    assert "shown" in plane.kubectl("get", "cryostat.operator.cryostat.io,cryo", "-n", "default")
    plane.api.delete(made)


def test_status_needs_no_url_and_keeps_one_condition_per_type(plane: ControlPlane) -> None:
    made = create(plane, cryostat({}, "conditions"), dry=False)
    one = {
        "type": "Ready",
        "status": "Maybe",
        "reason": "R",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    with pytest.raises(ApiError, match='Unsupported value: "Maybe"'):
        plane.api.patch(made, {"status": {"conditions": [one]}}, sub="status")
    one["status"] = "False"
    with pytest.raises(ApiError, match="Duplicate value"):
        plane.api.patch(made, {"status": {"conditions": [one, one]}}, sub="status")
    assert "applicationUrl" not in plane.api.patch(made, {"status": {"conditions": [one]}}, sub="status")["status"]
    plane.api.delete(made)


def test_an_instance_beyond_the_limits_can_be_changed_in_other_fields_and_deleted(plane: ControlPlane) -> None:
    """Otherwise a finalizer could not be removed from an object that an older CRD accepted."""
    limited = renamed(crd())
    loose = copy.deepcopy(limited)
    loose["spec"]["versions"][0]["schema"] = without_limits(limited["spec"]["versions"][0]["schema"])
    plane.api.apply(loose)
    eventually(lambda: plane.api.list(OLD, "Cryostat") == [], what="the version without limits is served")
    metadata = {"name": "my.old-" + "x" * 50, "namespace": "default", "finalizers": [FINALIZER]}
    old = plane.api.create({"apiVersion": OLD, "kind": "Cryostat", "metadata": metadata, "spec": BROKEN_SPEC})
    plane.api.apply(limited)
    another = {"apiVersion": OLD, "kind": "Cryostat", "metadata": {"name": "new"}, "spec": BROKEN_SPEC}
    eventually(lambda: "replicas" in refusal(plane, another), what="the limits of the CRD have an effect")

    plane.api.patch(old, {"status": {"databaseSecret": "keys"}}, sub="status")
    plane.api.patch(old, {"metadata": {"labels": {"a": "b"}}})
    plane.api.delete(old)
    plane.api.patch(old, [{"op": "remove", "path": "/metadata/finalizers/0"}])
    eventually(lambda: plane.api.list(OLD, "Cryostat") == [], what="it is deleted")


def renamed(obj: Object) -> Object:
    obj = copy.deepcopy(obj)
    obj["spec"]["group"] = "old.example.com"
    obj["metadata"]["name"] = "cryostats.old.example.com"
    obj["spec"]["names"] = {"kind": "Cryostat", "plural": "cryostats"}
    return obj


def without_limits(node: Any) -> Any:
    limits = {"pattern", "minLength", "maxLength", "minimum", "maximum", "enum", "x-kubernetes-validations"}
    if isinstance(node, list):
        return [without_limits(child) for child in node]
    if not isinstance(node, dict):
        return node
    return {key: without_limits(value) for key, value in node.items() if key not in limits or isinstance(value, dict)}


def test_the_status_of_an_object_that_no_operator_has_processed(plane: ControlPlane) -> None:
    made = create(plane, cryostat({}, "unseen"), dry=False)
    [line] = [each for each in plane.kubectl("get", "cryo", "-n", "default").splitlines() if each.startswith("unseen")]
    assert line.split()[:6] == ["unseen", "Unknown", "Waiting", "for", "the", "operator"]
    shown = plane.kubectl("describe", "cryo", "-n", "default", "unseen")
    assert "WaitingForOperator" in shown
    assert "cryostat-operator-controller" in shown
    # The Go operator writes a status without conditions, and none at all while it does not run.
    url = {"applicationUrl": "https://cryostat.example.com"}
    assert plane.api.patch(made, {"status": url}, sub="status")["status"]["conditions"][0]["status"] == "Unknown"
    plane.api.patch(made, {"metadata": {"labels": {"a": "b"}}})
    plane.api.delete(made)
