"""Permissions of authors on a real API server: several users, and attempts to bypass the review."""

from __future__ import annotations

import functools
import json
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.api.conversion import ANNOTATION
from tests.cluster.api import PATCH_TYPES, Api, ApiError, Object, condition, eventually
from tests.cluster.authors import OLD, bindings, cryostat, reconciled_cryostat, refused, replaced, v1beta1_cryostat
from tests.cluster.conftest import NamespaceFactory
from tests.cluster.operator_process import NAMESPACE, SERVICE_ACCOUNT
from tests.cluster.webhooks import CRYOSTATS, WebhookPlane, rule

# --- target namespaces -----------------------------------------------------------------------------------------------


def test_defaults_are_filled_in_once(webhooks: WebhookPlane, dev: Api, home: str) -> None:
    made = dev.create(cryostat(home))
    assert made["spec"] == {"targetNamespaces": [home], "enableAudit": True}
    assert dev.create(cryostat(home, {"enableAudit": False, "targetNamespaces": []}))["spec"] == {
        "enableAudit": False,
        "targetNamespaces": [],
    }
    changed = dev.patch(made, {"spec": {"enableAudit": None, "targetNamespaces": None}})
    assert changed["spec"] == {"targetNamespaces": [home]}


def test_a_target_namespace_needs_the_permission_to_create_cryostats_in_it(
    webhooks: WebhookPlane, dev: Api, home: str, away: str
) -> None:
    message = refused(lambda: dev.create(cryostat(home, {"targetNamespaces": [home, away, "kube-system"]})))
    assert f'create cryostats.operator.cryostat.io in namespace "{away}"' in message
    assert f'user "dev-{home}"' in message
    assert bindings(webhooks, away) == []

    webhooks.grant(f"dev-{home}", away, [rule(constants.GROUP, "cryostats", "create")])
    made = eventually(lambda: dev.create(reconciled_cryostat(home, {"targetNamespaces": [home, away]})))
    eventually(lambda: len(bindings(webhooks, away)) == 1)
    dev.delete(made)
    eventually(lambda: bindings(webhooks, away) == [])


def test_permissions_of_groups_and_service_accounts_are_reviewed(webhooks: WebhookPlane, home: str, away: str) -> None:
    group = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": f"team-{home}"}
    account = {"kind": "ServiceAccount", "name": "robot", "namespace": home}
    webhooks.api.create(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot", "namespace": home}}
    )
    for namespace in (home, away):
        webhooks.grant(f"team-{home}", namespace, [CRYOSTATS])
        path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings/team-{home}"
        subjects = [group] if namespace == away else [group, account]
        webhooks.api.request("PATCH", path, {"subjects": subjects}, PATCH_TYPES["merge"])
    spec = {"targetNamespaces": [home, away]}
    member = webhooks.api.impersonating("jane", f"team-{home}")
    eventually(lambda: member.create(cryostat(home, spec)))
    robot = webhooks.plane.api_for("robot", home)
    assert f"system:serviceaccount:{home}:robot" in refused(lambda: robot.create(cryostat(home, spec)))
    eventually(lambda: robot.create(cryostat(home)))
    webhooks.api.impersonating("root", "system:masters").create(cryostat(home, spec))


def test_on_update_only_additions_are_reviewed(webhooks: WebhookPlane, dev: Api, home: str, away: str) -> None:
    made = webhooks.api.create(cryostat(home, {"targetNamespaces": [home, away]}))
    dev.patch(made, {"metadata": {"labels": {"a": "b"}}})
    dev.patch(made, {"spec": {"reportOptions": {"replicas": 0}}})
    refused(lambda: dev.patch(made, {"spec": {"targetNamespaces": [home, away, "default"]}}))
    assert dev.patch(made, {"spec": {"targetNamespaces": [home]}})["spec"]["targetNamespaces"] == [home]
    refused(lambda: dev.patch(made, {"spec": {"targetNamespaces": [home, away]}}))


@pytest.mark.parametrize(
    "change",
    [
        {"authorizationOptions": {"openShiftSSO": {"disable": True}}},
        {"networkPolicies": {"coreConfig": {"ingressDisabled": True}}},
        {"operandMetadata": {"podMetadata": {"annotations": {"sidecar.example.com/image": "x"}}}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_change_of_access_to_an_instance_needs_all_permissions(
    webhooks: WebhookPlane, dev: Api, home: str, away: str, change: Object
) -> None:
    """Editing the Cryostat of another user gives no access to its target namespaces and Secrets."""
    made = webhooks.api.create(cryostat(home, {"targetNamespaces": [home, away]}))
    hidden = {"metadata": {"annotations": {ANNOTATION: json.dumps({"v1beta2": {"spec": made["spec"] | change}})}}}
    former_too = "operandMetadata" in change  # v1beta1 has this field; the annotation contains the others
    for version, body in ((constants.API_VERSION, {"spec": change}), (OLD, {"spec": change} if former_too else hidden)):
        message = refused(functools.partial(dev.patch, {**made, "apiVersion": version}, body))
        assert f'namespace "{away}"' in message
        assert f"a change of spec.{next(iter(change))}" in message
    # The author must be allowed to create the objects that result from the change.
    content = [rule("", "pods", "create"), rule("networking.k8s.io", "networkpolicies", "create")]
    webhooks.grant(f"dev-{home}", home, [CRYOSTATS, *content])
    eventually(lambda: dev.patch(made, {"spec": {"targetNamespaces": [home], **change}}))
    secret = webhooks.api.create(cryostat(home, {"declarativeCredentials": [{"secretName": "theirs"}]}))
    assert 'get secrets "theirs"' in refused(lambda: dev.patch(secret, {"spec": change}))
    both = webhooks.user(
        f"both-{home}", {home: [CRYOSTATS, *content], away: [rule(constants.GROUP, "cryostats", "create")]}
    )
    again = webhooks.api.create(cryostat(home, {"targetNamespaces": [home, away]}))
    eventually(lambda: both.patch(again, {"spec": change}))


@pytest.mark.parametrize(
    ("spec", "permission", "field"),
    [
        (
            {"networkOptions": {"coreConfig": {"ingressSpec": {"defaultBackend": {"service": {"name": "theirs"}}}}}},
            "create ingresses.networking.k8s.io",
            "networkOptions.coreConfig.ingressSpec",
        ),
        (
            {"serviceOptions": {"databaseConfig": {"serviceType": "LoadBalancer"}}},
            "create services",
            "serviceOptions.databaseConfig.serviceType",
        ),
        (
            {"networkPolicies": {"databaseConfig": {"ingressDisabled": True}}},
            "create networkpolicies.networking.k8s.io",
            "networkPolicies.databaseConfig.ingressDisabled",
        ),
        (
            {"operandMetadata": {"podMetadata": {"annotations": {"sidecar.example.com/image": "x"}}}},
            "create pods",
            "operandMetadata.podMetadata.annotations[sidecar.example.com/image]",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_cryostat_whose_objects_the_author_may_not_create_is_refused(
    webhooks: WebhookPlane, dev: Api, home: str, spec: Object, permission: str, field: str
) -> None:
    made = dev.create(cryostat(home))
    for write in (lambda: dev.create(cryostat(home, spec)), lambda: dev.patch(made, {"spec": spec})):
        message = refused(write)
        assert f'user "dev-{home}" may not {permission} in namespace "{home}"' in message
        assert f"spec.{field}" in message
    webhooks.api.patch(made, {"spec": spec})
    dev.patch(made, {"spec": {"enableAudit": False}})


def test_the_roles_for_authors_are_sufficient(webhooks: WebhookPlane, home: str) -> None:
    author = webhooks.user(f"author-{home}", {})
    version = "rbac.authorization.k8s.io/v1"
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": f"author-{home}"}
    for name in ("cryostat-operator-author", "cryostat-operator-author-exposure"):
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
        head = {"apiVersion": version, "kind": "RoleBinding", "metadata": {"name": name, "namespace": home}}
        webhooks.api.create({**head, "roleRef": role, "subjects": [subject]})
    ingress = {"defaultBackend": {"service": {"name": "a", "port": {"number": 4180}}}}
    spec = {"networkOptions": {"coreConfig": {"ingressSpec": ingress}}}
    made = eventually(lambda: author.create(cryostat(home, spec)))
    author.patch(made, {"spec": {"serviceOptions": {"coreConfig": {"serviceType": "NodePort"}}}})
    assert "create pods" in refused(
        lambda: author.patch(made, {"spec": {"operandMetadata": {"podMetadata": {"labels": {"a": "b"}}}}})
    )
    refused(lambda: author.patch(made, {"status": {"targetNamespaces": ["default"]}}, sub="status"))
    author.delete(made)


def test_attempts_to_bypass_the_review(webhooks: WebhookPlane, dev: Api, home: str, away: str) -> None:
    spec = {"targetNamespaces": [home, away]}
    made = dev.create(reconciled_cryostat(home, name="sly"))
    hidden = {ANNOTATION: json.dumps({"v1beta2": {"spec": spec}})}
    old = {**made, "apiVersion": OLD}
    path = webhooks.api.path_of(made)
    past = "2020-01-01T00:00:00Z"
    attempts: list[Callable[[], Any]] = [
        lambda: dev.create(cryostat(home, spec), dryRun="All"),
        lambda: dev.create(cryostat(home, spec, name=None, generateName="x-")),
        lambda: dev.patch(made, {"spec": spec}),
        lambda: dev.patch(made, [{"op": "add", "path": "/spec/targetNamespaces/-", "value": away}]),
        lambda: dev.request("PATCH", path, cryostat(home, spec, name="sly"), PATCH_TYPES["apply"], fieldManager="x"),
        lambda: dev.apply(cryostat(home, spec)),
        lambda: replaced(dev, made, spec),
        lambda: dev.patch(old, {"metadata": {"annotations": hidden}}),
        lambda: dev.apply(v1beta1_cryostat(home, name="sly", annotations=hidden)),
        lambda: dev.create(v1beta1_cryostat(home, annotations=hidden)),
        lambda: dev.patch(made, {"spec": spec, "metadata": {"finalizers": []}}),
        lambda: dev.create(cryostat(home, spec, deletionTimestamp=past)),
    ]
    for attempt in attempts:
        assert away in refused(attempt)
    refused(lambda: dev.patch(made, {"spec": spec, "metadata": {"deletionTimestamp": past}}), 422)
    # An entry of the status allows nothing.
    dev.patch(made, {"status": {"targetNamespaces": [home, away]}}, sub="status")
    dev.patch(made, {"metadata": {"finalizers": None}})
    dev.patch(made, {"spec": {"reportOptions": {"replicas": 0}}})
    # While it is being deleted, its spec has no effect.
    held = dev.create(reconciled_cryostat(home, finalizers=["example.com/held"]))
    dev.delete(held)
    dev.patch(held, {"spec": spec})
    time.sleep(1.0)
    assert bindings(webhooks, away) == []
    assert webhooks.api.list("v1", "Service", away) == []
    dev.patch(held, {"metadata": {"finalizers": None}})


def cryostat_of_deleted_namespace(webhooks: WebhookPlane, home: str, target: str) -> Object:
    """A Cryostat with a target namespace that is deleted after the operator has used it."""
    made = webhooks.api.create(reconciled_cryostat(home, {"targetNamespaces": [home, target]}))
    eventually(lambda: len(bindings(webhooks, target)) == 1)
    webhooks.api.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": target}})
    eventually(lambda: webhooks.api.find("v1", "Namespace", target) is None)
    return made


def test_accepting_a_namespace_that_was_created_again_needs_all_permissions(
    webhooks: WebhookPlane, dev: Api, home: str, namespace: NamespaceFactory
) -> None:
    gone = namespace(webhooks.plane, "gone")
    made = cryostat_of_deleted_namespace(webhooks, home, gone)
    webhooks.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": gone}})
    uid = webhooks.api.get("v1", "Namespace", gone)["metadata"]["uid"]

    def reason() -> str:
        found = webhooks.api.get(constants.API_VERSION, "Cryostat", made["metadata"]["name"], home)
        return str(condition(found, "TargetNamespacesReady").get("reason", ""))

    eventually(lambda: reason() == "NamespaceRecreated")
    accept = {"metadata": {"annotations": {constants.ANNOTATION_ACCEPT_NAMESPACES: uid}}}
    for version in (constants.API_VERSION, OLD):
        message = refused(functools.partial(dev.patch, {**made, "apiVersion": version}, accept))
        assert f'create cryostats.operator.cryostat.io in namespace "{gone}"' in message
    # Other updates do not accept the namespace, by any user and in any version.
    dev.patch(made, {"spec": {"reportOptions": {"replicas": 0}}})
    webhooks.api.patch({**made, "apiVersion": OLD}, {"metadata": {"labels": {"a": "b"}}})
    webhooks.api.patch(made, {"spec": {"enableAudit": False}})
    assert reason() == "NamespaceRecreated"
    assert bindings(webhooks, gone) == []
    webhooks.grant(f"dev-{home}", gone, [rule(constants.GROUP, "cryostats", "create")])
    eventually(lambda: dev.patch(made, accept))
    eventually(lambda: len(bindings(webhooks, gone)) == 1)
    eventually(lambda: reason() == "")


def test_v1beta1_is_checked_as_v1beta2(webhooks: WebhookPlane, dev: Api, home: str) -> None:
    for spec, says in (
        ({"authorizationOptions": {"basicAuth": {"secretName": "a"}}}, "must be set together"),
        ({"networkPolicies": 5}, "spec.networkPolicies"),
        ({"loggingOptions": {"coreLogLevel": "LOUD"}}, "coreLogLevel"),
    ):
        obj = v1beta1_cryostat(home, annotations={ANNOTATION: json.dumps({"v1beta2": {"spec": spec}})})
        assert says in refused(lambda obj=obj: dev.create(obj), 422)  # type: ignore[misc]


def test_writes_of_the_operator_are_always_allowed(
    webhooks: WebhookPlane, dev: Api, home: str, namespace: NamespaceFactory
) -> None:
    gone = namespace(webhooks.plane, "gone")
    made = cryostat_of_deleted_namespace(webhooks, home, gone)
    dev.patch(made, {"metadata": {"labels": {"a": "b"}}})
    dev.delete(made)
    eventually(lambda: webhooks.api.find(constants.API_VERSION, "Cryostat", made["metadata"]["name"], home) is None)
    # An impersonated operator has its permissions. RBAC decides about impersonation.
    own = webhooks.api.impersonating(f"system:serviceaccount:{NAMESPACE}:{SERVICE_ACCOUNT}")
    refused(lambda: own.create(cryostat(home)))


def test_deletion_does_not_need_the_webhooks(webhooks: WebhookPlane, home: str) -> None:
    """The API server gets no response from the webhooks. Finalizers can still be written and removed."""
    made = webhooks.api.create(cryostat(home, finalizers=["example.com/held"]))
    webhooks.operator.process.send_signal(signal.SIGSTOP)
    try:
        webhooks.api.patch(made, {"metadata": {"finalizers": ["example.com/held", "example.com/other"]}})
        with pytest.raises(ApiError):
            webhooks.api.patch(made, {"spec": {"reportOptions": {"replicas": 0}}})
        webhooks.api.delete(made)
        webhooks.api.patch(made, {"metadata": {"finalizers": None}})
        assert webhooks.api.find(constants.API_VERSION, "Cryostat", made["metadata"]["name"], home) is None
    finally:
        webhooks.operator.process.send_signal(signal.SIGCONT)


def test_a_change_of_the_database_secret_is_refused(webhooks: WebhookPlane, home: str) -> None:
    made = webhooks.api.create(reconciled_cryostat(home, {"enableCertManager": False}))
    name = made["metadata"]["name"]
    eventually(lambda: webhooks.api.find("v1", "PersistentVolumeClaim", f"{name}-database", home))
    eventually(lambda: "databaseSecret" in webhooks.api.get(constants.API_VERSION, "Cryostat", name, home)["status"])
    other = {"spec": {"databaseOptions": {"secretName": "other"}}}
    assert f"{name}-db" in refused(lambda: webhooks.api.patch(made, other), 422)
    webhooks.api.patch(made, {"spec": {"databaseOptions": {"secretName": f"{name}-db"}}})
    webhooks.api.patch(made, {"spec": {"databaseOptions": None}})


def test_a_cryostat_that_was_stored_too_large_can_be_changed_and_shortened(
    webhooks: WebhookPlane, namespace: NamespaceFactory
) -> None:
    """It is older than the limits, so no API server reviewed it by them."""
    home = namespace(webhooks.plane)
    certificates = [{"secretName": f"x{number}"} for number in range(3_000)]
    head = {"uid": "00000000-0000-4000-8000-000000000001", "creationTimestamp": "2026-01-01T00:00:00Z", "generation": 1}
    stored = cryostat(home, {"targetNamespaces": [home], "trustedCertSecrets": certificates}, **head)
    webhooks.plane.store(f"{constants.GROUP}/{constants.PLURAL}/{home}", [stored])
    eventually(lambda: webhooks.api.list(constants.API_VERSION, "Cryostat", home), what="the API server knows it")
    webhooks.api.patch(stored, {"metadata": {"labels": {"team": "a"}}})
    message = refused(lambda: webhooks.api.patch(stored, {"spec": {"enableAudit": True}}), 422)
    assert "spec.trustedCertSecrets" in message
    made = webhooks.api.patch(stored, {"spec": {"enableAudit": True, "trustedCertSecrets": None}})
    assert made["spec"] == {"targetNamespaces": [home], "enableAudit": True}
