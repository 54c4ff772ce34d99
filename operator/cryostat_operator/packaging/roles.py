"""The permissions of the operator, of its instances and of authors: ClusterRoles and their bindings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..api import constants, created_objects
from ..api.created_objects import Resource
from ..console import extensions
from ..plan.model.kinds import KINDS, Obj
from ..settings import Settings
from . import webhook_manifests
from .install_names import CLUSTER_ROLE, LABELS, NAME, NAMESPACE, SERVICE_ACCOUNT, metadata

_RBAC = "rbac.authorization.k8s.io"


class Rule(NamedTuple):
    """A permission: verbs on a resource of an API group, optionally restricted to objects with these names."""

    group: str
    resource: str
    verbs: tuple[str, ...]
    names: tuple[str, ...] = ()


_READ = ("get", "list", "watch")
# Permissions of the operator in addition to those on the kinds of `KINDS`.
_OWN_RULES = (
    Rule(constants.GROUP, constants.PLURAL, (*_READ, "patch")),
    Rule(constants.GROUP, f"{constants.PLURAL}/status", ("patch",)),
    # Required to set blockOwnerDeletion if OwnerReferencesPermissionEnforcement is enabled, as on OpenShift.
    Rule(constants.GROUP, f"{constants.PLURAL}/finalizers", ("update",)),
    Rule("", "namespaces", ("list", "watch")),
    Rule("", "pods", ("list", "watch")),
    # Listed only for pods and claims that are stuck: the kubelet and controllers write causes only in events.
    Rule("", "events", ("create", "get", "list", "patch")),
    # Reviews of the permissions of users who write Cryostats, and of clients that read the metrics.
    Rule("authorization.k8s.io", "subjectaccessreviews", ("create",)),
    Rule("authentication.k8s.io", "tokenreviews", ("create",)),
    Rule("discovery.k8s.io", "endpointslices", ("list", "watch")),
    Rule("apiextensions.k8s.io", "customresourcedefinitions", ("list", "watch")),
    Rule("apiregistration.k8s.io", "apiservices", ("list", "watch")),
    # Whether users of an OpenShift cluster log in through its own OAuth server.
    Rule("config.openshift.io", "authentications", ("list", "watch")),
    # The controller of an Ingress decides which annotations it needs. Listed only if a Cryostat has an Ingress.
    Rule("networking.k8s.io", "ingressclasses", ("list", "watch")),
    # The operator lacks some permissions of these roles, so it may bind them only with `bind`. The third role of
    # instances, that of the authentication proxy, needs no `bind`: the operator has all of its permissions.
    Rule(_RBAC, "clusterroles", ("bind",), (Settings().namespaced_cluster_role, Settings().backup_cluster_role)),
)
# Permissions of an instance in the cluster: its authentication proxy reviews tokens and permissions.
_INSTANCE_RULES = (
    Rule("authentication.k8s.io", "tokenreviews", ("create",)),
    Rule("authorization.k8s.io", "subjectaccessreviews", ("create",)),
)
# Permissions of an instance in each target namespace: it discovers pods and their owners.
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
# Permissions of a scheduled backup in the namespace of its instance: what the command `backup` reads.
_BACKUP_RULES = (
    Rule(constants.GROUP, constants.PLURAL, ("get",)),
    Rule("apps", "deployments", ("get",)),
    Rule("", "pods", ("list",)),
    Rule("", "pods/exec", ("create", "get")),
    Rule("", "pods/portforward", ("create", "get")),
    Rule("", "secrets", ("get",)),
)
# Permissions of users who write Cryostats. They cannot write the status: it records what was reviewed.
_AUTHOR_RULES = (Rule(constants.GROUP, constants.PLURAL, ("create", "delete", *_READ, "patch", "update")),)
# What an author needs in addition to expose an instance; see `api/created_objects.py`.
_EXPOSURE_RULES = tuple(
    Rule(resource.group, resource.name, ("create",))
    for resource in (
        created_objects.INGRESSES,
        created_objects.NETWORK_POLICIES,
        created_objects.ROUTES,
        created_objects.SERVICES,
        Resource(created_objects.ROUTES.group, f"{created_objects.ROUTES.name}/custom-host"),
    )
)


def operator_rules() -> list[Obj]:
    """Return the rules of the operator's ClusterRole, which the OLM bundle uses, too."""
    return policy_rules(rules_of_operator())


def rules_of_operator() -> list[Rule]:
    """Return the permissions of the operator, one resource each."""
    kinds = KINDS.values()
    managed = [Rule(kind.group, kind.plural, kind.verbs) for kind in kinds]
    console = _console_rules()
    extra = [Rule(kind.group, resource, verbs) for kind in kinds for resource, verbs in kind.extra_rules]
    return [*_OWN_RULES, *console, *managed, *extra]


def _console_rules() -> list[Rule]:
    """Return the permissions on the quick starts and samples of the console. A permission to create has no names."""
    objects = extensions.objects(Settings().name_prefix)
    rules = []
    for kind, plural in extensions.PLURALS.items():
        names = tuple(obj["metadata"]["name"] for obj in objects if obj["kind"] == kind)
        rules += [Rule(extensions.GROUP, plural, ("create",)), Rule(extensions.GROUP, plural, ("get", "update"), names)]
    return rules


def policy_rules(rules: Iterable[Rule]) -> list[Obj]:
    """Return RBAC rules in a stable order; resources with the same verbs share a rule."""
    merged: dict[tuple[str, tuple[str, ...], tuple[str, ...]], set[str]] = {}
    for rule in rules:
        merged.setdefault((rule.group, rule.verbs, rule.names), set()).add(rule.resource)
    return [
        {"apiGroups": [group], "resources": sorted(resources)}
        | ({"resourceNames": list(names)} if names else {})
        | {"verbs": list(verbs)}
        for (group, verbs, names), resources in sorted(merged.items(), key=lambda item: (item[0][0], sorted(item[1])))
    ]


def operator_cluster_role() -> Obj:
    """Return the operator's ClusterRole."""
    return _cluster_role(CLUSTER_ROLE, operator_rules())


def operator_cluster_role_binding() -> Obj:
    """Return the binding of the operator's ClusterRole, for all namespaces: instances may be in any of them."""
    return _binding(f"{NAME}-manager-rolebinding", CLUSTER_ROLE)


def webhook_registration() -> list[Obj]:
    """Return the role that allows registering the webhooks, and its binding."""
    return [
        webhook_manifests.registration_role(LABELS),
        _binding(f"{webhook_manifests.ROLE}-binding", webhook_manifests.ROLE),
    ]


def instance_cluster_roles() -> list[Obj]:
    """Return the roles that the operator binds to ServiceAccounts of instances."""
    settings = Settings()
    return [
        _cluster_role(settings.cluster_role, policy_rules(_INSTANCE_RULES)),
        _cluster_role(settings.namespaced_cluster_role, policy_rules(_TARGET_NAMESPACE_RULES)),
        _cluster_role(settings.backup_cluster_role, policy_rules(_BACKUP_RULES)),
    ]


def author_cluster_roles() -> list[Obj]:
    """Return the roles for authors of Cryostats, for administrators to bind. No role aggregates them.

    The webhooks are registered when the operator runs for the first time, and nothing is reviewed before that.
    """
    return [
        _cluster_role(f"{NAME}-author", policy_rules(_AUTHOR_RULES)),
        _cluster_role(f"{NAME}-author-exposure", policy_rules(_EXPOSURE_RULES)),
    ]


def _cluster_role(name: str, rules: list[Obj]) -> Obj:
    return {"apiVersion": f"{_RBAC}/v1", "kind": "ClusterRole", "metadata": metadata(name), "rules": rules}


def _binding(name: str, role: str) -> Obj:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": metadata(name),
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": NAMESPACE}],
    }
