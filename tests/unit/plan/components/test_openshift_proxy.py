"""Arguments of OpenShift's oauth-proxy."""

from __future__ import annotations

import json
from typing import Any

from cryostat_operator.plan.components import openshift_proxy
from cryostat_operator.plan.instance import Instance
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import NAME, NAMESPACE, ClusterState, cryostat


def instance(spec: dict[str, Any] | None = None, *, tls: bool = False) -> Instance:
    return ClusterState(cryostat(spec), openshift=True, settings=Settings(service_tls=tls)).instance


def arguments(given: Instance, login_file: str | None = None) -> dict[str, str]:
    found = openshift_proxy.arguments(given, login_file, "30s", "")
    return dict(argument.removeprefix("--").split("=", 1) for argument in found)


def test_users_need_a_permission() -> None:
    found = arguments(instance())
    review = {"namespace": NAMESPACE, "verb": "create", "resource": "pods", "subresource": "exec"}
    assert json.loads(found["openshift-sar"]) == [review]
    assert json.loads(found["openshift-delegate-urls"]) == {"/": review}
    assert found["openshift-service-account"] == NAME
    assert found["upstream-timeout"] == "30s"


def test_the_permission_of_the_spec() -> None:
    review = {"verb": "get", "resource": "pods", "namespace": "other", "name": ""}
    spec = {"authorizationOptions": {"openShiftSSO": {"accessReview": review}}}
    assert openshift_proxy.access_review(instance(spec)) == {"namespace": "other", "verb": "get", "resource": "pods"}


def test_empty_fields_of_a_permission_are_left_out() -> None:
    requirement = {"key": "a", "operator": "Exists"}
    labels = {"requirements": [{**requirement, "values": []}]}
    selectors = {"fieldSelector": {"requirements": []}, "labelSelector": labels}
    spec = {"authorizationOptions": {"openShiftSSO": {"accessReview": {"resource": "pods", **selectors}}}}
    expected = {"resource": "pods", "labelSelector": {"requirements": [requirement]}}
    assert openshift_proxy.access_review(instance(spec)) == expected


def test_only_health_checks_need_no_login() -> None:
    assert arguments(instance())["bypass-auth-for"] == "^/health(/liveness)?$"
    spec = {"authorizationOptions": {"openShiftSSO": {"disable": True}}}
    assert arguments(instance(spec))["bypass-auth-for"] == ".*"


def test_a_password_file_adds_a_choice() -> None:
    without, found = arguments(instance()), arguments(instance(), "htpasswd")
    assert (without["skip-provider-button"], found["skip-provider-button"]) == ("true", "false")
    assert found["htpasswd-file"].endswith("/htpasswd")
    assert "htpasswd-file" not in without


def test_with_tls_it_serves_https_only() -> None:
    found = arguments(instance(tls=True))
    assert (found["http-address"], found["https-address"]) == ("", "0.0.0.0:4180")
    assert found["tls-cert"].endswith(f"/{NAME}-tls/tls.crt")
    assert arguments(instance())["https-address"] == ""
