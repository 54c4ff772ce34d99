"""The simulated rules for Routes, the simulated router of OpenShift, and the extensions of its console."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from cryostat_operator.console import extensions
from tests.cluster.api import Api, ApiError, Object, condition, eventually
from tests.cluster.controlplane import ControlPlane
from tests.cluster.openshift import GENERATED
from tests.cluster.operator_process import CRD, ROOT
from tests.cluster.router import Router
from tests.cluster.scenario import Scenario
from tests.docs.commands import blocks

NamespaceFactory = Callable[..., str]


def route(namespace: str, name: str = "web", **spec: Any) -> Object:
    return {
        "apiVersion": "route.openshift.io/v1",
        "kind": "Route",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"to": {"kind": "Service", "name": "web"}, **spec},
    }


def ingress(api: Api, obj: Object) -> list[Object]:
    found = api.get("route.openshift.io/v1", "Route", obj["metadata"]["name"], obj["metadata"]["namespace"])
    entries: list[Object] = (found.get("status") or {}).get("ingress") or []
    return entries


def admitted(api: Api, obj: Object, status: str = "True") -> Object:
    """Wait until the first router has set this condition, and return it."""

    def said() -> Object:
        entries = ingress(api, obj)
        found = condition({"status": entries[0]}, "Admitted") if entries else {}
        return found if found.get("status") == status else {}

    return eventually(said, what=f"Admitted is {status}")


@pytest.fixture
def editor(openshift_plane: ControlPlane, namespace: NamespaceFactory) -> tuple[str, Api]:
    """A namespace, and a user who may edit its Routes but not choose their hosts."""
    where = namespace(openshift_plane)
    resources = "--resource=routes.route.openshift.io"
    verbs = "--verb=get,list,create,update,patch,delete"
    openshift_plane.kubectl("create", "role", "editor", "-n", where, verbs, resources)
    openshift_plane.kubectl("create", "rolebinding", "editor", "-n", where, "--role=editor", "--user=erin")
    erin = openshift_plane.api.impersonating("erin")
    eventually(lambda: erin.list("route.openshift.io/v1", "Route", where) == [], what="the binding has an effect")
    return where, erin


def test_a_host_is_generated_and_kept(openshift_plane: ControlPlane, router: Router, editor: tuple[str, Api]) -> None:
    where, erin = editor
    made = erin.create(route(where, "my.web", tls={}))
    host = f"my-web-{where}.apps.example.com"
    assert made["spec"]["host"] == host
    assert made["spec"]["tls"]["termination"] == "edge"
    assert made["metadata"]["annotations"][GENERATED] == "true"
    admitted(openshift_plane.api, made)
    [entry] = ingress(openshift_plane.api, made)
    assert (entry["host"], entry["routerName"], entry["wildcardPolicy"]) == (host, "default", "None")
    assert entry["routerCanonicalHostname"] == "router-default.apps.example.com"
    applied = erin.apply(route(where, "my.web", port={"targetPort": 8080}))
    assert applied["spec"]["host"] == host


def test_a_custom_host_needs_a_permission(openshift_plane: ControlPlane, editor: tuple[str, Api]) -> None:
    where, erin = editor
    with pytest.raises(ApiError, match="do not have permission to set the host field") as refused:
        erin.create(route(where, host="chosen.example.com"))
    assert refused.value.code == 422
    made = erin.create(route(where))
    with pytest.raises(ApiError, match=r"spec\.host: Invalid value: field is immutable"):
        erin.patch(made, {"spec": {"host": "chosen.example.com"}})
    with pytest.raises(ApiError, match="certificate fields"):
        erin.patch(made, {"spec": {"tls": {"termination": "reencrypt", "destinationCACertificate": "PEM"}}})
    custom_host = "--resource=routes.route.openshift.io/custom-host"
    openshift_plane.kubectl("create", "role", "chooser", "-n", where, "--verb=update,create", custom_host)
    openshift_plane.kubectl("create", "rolebinding", "chooser", "-n", where, "--role=chooser", "--user=erin")

    def changed() -> Object:
        return erin.patch(made, {"spec": {"host": "chosen.example.com"}})

    assert eventually(changed, what="the permission has an effect")["spec"]["host"] == "chosen.example.com"


def test_a_generated_host_that_is_too_long_is_refused(
    openshift_plane: ControlPlane, namespace: NamespaceFactory
) -> None:
    where = namespace(openshift_plane, prefix="n" * 30)
    with pytest.raises(ApiError, match=r"spec\.host") as refused:
        openshift_plane.api.create(route(where, "r" * 40))
    assert refused.value.code == 422


def test_the_oldest_route_keeps_a_host(
    openshift_plane: ControlPlane, router: Router, namespace: NamespaceFactory
) -> None:
    api = openshift_plane.api
    first, second = (route(namespace(openshift_plane), host="shared.example.com") for _ in range(2))
    api.create(first)
    admitted(api, first)
    time.sleep(1.1)  # creation times have whole seconds
    api.create(second)
    assert admitted(api, second, "False")["reason"] == "HostAlreadyClaimed"
    api.delete(first)
    admitted(api, second)


def test_late_admission_and_rejection_on_request(
    openshift_plane: ControlPlane, router: Router, namespace: NamespaceFactory
) -> None:
    api, where = openshift_plane.api, namespace(openshift_plane)
    admitted(api, api.create(route(where, "before")))
    router.pause()
    web = api.create(route(where))
    assert ingress(api, web) == []
    router.resume()
    since = admitted(api, web)["lastTransitionTime"]
    router.reject(where, "web", "RouteNotAdmitted", "quota of routes")
    assert admitted(api, web, "False")["message"] == "quota of routes"
    router.accept(where, "web")
    assert admitted(api, web)["lastTransitionTime"] >= since


def test_a_second_router_has_its_own_entry(
    openshift_plane: ControlPlane, router: Router, namespace: NamespaceFactory
) -> None:
    api, where = openshift_plane.api, namespace(openshift_plane)
    web = api.create(route(where))
    router.add_router("shard", "shard.example.com")
    eventually(lambda: len(ingress(api, web)) == 2, what="both routers have admitted it")
    router.reject(where, "web", "RouteNotAdmitted", router="shard")
    states = [condition({"status": entry}, "Admitted")["status"] for entry in ingress(api, web)]
    assert states == ["True", "False"]


def test_the_router_works_after_a_restart_of_the_api_server(
    openshift_plane: ControlPlane, router: Router, namespace: NamespaceFactory
) -> None:
    where = namespace(openshift_plane)
    openshift_plane.restart_apiserver(kill=True)
    web = eventually(lambda: openshift_plane.api.create(route(where)), what="the policies include the Route API again")
    admitted(openshift_plane.api, web)


def test_quick_starts_and_samples_are_installed_and_restored(openshift_scenario: Scenario) -> None:
    api = openshift_scenario.api
    expected = extensions.objects("cryostat-operator-")
    for obj in expected:
        named = {**obj, "metadata": {**obj["metadata"], "name": f"{obj['metadata']['name']}-strict"}}
        api.create(named, dryRun="All", fieldValidation="Strict")
    definition = api.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", CRD)

    def installed() -> bool:
        for obj in expected:
            found = api.get(extensions.API_VERSION, obj["kind"], obj["metadata"]["name"])
            assert found["spec"] == obj["spec"]
            assert [each["uid"] for each in found["metadata"]["ownerReferences"]] == [definition["metadata"]["uid"]]
        return True

    eventually(installed, what="quick starts and samples are installed")
    for obj in expected:
        field = "title" if obj["kind"] == extensions.YAML_SAMPLE else "displayName"
        api.patch(obj, {"spec": {field: "changed"}})
    with openshift_scenario.stopped():
        pass
    eventually(installed, what="quick starts and samples are restored")
    commands = [command for block in blocks(ROOT / "docs/install-olm.md") for command in block.commands]
    [command] = [each for each in commands if each.startswith("kubectl delete console")]
    openshift_scenario.plane.kubectl(*command.split()[1:])
    left = [obj["metadata"]["name"] for obj in expected
            if api.find(extensions.API_VERSION, obj["kind"], obj["metadata"]["name"])]  # fmt: skip
    assert left == [], "the command of docs/install-olm.md deletes all of them"


def test_the_samples_are_valid_cryostats(openshift_scenario: Scenario) -> None:
    where = openshift_scenario.namespace()
    for obj in extensions.objects(""):
        if obj["kind"] == extensions.YAML_SAMPLE:
            sample = yaml.safe_load(obj["spec"]["yaml"])
            created = {**sample, "metadata": {**sample["metadata"], "namespace": where}}
            api_version = obj["spec"]["targetResource"]["apiVersion"]
            assert created["apiVersion"] == api_version
            openshift_scenario.api.create(created, dryRun="All", fieldValidation="Strict")
