"""What is installed: the operator's namespace, ServiceAccount, permissions and Deployment, and its instances' roles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from ..api import constants
from ..plan.model.kinds import KINDS
from ..plan.yaml_text import document
from ..settings import IMAGES, WEBHOOK_CERTIFICATES, Settings
from . import monitoring, network, replicas, webhook_manifests

Obj = dict[str, Any]

NAME = "cryostat-operator"
NAMESPACE = webhook_manifests.NAMESPACE
SERVICE_ACCOUNT = f"{NAME}-service-account"
CLUSTER_ROLE = f"{NAME}-manager-role"
DEPLOYMENT = f"{NAME}-controller"
IMAGE = "quay.io/cryostat/cryostat-operator:latest"
DOCUMENTATION = "https://github.com/cryostatio/cryostat-operator/blob/main/docs"
PORT = 8081
WEBHOOK_PORT = 9443
LABELS: Mapping[str, str] = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/part-of": "cryostat"}
# Never to be changed: a Deployment's selector is immutable, and nothing else in the namespace may match it.
SELECTOR: Mapping[str, str] = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/component": "operator"}

# The name that OLM gives to its own volume at this place.
_CERTIFICATE = "webhook-cert"


class Rule(NamedTuple):
    """One permission: verbs on a resource of a group, perhaps only on objects with these names."""

    group: str
    resource: str
    verbs: tuple[str, ...]
    names: tuple[str, ...] = ()


_READ = ("get", "list", "watch")
# What the operator may do besides making the objects of `KINDS`.
_OWN_RULES = (
    Rule(constants.GROUP, constants.PLURAL, (*_READ, "patch")),
    Rule(constants.GROUP, f"{constants.PLURAL}/status", ("patch",)),
    # Needed to set blockOwnerDeletion in owner references where OwnerReferencesPermissionEnforcement is on (OpenShift).
    Rule(constants.GROUP, f"{constants.PLURAL}/finalizers", ("update",)),
    Rule("", "namespaces", ("list", "watch")),
    Rule("", "pods", ("list", "watch")),
    Rule("", "events", ("create", "get", "patch")),
    # What the users who write Cryostats may do.
    Rule("authorization.k8s.io", "subjectaccessreviews", ("create",)),
    Rule("discovery.k8s.io", "endpointslices", ("list", "watch")),
    Rule("apiextensions.k8s.io", "customresourcedefinitions", ("list", "watch")),
    Rule("apiregistration.k8s.io", "apiservices", ("list", "watch")),
    # Handing on the two roles of instances without holding all of their permissions.
    Rule(
        "rbac.authorization.k8s.io",
        "clusterroles",
        ("bind",),
        (Settings().cluster_role, Settings().namespaced_cluster_role),
    ),
)
# What an instance may do in the whole cluster: its authentication proxy checks tokens and permissions.
_INSTANCE_RULES = (
    Rule("authentication.k8s.io", "tokenreviews", ("create",)),
    Rule("authorization.k8s.io", "subjectaccessreviews", ("create",)),
)
# What an instance may do in each target namespace: it finds pods and what they belong to.
_TARGET_NAMESPACE_RULES = (
    Rule("discovery.k8s.io", "endpointslices", _READ),
    Rule("", "pods", ("get",)),
    Rule("", "replicationcontrollers", ("get",)),
    Rule("apps", "replicasets", ("get",)),
    Rule("apps", "deployments", ("get",)),
    Rule("apps", "daemonsets", ("get",)),
    Rule("apps", "statefulsets", ("get",)),
    Rule("apps.openshift.io", "deploymentconfigs", ("get",)),
    Rule("route.openshift.io", "routes", ("get", "list")),
)


def files_of_install() -> Mapping[PurePosixPath, str]:
    """Path below the repository → content."""
    here = PurePosixPath("manifests")
    apart = {f"monitoring/{name}": content for name, content in for_prometheus().items()}
    return {here / name: document(content) for name, content in {**installation(), **apart}.items()}


def installation() -> Mapping[str, list[Obj]]:
    """File name → objects. The numbers make `kubectl apply -f manifests` create things in order."""
    return {
        "00-namespace.yaml": [namespace()],
        "10-service-account.yaml": [service_account()],
        "20-operator-role.yaml": [operator_cluster_role(), operator_cluster_role_binding()],
        "22-leader-election-role.yaml": replicas.leader_election(NAMESPACE, SERVICE_ACCOUNT, LABELS),
        "25-webhook-registration-role.yaml": webhook_registration(),
        "30-instance-roles.yaml": instance_cluster_roles(),
        "40-deployment.yaml": [deployment()],
        "45-disruption-budget.yaml": [replicas.disruption_budget(DEPLOYMENT, NAMESPACE, LABELS, SELECTOR)],
        "50-webhooks.yaml": webhook_manifests.objects(NAMESPACE, LABELS, SELECTOR),
        "60-network-policy.yaml": [network.policy(NAMESPACE, LABELS, SELECTOR, (WEBHOOK_PORT, PORT))],
        "70-metrics-service.yaml": [monitoring.service(NAMESPACE, LABELS, SELECTOR, PORT)],
    }


def for_prometheus() -> Mapping[str, list[Obj]]:
    """File name → objects, apart from the others: only clusters with the Prometheus operator know these kinds."""
    return {
        "service-monitor.yaml": [monitoring.service_monitor(NAMESPACE, LABELS)],
        "prometheus-rule.yaml": [monitoring.prometheus_rule(NAMESPACE, LABELS, DOCUMENTATION)],
    }


def operator_rules() -> list[Obj]:
    """The rules of the operator's own ClusterRole, also for an OLM bundle."""
    kinds = KINDS.values()
    made = [Rule(kind.group, kind.plural, kind.verbs) for kind in kinds]
    extra = [Rule(kind.group, resource, verbs) for kind in kinds for resource, verbs in kind.extra_rules]
    return policy_rules([*_OWN_RULES, *made, *extra])


def policy_rules(rules: Iterable[Rule]) -> list[Obj]:
    """RBAC rules in a stable order, resources with equal verbs together."""
    merged: dict[tuple[str, tuple[str, ...], tuple[str, ...]], set[str]] = {}
    for rule in rules:
        merged.setdefault((rule.group, rule.verbs, rule.names), set()).add(rule.resource)
    return [
        {"apiGroups": [group], "resources": sorted(resources)}
        | ({"resourceNames": list(names)} if names else {})
        | {"verbs": list(verbs)}
        for (group, verbs, names), resources in sorted(merged.items(), key=lambda item: (item[0][0], sorted(item[1])))
    ]


def namespace() -> Obj:
    """The operator's namespace; it enforces the strictest pod security level."""
    labels = {**LABELS, "pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}


def service_account() -> Obj:
    """The account that the operator runs as."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata(SERVICE_ACCOUNT, NAMESPACE)}


def operator_cluster_role() -> Obj:
    """All that the operator may do."""
    return _cluster_role(CLUSTER_ROLE, operator_rules())


def operator_cluster_role_binding() -> Obj:
    """Gives the operator its role in the whole cluster: instances may be in any namespace."""
    return _binding(f"{NAME}-manager-rolebinding", CLUSTER_ROLE)


def webhook_registration() -> list[Obj]:
    """The role for registering the webhooks, and its binding."""
    return [
        webhook_manifests.registration_role(LABELS),
        _binding(f"{webhook_manifests.ROLE}-binding", webhook_manifests.ROLE),
    ]


def _binding(name: str, role: str) -> Obj:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": _metadata(name),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": NAMESPACE}],
    }


def instance_cluster_roles() -> list[Obj]:
    """The two roles that the operator binds to the ServiceAccount of each instance."""
    settings = Settings()
    return [
        _cluster_role(settings.cluster_role, policy_rules(_INSTANCE_RULES)),
        _cluster_role(settings.namespaced_cluster_role, policy_rules(_TARGET_NAMESPACE_RULES)),
    ]


def deployment() -> Obj:
    """The operator itself: one replica that leads and one that stands by, in restricted pods."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(DEPLOYMENT, NAMESPACE),
        "spec": {
            "replicas": 2,
            # Somebody always answers the API server: a new pod is ready before an old one goes.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "selector": {"matchLabels": dict(SELECTOR)},
            "template": {
                "metadata": {
                    "labels": {**LABELS, **SELECTOR},
                    "annotations": {
                        "kubectl.kubernetes.io/default-container": "operator",
                        "openshift.io/required-scc": "restricted-v2",
                    },
                },
                "spec": {
                    "serviceAccountName": SERVICE_ACCOUNT,
                    "terminationGracePeriodSeconds": 30,
                    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                    "affinity": replicas.affinity(SELECTOR),
                    "containers": [_container()],
                    "volumes": [_certificate_volume()],
                },
            },
        },
    }


def _container() -> Obj:
    return {
        "name": "operator",
        "image": IMAGE,
        "command": ["cryostat-operator", "run", "--log-format", "json"],
        "env": list(_environment()),
        "ports": [
            {"name": "http", "containerPort": PORT, "protocol": "TCP"},
            {"name": webhook_manifests.PORT_NAME, "containerPort": WEBHOOK_PORT, "protocol": "TCP"},
        ],
        "volumeMounts": [{"name": _CERTIFICATE, "mountPath": WEBHOOK_CERTIFICATES, "readOnly": True}],
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 20},
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 10},
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }


def _certificate_volume() -> Obj:
    """A serving certificate made by cert-manager or OpenShift, if there is one; else the operator makes its own."""
    return {"name": _CERTIFICATE, "secret": {"secretName": f"{NAME}-webhook-server-cert", "optional": True}}


def _environment() -> Iterator[Obj]:
    yield {"name": "OPERATOR_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}
    for variable, reference in IMAGES.values():
        yield {"name": variable, "value": reference}


def _cluster_role(name: str, rules: list[Obj]) -> Obj:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": _metadata(name),
        "rules": rules,
    }


def _metadata(name: str, namespace: str | None = None) -> Obj:
    return {"name": name, **({"namespace": namespace} if namespace else {}), "labels": dict(LABELS)}
