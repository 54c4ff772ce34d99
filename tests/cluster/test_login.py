"""OpenShift: the login follows the type of authentication of the cluster while the operator runs."""

from __future__ import annotations

from tests.cluster.api import Object, condition, eventually
from tests.cluster.router import Router
from tests.cluster.scenario import Scenario

AUTHENTICATION: Object = {
    "apiVersion": "config.openshift.io/v1",
    "kind": "Authentication",
    "metadata": {"name": "cluster"},
}


def restored(scenario: Scenario) -> None:
    """Let the cluster have its own OAuth server when the test ends."""
    scenario.undo(lambda: scenario.api.patch(AUTHENTICATION, {"spec": {"type": None}}))
    scenario.undo(lambda: scenario.api.apply({**AUTHENTICATION, "spec": {}}))  # runs first


def login(scenario: Scenario, cr: Object, reason: str) -> Object:
    """Wait until users log in this way, and return the condition."""

    def found() -> Object:
        now = condition(scenario.wait_until_ready(cr), "AuthenticationEnabled")
        assert now["reason"] == reason, now
        return now

    return eventually(found, what=f"AuthenticationEnabled has the reason {reason}")


def proxy_image(scenario: Scenario, cr: Object) -> str:
    """The image of the container of the authentication proxy."""
    deployment = scenario.get("Deployment", cr["metadata"]["namespace"], "x")
    [proxy] = [each for each in deployment["spec"]["template"]["spec"]["containers"] if "auth-proxy" in each["name"]]
    return str(proxy["image"])


def test_without_an_oauth_server_a_login_is_generated_and_openshift_accounts_return_with_it(
    openshift_scenario: Scenario, router: Router
) -> None:
    """As on OpenShift 4.20 with another identity provider, and as on MicroShift."""
    scenario = openshift_scenario
    restored(scenario)
    where = scenario.namespace()
    cr = scenario.cryostat(where)
    assert login(scenario, cr, "OpenShiftSSO")["message"] == "Users log in with their OpenShift account"
    before = proxy_image(scenario, cr)
    assert scenario.find("Secret", where, "x-basic-auth") is None
    for kind, cause in (("OIDC", "is OIDC"), ("None", "is None"), (None, "does not exist")):
        if kind:
            scenario.api.patch(AUTHENTICATION, {"spec": {"type": kind}})
        else:
            scenario.api.delete(AUTHENTICATION)
        message = login(scenario, cr, "LoginGenerated")["message"]
        expected = (
            "Secret x-basic-auth contains the generated login in its keys username and password. OpenShift accounts "
            f"cannot be used: the cluster has no OAuth server (Authentication/cluster {cause})"
        )
        if message != expected:  # of the former cause, before the operator has seen the change
            scenario.wait_for_reason(cr, "LoginGenerated", expected, type="AuthenticationEnabled")
        assert proxy_image(scenario, cr) != before
        assert scenario.find("Secret", where, "x-basic-auth")
        assert scenario.live(cr)["status"]["basicAuthSecret"] == "x-basic-auth"
        assert scenario.live(cr)["status"]["applicationUrl"].startswith("https://")
    scenario.api.apply({**AUTHENTICATION, "spec": {"type": "IntegratedOAuth"}})
    login(scenario, cr, "OpenShiftSSO")
    assert proxy_image(scenario, cr) == before
    eventually(lambda: scenario.find("Secret", where, "x-basic-auth") is None, what="the generated login is deleted")
    assert "basicAuthSecret" not in {k for k, v in scenario.live(cr)["status"].items() if v}


def test_a_new_instance_without_an_oauth_server(openshift_scenario: Scenario, router: Router) -> None:
    scenario = openshift_scenario
    restored(scenario)
    scenario.api.patch(AUTHENTICATION, {"spec": {"type": "OIDC"}})
    users = scenario.namespace()
    scenario.secret(users, "users", htpasswd="jane:$2y$05$abcdefghijklmnopqrstuuWQ1ZC0DOHNrDaLKhGVXyqb6dLjQJf5u")
    basic = {"basicAuth": {"secretName": "users", "filename": "htpasswd"}}
    cr = scenario.cryostat(users, authorizationOptions=basic)
    message = login(scenario, cr, "BasicAuth")["message"]
    assert message == (
        "Users log in with a password from Secret users. OpenShift accounts cannot be used: the cluster has no OAuth "
        "server (Authentication/cluster is OIDC)"
    )


def test_a_new_instance_on_a_cluster_with_routes_alone(openshift_scenario: Scenario, router: Router) -> None:
    """As on MicroShift: its users get a login, and the application has a Route."""
    scenario = openshift_scenario
    restored(scenario)
    scenario.api.delete(AUTHENTICATION)
    cr = scenario.cryostat(scenario.namespace())
    assert login(scenario, cr, "LoginGenerated")["message"] == (
        "Secret x-basic-auth contains the generated login in its keys username and password. OpenShift accounts cannot "
        "be used: the cluster has no OAuth server (Authentication/cluster does not exist)"
    )
    assert scenario.live(cr)["status"]["applicationUrl"].startswith("https://")
