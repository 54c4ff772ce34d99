"""Permissions of the application: its ServiceAccount, and bindings to the ClusterRoles of the installation."""

from __future__ import annotations

from .. import builders, targets, text
from ..instance import Instance
from ..model import names
from ..model.desired_state import Blocked, ComponentPlan
from ..model.kinds import Key, Obj

NAME = targets.NAME
_RBAC_GROUP = "rbac.authorization.k8s.io"


def build(instance: Instance) -> ComponentPlan:
    """Return the ServiceAccount of the application and its bindings, with one in each target namespace."""
    name = names.instance_hash_name(instance.namespace, instance.name)
    missing = targets.unreachable(instance)
    return ComponentPlan(
        NAME,
        objects=(
            service_account(instance),
            *([cluster_role_binding(instance)] if instance.openshift_login else []),
            *(role_binding(instance, t) for t in instance.reachable_targets),
        ),
        blocked=tuple(Blocked(Key("RoleBinding", target, name), problem) for target, problem in missing.items()),
        problems=tuple(targets.problems(instance).values()),
    )


def service_account(instance: Instance) -> Obj:
    """Return the ServiceAccount of the application. With OpenShift's oauth-proxy, it is an OAuth client, too."""
    obj = builders.owned(instance, "ServiceAccount", instance.name, {"app": instance.name})
    if not instance.openshift_login:
        return obj
    # Makes the account an OAuth client that redirects users to the Route.
    route = {
        "metadata": {"creationTimestamp": None},
        "reference": {"group": "", "kind": "Route", "name": instance.name},
    }
    key = "serviceaccounts.openshift.io/oauth-redirectreference.route"
    return builders.annotate(obj, {key: text.compact_json(route)})


def role_binding(instance: Instance, target: str) -> Obj:
    """Return the permission to discover targets in one target namespace."""
    obj = builders.labeled(instance, "RoleBinding", names.instance_hash_name(instance.namespace, instance.name), target)
    return obj | _binding(instance, instance.settings.namespaced_cluster_role)


def cluster_role_binding(instance: Instance) -> Obj:
    """Return the permission to review tokens and permissions, for OpenShift's authentication proxy."""
    obj = builders.labeled(
        instance, "ClusterRoleBinding", names.instance_hash_name(instance.namespace, instance.name), ""
    )
    return obj | _binding(instance, instance.settings.cluster_role)


def _binding(instance: Instance, role: str) -> Obj:
    return {
        "roleRef": {"apiGroup": _RBAC_GROUP, "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": instance.name, "namespace": instance.namespace}],
    }
