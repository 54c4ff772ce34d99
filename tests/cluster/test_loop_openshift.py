"""OpenShift: the Route follows the Cryostat, the address follows the routers, and missing APIs stop nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.cluster import openshift
from tests.cluster.api import Object, condition, eventually
from tests.cluster.openshift import GENERATED
from tests.cluster.operator_process import NAMESPACE, SERVICE_ACCOUNT
from tests.cluster.router import RoutePlayer
from tests.cluster.scenario import Scenario, bindings_of

ROLE = "cryostat-operator-manager-role"


@pytest.fixture
def world(openshift_world: Scenario, router: RoutePlayer) -> Scenario:
    """Here Routes are admitted, unless a test asks its `router` not to."""
    return openshift_world


def host_of(host: str | None) -> Object:
    return {"networkOptions": {"coreConfig": {"externalHost": host}}}


def link(world: Scenario, cr: Object) -> str:
    """Where the console's link leads; empty where there is none."""
    found = world.find("ConsoleLink", "", bindings_of(cr))
    return str(found["spec"]["href"]) if found else ""


def served_at(world: Scenario, cr: Object, host: str) -> None:
    """Waits until Route, status and console link agree on a host; none at all where it is empty."""

    def agreed() -> bool:
        url = f"https://{host}" if host else ""
        assert world.now(cr)["status"]["applicationUrl"] == url
        assert link(world, cr) == url
        return True

    eventually(agreed, what=f"the application is at {host or 'no address'}")


def test_another_host_moves_the_route_and_all_that_names_it(world: Scenario) -> None:
    cr = world.cryostat(world.namespace(), **host_of("one.example.com"))
    world.ready(cr)
    served_at(world, cr, "one.example.com")
    before = world.get("Route", cr["metadata"]["namespace"], "x")
    world.change(cr, **host_of("two.example.com"))
    served_at(world, cr, "two.example.com")
    world.ready(cr)
    after = world.get("Route", cr["metadata"]["namespace"], "x")
    assert after["spec"]["host"] == "two.example.com"
    assert after["metadata"]["uid"] == before["metadata"]["uid"]  # its history and other people's annotations stay
    [event] = world.events(cr, "RouteHostChanged")
    assert event["type"] == "Normal"
    assert "from one.example.com to two.example.com" in event["message"]
    world.delete(cr)
    world.nothing_left(cr)
    assert link(world, cr) == ""


def test_a_host_of_somebody_else_is_told_in_the_routers_words_until_it_is_free(world: Scenario) -> None:
    spec = {"host": "shared.example.com", "to": {"kind": "Service", "name": "theirs"}}
    theirs = world.make("Route", world.namespace(), "theirs", spec=spec)
    eventually(lambda: admissions(world, theirs) == ["True"], what="they have the host")
    time.sleep(1.1)  # creation times have whole seconds, and the older Route keeps the host
    cr = world.cryostat(world.namespace(), **host_of("shared.example.com"))
    said = ("HostAlreadyClaimed", "a route in another namespace holds shared.example.com and is older")
    world.told(cr, "RouteRejected", *said)
    world.told(cr, "RouteRejected", *said, type="Exposed")
    served_at(world, cr, "")
    eventually(lambda: condition(world.now(cr), "MainDeploymentAvailable").get("status") == "True")
    assert [event["type"] for event in world.events(cr, "RouteRejected")] == ["Warning"]
    world.api.delete(theirs)
    world.ready(cr)
    served_at(world, cr, "shared.example.com")
    assert world.told(cr, "AddressAssigned", "https://shared.example.com", type="Exposed")["status"] == "True"


def admissions(world: Scenario, route: Object) -> list[str]:
    """What the routers say of a Route."""
    live = world.get("Route", route["metadata"]["namespace"], route["metadata"]["name"])
    entries = (live.get("status") or {}).get("ingress") or []
    return [condition({"status": entry}, "Admitted")["status"] for entry in entries]


def test_a_route_that_no_router_has_seen_holds_up_nothing(world: Scenario, router: RoutePlayer) -> None:
    router.pause()
    cr = world.cryostat(world.namespace())
    world.told(cr, "RouteNotAdmitted", "Route x", "not been admitted", type="Exposed")
    eventually(lambda: condition(world.now(cr), "MainDeploymentAvailable").get("status") == "True")
    world.told(cr, "RouteNotAdmitted")
    served_at(world, cr, "")
    assert world.events(cr, "RouteNotAdmitted") == []  # waiting a moment is no news
    router.resume()
    world.ready(cr)
    served_at(world, cr, f"x-{cr['metadata']['namespace']}.{openshift.DOMAIN}")


def test_one_router_of_several_is_enough(world: Scenario, router: RoutePlayer) -> None:
    cr = world.cryostat(world.namespace(), **host_of("sharded.example.com"))
    where = cr["metadata"]["namespace"]
    router.add_router("shard", "shard.example.com")
    router.reject(where, "x", "RouteNotAdmitted", "the default router has no room")
    eventually(lambda: admissions(world, cr_route(cr)) == ["False", "True"], what="the second router admits it")
    world.ready(cr)
    served_at(world, cr, "sharded.example.com")
    router.reject(where, "x", "ExtendedValidationFailed", "the shard wants a certificate", router="shard")
    world.told(cr, "RouteRejected", "the default router has no room")
    served_at(world, cr, "")
    router.accept(where, "x")
    world.ready(cr)
    served_at(world, cr, "sharded.example.com")


def cr_route(cr: Object) -> Object:
    return {"metadata": {"namespace": cr["metadata"]["namespace"], "name": cr["metadata"]["name"]}}


def test_a_generated_host_is_kept(world: Scenario) -> None:
    cr = world.cryostat(world.namespace())
    where = cr["metadata"]["namespace"]
    host = f"x-{where}.{openshift.DOMAIN}"
    world.ready(cr)
    made = world.get("Route", where, "x")
    assert made["metadata"]["annotations"][GENERATED] == "true"
    world.change(cr, networkOptions={"coreConfig": {"labels": {"shard": "inner"}}})
    eventually(lambda: world.get("Route", where, "x")["metadata"]["labels"].get("shard"), what="the Route is written")
    kept = world.get("Route", where, "x")
    assert (kept["spec"]["host"], kept["metadata"]["annotations"][GENERATED]) == (host, "true")
    world.settle()
    with world.down():
        mark = world.plane.audit_mark()
    world.settle()
    assert world.writes(mark) == []
    world.api.delete(kept)
    eventually(lambda: world.get("Route", where, "x")["metadata"]["uid"] != made["metadata"]["uid"])
    assert world.get("Route", where, "x")["spec"]["host"] == host


def test_a_host_that_the_operator_may_not_choose_leaves_the_route_as_it_is(world: Scenario) -> None:
    cr = world.cryostat(world.namespace(), **host_of("one.example.com"))
    where = cr["metadata"]["namespace"]
    world.ready(cr)
    before = world.get("Route", where, "x")
    role = world.api.get("rbac.authorization.k8s.io/v1", "ClusterRole", ROLE)
    head = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": ROLE}}
    world.undo(lambda: world.api.patch(head, {"rules": role["rules"]}))
    world.api.patch(head, {"rules": [r for r in role["rules"] if "routes/custom-host" not in r["resources"]]})
    eventually(lambda: not may_choose_hosts(world), what="the permission is gone")
    world.change(cr, **host_of("two.example.com"))
    world.told(cr, "RouteInvalid", "Route", "spec.host", type="Exposed")
    kept = world.get("Route", where, "x")
    assert (kept["metadata"]["uid"], kept["spec"]["host"]) == (before["metadata"]["uid"], "one.example.com")
    world.api.patch(head, {"rules": role["rules"]})
    world.ready(cr, timeout=60)
    served_at(world, cr, "two.example.com")


def may_choose_hosts(world: Scenario) -> bool:
    what = {"group": "route.openshift.io", "resource": "routes", "subresource": "custom-host", "verb": "update"}
    spec = {"resourceAttributes": what, "user": f"system:serviceaccount:{NAMESPACE}:{SERVICE_ACCOUNT}"}
    head = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "metadata": {}}
    answer = world.api.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {**head, "spec": spec})
    return bool(answer["status"]["allowed"])


@pytest.fixture
def without(world: Scenario) -> Iterator[Callable[..., None]]:
    """`without(name, …)` takes resource definitions away; they are back after the test at the latest."""
    version, kind = "apiextensions.k8s.io/v1", "CustomResourceDefinition"

    def remove(*definitions: str) -> None:
        for name in definitions:
            world.api.delete({"apiVersion": version, "kind": kind, "metadata": {"name": name}})
        eventually(lambda: not any(world.api.find(version, kind, name) for name in definitions), what="they are gone")

    yield remove
    openshift.install(world.api)


def test_without_console_everything_else_is_as_ever(world: Scenario, without: Callable[..., None]) -> None:
    without("consolelinks.console.openshift.io", "apiservers.config.openshift.io")
    cr = world.cryostat(world.namespace())
    host = f"x-{cr['metadata']['namespace']}.{openshift.DOMAIN}"
    body = world.ready(cr)
    assert body["status"]["applicationUrl"] == f"https://{host}"
    gone = world.cryostat(world.namespace(), "y")
    world.ready(gone)
    world.delete(gone)
    world.nothing_left(gone)
    openshift.install(world.api)
    eventually(lambda: link(world, cr) == f"https://{host}", what="the console serves links again, and gets one")


def test_routes_vanish_and_come_back(world: Scenario, without: Callable[..., None]) -> None:
    cr = world.cryostat(world.namespace(), **host_of("one.example.com"))
    gone = world.cryostat(world.namespace(), "y")
    world.ready(cr)
    world.ready(gone)
    without("routes.route.openshift.io")
    served_at(world, cr, "")
    world.told(cr, "ExternalHostIgnored", type="SpecEffective")
    world.ready(cr, timeout=60)
    world.delete(gone)
    world.nothing_left(gone)
    openshift.install(world.api)
    served_at(world, cr, "one.example.com")
    body = world.ready(cr, timeout=60)
    assert condition(body, "SpecEffective") == {}
    assert body["status"].get("basicAuthSecret", "") == ""
