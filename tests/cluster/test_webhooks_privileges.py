"""Secrets and security contexts that the author of a Cryostat may not use are refused, on a real API server."""

from __future__ import annotations

import pytest

from tests.cluster.api import Api, Object, eventually
from tests.cluster.authors import cryostat, refused
from tests.cluster.webhooks import CRYOSTATS, WebhookPlane, rule

# --- Secrets and privileges ------------------------------------------------------------------------------------------

SECRET_SPECS = [
    {"authorizationOptions": {"basicAuth": {"secretName": "x", "filename": "f"}}},
    {"databaseOptions": {"secretName": "x"}},
    {"objectStorageOptions": {"secretName": "x"}},
    {"trustedCertSecrets": [{"secretName": "x"}]},
    {"declarativeCredentials": [{"secretName": "x"}]},
]


@pytest.mark.parametrize("spec", SECRET_SPECS, ids=lambda spec: next(iter(spec)))
def test_secrets_that_the_author_may_not_read_are_refused(
    webhooks: WebhookPlane, dev: Api, home: str, spec: Object
) -> None:
    assert f'get secrets "x" in namespace "{home}"' in refused(lambda: dev.create(cryostat(home, spec), dryRun="All"))
    reader = webhooks.user(f"reader-{home}", {home: [CRYOSTATS, rule("", "secrets", "get", names=["x"])]})
    eventually(lambda: reader.create(cryostat(home, spec), dryRun="All"))


def test_secrets_that_were_named_before_are_allowed(webhooks: WebhookPlane, dev: Api, home: str) -> None:
    made = webhooks.api.create(cryostat(home, {"trustedCertSecrets": [{"secretName": "x"}]}))
    dev.patch(made, {"spec": {"reportOptions": {"replicas": 0}}})
    refused(lambda: dev.patch(made, {"spec": {"trustedCertSecrets": [{"secretName": "x"}, {"secretName": "y"}]}}))
    refused(lambda: dev.patch(made, {"spec": {"declarativeCredentials": [{"secretName": "z"}]}}))


@pytest.mark.parametrize(
    "context",
    [
        {"coreSecurityContext": {"privileged": True}},
        {"databaseSecurityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}},
        {"podSecurityContext": {"seccompProfile": {"type": "Unconfined"}}},
        {"storageSecurityContext": {"procMount": "Unmasked"}},
        {"podSecurityContext": {"seLinuxOptions": {"type": "spc_t"}}},
        {"podSecurityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}},
    ],
    ids=str,
)
def test_privileges_that_the_author_may_not_use_are_refused(
    webhooks: WebhookPlane, dev: Api, home: str, context: Object
) -> None:
    spec = {"securityOptions": context}
    assert "may not create pods" in refused(lambda: dev.create(cryostat(home, spec), dryRun="All"))
    runner = webhooks.user(f"runner-{home}", {home: [CRYOSTATS, rule("", "pods", "create")]})
    eventually(lambda: runner.create(cryostat(home, spec), dryRun="All"))


@pytest.mark.parametrize("field", ["schedulingOptions", "reportOptions"])
def test_scheduling_that_the_author_may_not_use_is_refused(
    webhooks: WebhookPlane, dev: Api, home: str, field: str
) -> None:
    """A pod with this anti-affinity keeps the pods of all other namespaces away from its zone."""
    term = {"labelSelector": {}, "namespaceSelector": {}, "topologyKey": "topology.kubernetes.io/zone"}
    apart = {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}
    runner = webhooks.user(f"runner-{home}", {home: [CRYOSTATS, rule("", "pods", "create")]})
    for options in ({"tolerations": [{"operator": "Exists"}]}, apart):
        spec = {field: options if field == "schedulingOptions" else {"replicas": 1, "schedulingOptions": options}}
        assert "may not create pods" in refused(lambda spec=spec: dev.create(cryostat(home, spec), dryRun="All"))  # type: ignore[misc]
        eventually(lambda spec=spec: runner.create(cryostat(home, spec), dryRun="All"))  # type: ignore[misc]
    dev.create(cryostat(home, {"schedulingOptions": {"nodeSelector": {"a": "b"}}}), dryRun="All")


def test_ordinary_contexts_need_no_permission(dev: Api, home: str) -> None:
    context = {"runAsUser": 1000, "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]}}
    dev.create(cryostat(home, {"securityOptions": {"coreSecurityContext": context}}), dryRun="All")


# --- other checks ----------------------------------------------------------------------------------------------------
