"""Permissions of authors for content of the objects that the operator creates."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api.created_objects import content_permissions
from cryostat_operator.api.network_options import NetworkPolicies, NetworkPolicyConfig, ServiceOptions
from cryostat_operator.api.required_permissions import required_permissions

APART = {"labelSelector": {}, "namespaceSelector": {}, "topologyKey": "topology.kubernetes.io/zone"}
REQUIRED, PREFERRED = (f"{how}DuringSchedulingIgnoredDuringExecution" for how in ("required", "preferred"))
INGRESS = {"rules": [{"host": "theirs.example.com"}]}


def cryostat(spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a", "namespace": "n"}, "spec": spec}


def required(new: Any, old: Any = None, *, openshift: bool = False) -> list[tuple[str, str]]:
    """Permissions for content, as text and cause."""
    before = None if old is None else cryostat(old)
    found = required_permissions(cryostat(new), before, openshift=openshift)
    return [(str(each), each.cause) for each in found if each.group != "operator.cryostat.io"]


@pytest.mark.parametrize(
    ("spec", "permission", "field"),
    [
        (
            {"networkOptions": {"coreConfig": {"ingressSpec": INGRESS}}},
            'create ingresses.networking.k8s.io in namespace "n"',
            "networkOptions.coreConfig.ingressSpec",
        ),
        (
            {"networkOptions": {"coreConfig": {"annotations": {"nginx.ingress.kubernetes.io/auth-url": "u"}}}},
            'create ingresses.networking.k8s.io in namespace "n"',
            "networkOptions.coreConfig.annotations[nginx.ingress.kubernetes.io/auth-url]",
        ),
        (
            {"serviceOptions": {"databaseConfig": {"serviceType": "LoadBalancer"}}},
            'create services in namespace "n"',
            "serviceOptions.databaseConfig.serviceType",
        ),
        (
            {"serviceOptions": {"agentGatewayConfig": {"labels": {"a": "b"}}}},
            'create services in namespace "n"',
            "serviceOptions.agentGatewayConfig.labels[a]",
        ),
        (
            {"networkPolicies": {"reportsConfig": {"egressEnabled": True}}},
            'create networkpolicies.networking.k8s.io in namespace "n"',
            "networkPolicies.reportsConfig.egressEnabled",
        ),
        (
            {"operandMetadata": {"podMetadata": {"annotations": {"k8s.v1.cni.cncf.io/networks": "x"}}}},
            'create pods in namespace "n"',
            "operandMetadata.podMetadata.annotations[k8s.v1.cni.cncf.io/networks]",
        ),
        (
            {"operandMetadata": {"deploymentMetadata": {"labels": {"a": "b"}}}},
            'create deployments.apps in namespace "n"',
            "operandMetadata.deploymentMetadata.labels[a]",
        ),
        (
            {"storageOptions": {"database": {"pvc": {"spec": {"dataSource": {"kind": "X", "name": "theirs"}}}}}},
            'create persistentvolumeclaims in namespace "n"',
            "storageOptions.database.pvc.spec.dataSource",
        ),
        (
            {"storageOptions": {"pvc": {"annotations": {"a": "b"}}}},
            'create persistentvolumeclaims in namespace "n"',
            "storageOptions.pvc.annotations[a]",
        ),
        (
            {"schedulingOptions": {"tolerations": [{"operator": "Exists"}]}},
            'create pods in namespace "n"',
            "schedulingOptions.tolerations",
        ),
        (
            {"reportOptions": {"schedulingOptions": {"affinity": {"podAntiAffinity": {REQUIRED: [APART]}}}}},
            'create pods in namespace "n"',
            f"reportOptions.schedulingOptions.affinity.podAntiAffinity.{REQUIRED}",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_content_needs_the_permission_to_create_the_object(spec: Any, permission: str, field: str) -> None:
    wanted = [(permission, f"spec.{field}")]
    assert required(spec) == wanted
    assert required(spec, {}) == wanted
    assert required(spec, spec) == []


def test_on_openshift_the_permission_for_metadata_is_that_of_the_route() -> None:
    spec = {"networkOptions": {"coreConfig": {"labels": {"a": "b"}}}}
    [(permission, _)] = required(spec, openshift=True)
    assert permission == 'create routes.route.openshift.io in namespace "n"'


@pytest.mark.parametrize(
    "spec",
    [
        {"serviceOptions": {"coreConfig": {"serviceType": "ClusterIP", "httpPort": 8080, "annotations": {}}}},
        {"serviceOptions": {"coreConfig": {"serviceType": ""}}},
        {"networkPolicies": {"coreConfig": {"ingressDisabled": False}}},
        {"storageOptions": {"database": {"pvc": {"spec": {"resources": {"requests": {"storage": "1Gi"}}}}}}},
        {"storageOptions": {"pvc": {"spec": {"storageClassName": "fast", "accessModes": ["ReadWriteOnce"]}}}},
        {"operandMetadata": {"podMetadata": {"labels": {}}}},
    ],
    ids=str,
)
def test_sizes_and_defaults_need_no_permission(spec: Any) -> None:
    assert required(spec) == []


def test_only_changed_content_is_reviewed() -> None:
    """Unchanged and removed content is not reviewed, also not if another field changes."""
    pods = {"operandMetadata": {"podMetadata": {"labels": {"a": "1", "b": "1"}}}}
    assert required({"operandMetadata": {"podMetadata": {"labels": {"a": "1"}}}}, pods) == []
    assert required({**pods, "enableAudit": False}, pods) == []
    changed = {"operandMetadata": {"podMetadata": {"labels": {"a": "2", "b": "1"}}}}
    assert [cause for _, cause in required(changed, pods)] == ["spec.operandMetadata.podMetadata.labels[a]"]
    before: Any = {"networkOptions": {"coreConfig": {"ingressSpec": {"rules": []}}}}
    assert len(required({"networkOptions": {"coreConfig": {"ingressSpec": INGRESS}}}, before)) == 1


def test_only_scheduling_that_affects_others_needs_a_permission() -> None:
    """The other options select among the nodes that are open to every pod of the namespace."""
    affinity = {
        "nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": []}]}},
        "podAffinity": {REQUIRED: [APART]},
        "podAntiAffinity": {PREFERRED: [{"weight": 1, "podAffinityTerm": APART}], REQUIRED: []},
    }
    options = {"nodeSelector": {"a": "b"}, "affinity": affinity, "tolerations": []}
    assert required({"schedulingOptions": options, "reportOptions": {"schedulingOptions": options}}) == []
    before = {"schedulingOptions": {"tolerations": [{"key": "a"}, {"key": "b"}]}}
    assert required({"schedulingOptions": {"tolerations": [{"key": "b"}]}}, before) == []
    assert len(required({"schedulingOptions": {"tolerations": [{"key": "c"}]}}, before)) == 1


def test_one_permission_is_reviewed_once() -> None:
    labels = {f"k{number}": "v" for number in range(100)}
    config = {"labels": labels, "annotations": labels, "serviceType": "NodePort"}
    assert len(required({"serviceOptions": {"coreConfig": config, "storageConfig": config}})) == 1


def test_callback_services_are_in_target_namespaces() -> None:
    callback = {"serviceOptions": {"agentCallbackConfig": {"annotations": {"a": "b"}}}}
    old = {**callback, "targetNamespaces": ["x"]}
    assert [permission for permission, _ in required({**callback, "targetNamespaces": ["x", "y"]})] == [
        'create services in namespace "x"',
        'create services in namespace "y"',
    ]
    added = required({**callback, "targetNamespaces": ["x", "y"]}, old)
    assert added == [('create services in namespace "y"', "spec.serviceOptions.agentCallbackConfig")]


def test_every_service_and_policy_is_reviewed() -> None:
    """A new field of these options needs the review too."""
    for field in ServiceOptions.model_fields.values():
        spec = {"serviceOptions": {field.alias: {"annotations": {"a": "b"}, "serviceType": "NodePort"}}}
        assert required(spec), field.alias
    for component in NetworkPolicies.model_fields.values():
        for field in NetworkPolicyConfig.model_fields.values():
            assert required({"networkPolicies": {component.alias: {field.alias: True}}}), field.alias


def test_malformed_fields_are_ignored() -> None:
    junk: Any
    for junk in (None, 5, "x", [], [[]], {"coreConfig": 1}):
        for name in ("networkOptions", "serviceOptions", "networkPolicies", "operandMetadata", "storageOptions"):
            assert list(content_permissions(cryostat({name: junk}), ["n"], openshift=False)) == []
