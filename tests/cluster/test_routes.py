"""OpenShift: changes of the Cryostat change the Route, routers decide about the URL, and missing APIs block nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.cluster import openshift
from tests.cluster.api import Object, condition, eventually
from tests.cluster.openshift import GENERATED
from tests.cluster.operator_process import NAMESPACE, SERVICE_ACCOUNT
from tests.cluster.router import Router
from tests.cluster.scenario import Scenario, bindings_of

ROLE = "cryostat-operator-manager-role"
KEPT = "example.com/kept"  # a finalizer


@pytest.fixture
def scenario(openshift_scenario: Scenario, router: Router) -> Scenario:
    """The `router` admits Routes, unless a test stops it."""
    return openshift_scenario


def host_of(host: str | None) -> Object:
    return {"networkOptions": {"coreConfig": {"externalHost": host}}}


def link(scenario: Scenario, cr: Object) -> str:
    """The URL of the console link, empty if there is none."""
    found = scenario.find("ConsoleLink", "", bindings_of(cr))
    return str(found["spec"]["href"]) if found else ""


def served_at(scenario: Scenario, cr: Object, host: str) -> None:
    """Wait until Route, status and console link have this host; no host if it is empty."""

    def has_host() -> bool:
        url = f"https://{host}" if host else ""
        assert scenario.live(cr)["status"]["applicationUrl"] == url
        assert link(scenario, cr) == url
        return True

    eventually(has_host, what=f"the application is at {host or 'no address'}")


def test_another_host_changes_the_route_url_and_link(scenario: Scenario) -> None:
    cr = scenario.cryostat(scenario.namespace(), **host_of("one.example.com"))
    scenario.wait_until_ready(cr)
    served_at(scenario, cr, "one.example.com")
    before = scenario.get("Route", cr["metadata"]["namespace"], "x")
    scenario.change(cr, **host_of("two.example.com"))
    served_at(scenario, cr, "two.example.com")
    scenario.wait_until_ready(cr)
    after = scenario.get("Route", cr["metadata"]["namespace"], "x")
    assert after["spec"]["host"] == "two.example.com"
    assert after["metadata"]["uid"] == before["metadata"]["uid"]  # the Route is not recreated
    [event] = scenario.events(cr, "RouteHostChanged")
    assert event["type"] == "Normal"
    assert "from one.example.com to two.example.com" in event["message"]
    scenario.delete(cr)
    scenario.wait_for_no_objects(cr)
    assert link(scenario, cr) == ""


def test_a_host_of_another_route_is_reported_with_the_routers_message_until_it_is_free(scenario: Scenario) -> None:
    spec = {"host": "taken-before.example.com", "to": {"kind": "Service", "name": "theirs"}}
    theirs = scenario.make("Route", scenario.namespace(), "theirs", spec=spec)
    eventually(lambda: admissions(scenario, theirs) == ["True"], what="Route, status and link have the host")
    time.sleep(1.1)  # creation times are whole seconds, and the older Route keeps the host
    cr = scenario.cryostat(scenario.namespace(), **host_of("taken-before.example.com"))
    said = ("HostAlreadyClaimed", "a route in another namespace holds taken-before.example.com and is older")
    scenario.wait_for_reason(cr, "RouteRejected", *said)
    scenario.wait_for_reason(cr, "RouteRejected", *said, type="Exposed")
    served_at(scenario, cr, "")
    eventually(lambda: condition(scenario.live(cr), "MainDeploymentAvailable").get("status") == "True")
    assert [event["type"] for event in scenario.events(cr, "RouteRejected")] == ["Warning"]
    scenario.api.delete(theirs)
    scenario.wait_until_ready(cr)
    served_at(scenario, cr, "taken-before.example.com")
    assert (
        scenario.wait_for_reason(cr, "AddressAssigned", "https://taken-before.example.com", type="Exposed")["status"]
        == "True"
    )


def admissions(scenario: Scenario, route: Object) -> list[str]:
    """The Admitted conditions of a Route."""
    live = scenario.get("Route", route["metadata"]["namespace"], route["metadata"]["name"])
    entries = (live.get("status") or {}).get("ingress") or []
    return [condition({"status": entry}, "Admitted")["status"] for entry in entries]


def test_a_route_that_no_router_has_processed_blocks_nothing(scenario: Scenario, router: Router) -> None:
    router.pause()
    cr = scenario.cryostat(scenario.namespace())
    scenario.wait_for_reason(cr, "RouteNotAdmitted", "Route x", "not been admitted", type="Exposed")
    eventually(lambda: condition(scenario.live(cr), "MainDeploymentAvailable").get("status") == "True")
    scenario.wait_for_reason(cr, "RouteNotAdmitted")
    served_at(scenario, cr, "")
    assert scenario.events(cr, "RouteNotAdmitted") == []  # an admission within a short time is not reported as missing
    router.resume()
    scenario.wait_until_ready(cr)
    served_at(scenario, cr, f"x-{cr['metadata']['namespace']}.{openshift.DOMAIN}")


def test_an_admitted_route_without_a_pod_of_the_application_is_not_exposed(scenario: Scenario) -> None:
    cr = scenario.cryostat(scenario.namespace(), schedulingOptions={"nodeSelector": {"disk": "golden"}})
    words = ("does not answer: Deployment x has no pod that serves", "See Ready and ComponentsAvailable")
    found = scenario.wait_for_reason(cr, "ApplicationUnavailable", *words, type="Exposed")
    assert found["status"] == "False"
    scenario.change(cr, schedulingOptions=None)
    scenario.wait_until_ready(cr)
    assert scenario.wait_for_reason(cr, "AddressAssigned", type="Exposed")["status"] == "True"


def test_waits_of_more_than_a_minute_are_problems_until_they_end(scenario: Scenario, router: Router) -> None:
    router.pause()
    cr = scenario.cryostat(scenario.namespace())
    where = cr["metadata"]["namespace"]
    scenario.wait_for_reason(cr, "RouteNotAdmitted", type="Exposed")
    service = scenario.api.patch(scenario.get("Service", where, "x-database"), {"metadata": {"finalizers": [KEPT]}})
    scenario.api.delete(service)
    scenario.wait_for_reason(cr, "ObjectBeingDeleted", "Service", "x-database", type="Reconciled")
    scenario.wait_for_reason(cr, "ObjectNotDeleted", "Service", "x-database", KEPT, type="Reconciled", timeout=120)
    scenario.wait_for_reason(cr, "RouteNotHandled", "Route x", "ingress controller", type="Exposed", timeout=120)
    eventually(lambda: len(scenario.events(cr, "ObjectNotDeleted")) == len(scenario.events(cr, "RouteNotHandled")) == 1)
    router.resume()
    scenario.api.patch(service, {"metadata": {"finalizers": None}})
    conditions = scenario.wait_until_ready(cr)["status"]["conditions"]
    assert {each["type"]: each["reason"] for each in conditions if each["status"] != "True"} == {
        "AgentsAuthenticated": "TLSDisabled"
    }


def test_the_admission_by_one_of_several_routers_is_sufficient(scenario: Scenario, router: Router) -> None:
    cr = scenario.cryostat(scenario.namespace(), **host_of("sharded.example.com"))
    where = cr["metadata"]["namespace"]
    router.add_router("shard", "shard.example.com")
    router.reject(where, "x", "RouteNotAdmitted", "the default router has no room")
    eventually(lambda: admissions(scenario, cr_route(cr)) == ["False", "True"], what="the second router admits it")
    scenario.wait_until_ready(cr)
    served_at(scenario, cr, "sharded.example.com")
    router.reject(where, "x", "ExtendedValidationFailed", "the shard wants a certificate", router="shard")
    scenario.wait_for_reason(cr, "RouteRejected", "the default router has no room")
    served_at(scenario, cr, "")
    router.accept(where, "x")
    scenario.wait_until_ready(cr)
    served_at(scenario, cr, "sharded.example.com")


def cr_route(cr: Object) -> Object:
    return {"metadata": {"namespace": cr["metadata"]["namespace"], "name": cr["metadata"]["name"]}}


def test_a_generated_host_is_kept(scenario: Scenario) -> None:
    cr = scenario.cryostat(scenario.namespace())
    where = cr["metadata"]["namespace"]
    host = f"x-{where}.{openshift.DOMAIN}"
    scenario.wait_until_ready(cr)
    made = scenario.get("Route", where, "x")
    assert made["metadata"]["annotations"][GENERATED] == "true"
    scenario.change(cr, networkOptions={"coreConfig": {"labels": {"shard": "inner"}}})
    eventually(
        lambda: scenario.get("Route", where, "x")["metadata"]["labels"].get("shard"), what="the Route is written"
    )
    kept = scenario.get("Route", where, "x")
    assert (kept["spec"]["host"], kept["metadata"]["annotations"][GENERATED]) == (host, "true")
    scenario.wait_until_idle()
    with scenario.stopped():
        mark = scenario.plane.audit_mark()
    scenario.wait_until_idle()
    assert scenario.writes(mark) == []
    scenario.api.delete(kept)
    eventually(lambda: scenario.get("Route", where, "x")["metadata"]["uid"] != made["metadata"]["uid"])
    assert scenario.get("Route", where, "x")["spec"]["host"] == host


def test_a_host_that_the_operator_may_not_choose_leaves_the_route_as_it_is(scenario: Scenario) -> None:
    cr = scenario.cryostat(scenario.namespace(), **host_of("one.example.com"))
    where = cr["metadata"]["namespace"]
    scenario.wait_until_ready(cr)
    before = scenario.get("Route", where, "x")
    role = scenario.api.get("rbac.authorization.k8s.io/v1", "ClusterRole", ROLE)
    head = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": ROLE}}
    scenario.undo(lambda: scenario.api.patch(head, {"rules": role["rules"]}))
    scenario.api.patch(head, {"rules": [r for r in role["rules"] if "routes/custom-host" not in r["resources"]]})
    eventually(lambda: not may_choose_hosts(scenario), what="the permission is removed")
    scenario.change(cr, **host_of("two.example.com"))
    scenario.wait_for_reason(cr, "RouteInvalid", "Route", "spec.host", type="Exposed")
    kept = scenario.get("Route", where, "x")
    assert (kept["metadata"]["uid"], kept["spec"]["host"]) == (before["metadata"]["uid"], "one.example.com")
    scenario.api.patch(head, {"rules": role["rules"]})
    scenario.wait_until_ready(cr, timeout=60)
    served_at(scenario, cr, "two.example.com")


def may_choose_hosts(scenario: Scenario) -> bool:
    what = {"group": "route.openshift.io", "resource": "routes", "subresource": "custom-host", "verb": "update"}
    spec = {"resourceAttributes": what, "user": f"system:serviceaccount:{NAMESPACE}:{SERVICE_ACCOUNT}"}
    head = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "metadata": {}}
    answer = scenario.api.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {**head, "spec": spec})
    return bool(answer["status"]["allowed"])


@pytest.fixture
def without(scenario: Scenario) -> Iterator[Callable[..., None]]:
    """`without(name, …)` deletes resource definitions until the test ends."""
    version, kind = "apiextensions.k8s.io/v1", "CustomResourceDefinition"

    def remove(*definitions: str) -> None:
        for name in definitions:
            scenario.api.delete({"apiVersion": version, "kind": kind, "metadata": {"name": name}})
        eventually(
            lambda: not any(scenario.api.find(version, kind, name) for name in definitions), what="they are deleted"
        )

    yield remove
    openshift.install(scenario.api)


def test_without_console_everything_else_works(scenario: Scenario, without: Callable[..., None]) -> None:
    without("consolelinks.console.openshift.io", "apiservers.config.openshift.io")
    cr = scenario.cryostat(scenario.namespace())
    host = f"x-{cr['metadata']['namespace']}.{openshift.DOMAIN}"
    body = scenario.wait_until_ready(cr)
    assert body["status"]["applicationUrl"] == f"https://{host}"
    gone = scenario.cryostat(scenario.namespace(), "y")
    scenario.wait_until_ready(gone)
    scenario.delete(gone)
    scenario.wait_for_no_objects(gone)
    openshift.install(scenario.api)
    eventually(
        lambda: link(scenario, cr) == f"https://{host}", what="the ConsoleLink API is served again, and the link exists"
    )


def test_the_route_api_is_removed_and_installed_again(scenario: Scenario, without: Callable[..., None]) -> None:
    cr = scenario.cryostat(scenario.namespace(), **host_of("one.example.com"))
    gone = scenario.cryostat(scenario.namespace(), "y")
    scenario.wait_until_ready(cr)
    scenario.wait_until_ready(gone)
    without("routes.route.openshift.io")
    served_at(scenario, cr, "")
    scenario.wait_for_reason(cr, "ExternalHostIgnored", type="SpecEffective")
    scenario.wait_until_ready(cr, timeout=60)
    scenario.delete(gone)
    scenario.wait_for_no_objects(gone)
    openshift.install(scenario.api)
    served_at(scenario, cr, "one.example.com")
    body = scenario.wait_until_ready(cr, timeout=60)
    assert condition(body, "SpecEffective") == {}
    assert body["status"].get("basicAuthSecret", "") == ""
