"""The installation for chosen namespaces, with the roles of `overlays/namespaces` and the shipped ServiceAccount."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml

from tests.cluster.api import ApiError, Object, condition, eventually
from tests.cluster.controlplane import ControlPlane
from tests.cluster.operator_process import NAMESPACE, ROOT, SERVICE_ACCOUNT, manifests
from tests.cluster.scenario import Scenario, bindings_of, callback_of

ROLES = ("ClusterRole", "Role", "RoleBinding")
LATE = "chosen-late"  # chosen, but it does not exist when the operator starts
Scope = tuple[Scenario, list[Object]]


def overlay(plane: ControlPlane) -> list[Object]:
    return list(yaml.safe_load_all(plane.kubectl("kustomize", ROOT / "overlays/namespaces")))


def applied(plane: ControlPlane, objects: list[Object]) -> None:
    plane.kubectl(
        "apply", "--validate=false", "-f", "-", input=json.dumps({"kind": "List", "apiVersion": "v1", "items": objects})
    )


@pytest.fixture(scope="module")
def scope(installed_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scope]:
    """An operator with the permissions and the chosen namespaces of the overlay, and its RoleBindings in them."""
    objects = overlay(installed_plane)
    [container] = next(obj for obj in objects if obj["kind"] == "Deployment")["spec"]["template"]["spec"]["containers"]
    [chosen] = [each["value"] for each in container["env"] if each["name"] == "WATCH_NAMESPACES"]
    roles = [obj for obj in objects if obj["kind"] in ROLES]
    names = {obj["metadata"].get("namespace") for obj in roles}
    scenario = Scenario(installed_plane, tmp_path_factory.mktemp("operator"), {"WATCH_NAMESPACES": f"{chosen},{LATE}"})
    for name in chosen.split(","):
        assert name in names, "each chosen namespace has a RoleBinding"
        scenario.make_namespace(name)
    applied(installed_plane, roles)
    scenario.start()
    yield scenario, [obj for obj in roles if obj["metadata"].get("namespace") in chosen.split(",")]
    scenario.clean()
    scenario.stop()
    shipped = manifests(deployment=False)
    applied(installed_plane, [obj for obj in shipped if obj["kind"] in ROLES])
    identities = [(obj["kind"], obj["metadata"]["name"], obj["metadata"].get("namespace")) for obj in shipped]
    for obj in roles:
        if (obj["kind"], obj["metadata"]["name"], obj["metadata"].get("namespace")) not in identities:
            installed_plane.api.delete(obj)


def test_the_api_server_accepts_the_overlay(scope: Scope) -> None:
    scenario, _ = scope
    answer = scenario.plane.kubectl("apply", "--dry-run=server", "-k", ROOT / "overlays/namespaces")
    assert "rolebinding.rbac.authorization.k8s.io/cryostat-operator unchanged (server dry run)" in answer.splitlines()


def test_an_instance_is_ready_with_its_chosen_target_namespaces(scope: Scope) -> None:
    scenario, (first, second) = scope
    where, there = first["metadata"]["namespace"], second["metadata"]["namespace"]
    elsewhere = scenario.namespace()
    mark = scenario.plane.audit_mark()
    cr = scenario.cryostat(where, targetNamespaces=[where, there, elsewhere])
    found = scenario.wait_for_reason(cr, "NamespaceNotServed", elsewhere, type="TargetNamespacesReady")
    assert there not in found["message"]
    eventually(lambda: scenario.find("RoleBinding", there, bindings_of(cr)), what="the instance has access")
    eventually(lambda: scenario.find("Service", there, callback_of(cr)), what="agents are reached")
    scenario.change(cr, targetNamespaces=[where, there])
    scenario.wait_until_ready(cr)
    assert scenario.find("RoleBinding", elsewhere, bindings_of(cr)) is None
    events = scenario.plane.audit_since(mark, user=f":{SERVICE_ACCOUNT}")
    refused = {(each["verb"], each["requestURI"]) for each in events if each["responseStatus"]["code"] == 403}
    assert {uri for _, uri in refused if f"/namespaces/{LATE}/secrets" not in uri} == set()
    assert not [each for each in events if f"/namespaces/{elsewhere}/" in each["requestURI"]], "it sends no request"
    scenario.delete(cr)
    scenario.wait_for_no_objects(cr)


def test_the_operator_cannot_read_other_namespaces(scope: Scope) -> None:
    scenario, (first, _) = scope
    elsewhere = scenario.namespace()
    own = scenario.api.with_token(scenario.api.token_for(SERVICE_ACCOUNT, NAMESPACE))
    for name, code in ((first["metadata"]["namespace"], 404), (elsewhere, 403), ("kube-system", 403)):
        with pytest.raises(ApiError) as refused:
            own.get("v1", "Secret", "private", name)
        assert refused.value.code == code
        with pytest.raises(ApiError) as refused:
            own.get("apps/v1", "Deployment", "private", name)
        assert refused.value.code == code
    with pytest.raises(ApiError) as refused:
        own.list("v1", "Secret")
    assert refused.value.code == 403


def test_a_cryostat_in_another_namespace_is_not_processed_and_can_be_deleted(scope: Scope) -> None:
    scenario, _ = scope
    cr = scenario.cryostat(scenario.namespace())
    found = scenario.wait_for_reason(cr, "NamespaceNotServed", "WATCH_NAMESPACES")
    assert "changes no object of this Cryostat" in found["message"]
    assert scenario.owned_objects(cr) == []
    assert "finalizers" not in scenario.live(cr)["metadata"]
    scenario.delete(cr)


def test_a_namespace_is_served_when_it_exists_and_the_permissions_are_granted(scope: Scope) -> None:
    scenario, (first, _) = scope
    assert scenario.operator
    named = [
        line for line in scenario.operator.log.read_text().splitlines() if f"Namespace {LATE} is not served" in line
    ]
    assert len(named) == 1
    scenario.make_namespace(LATE)
    cr = scenario.cryostat(LATE)
    scenario.wait_for_reason(cr, "NamespaceNotServed", "lacks permissions")
    other = scenario.cryostat(first["metadata"]["namespace"], "y", targetNamespaces=[LATE])
    scenario.wait_for_reason(other, "NamespaceNotServed", LATE, type="TargetNamespacesReady")
    scenario.plane.kubectl(
        *("-n", LATE, "create", "rolebinding", first["metadata"]["name"]),
        f"--clusterrole={first['roleRef']['name']}",
        f"--serviceaccount={NAMESPACE}:{SERVICE_ACCOUNT}",
    )
    scenario.wait_until_ready(cr)
    assert scenario.wait_until_ready(other)["status"]["targetNamespaces"] == [LATE]
    assert condition(scenario.live(other), "TargetNamespacesReady") == {}
