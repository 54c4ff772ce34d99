"""What the application may do: its ServiceAccount, and bindings to the ClusterRoles of the installation."""

from __future__ import annotations

from .. import k8s, names, targets, text
from ..instance import Instance
from ..plan import Key, Obj, Part, Waiting

PART = targets.PART
_RBAC_GROUP = "rbac.authorization.k8s.io"


def part(i: Instance) -> Part:
    name = names.instance_hash_name(i.namespace, i.name)
    missing = targets.unreachable(i)
    return Part(
        PART,
        objects=(service_account(i), cluster_role_binding(i), *(role_binding(i, t) for t in i.reachable_targets)),
        waiting=tuple(Waiting(Key("RoleBinding", target, name), problem) for target, problem in missing.items()),
        problems=tuple(missing.values()),
    )


def service_account(i: Instance) -> Obj:
    obj = k8s.owned(i, "ServiceAccount", i.name, {"app": i.name})
    if not i.openshift:
        return obj
    # Makes the account an OAuth client whose users come back to the Route.
    route = {"metadata": {"creationTimestamp": None}, "reference": {"group": "", "kind": "Route", "name": i.name}}
    key = "serviceaccounts.openshift.io/oauth-redirectreference.route"
    return k8s.annotate(obj, {key: text.compact_json(route)})


def role_binding(i: Instance, target: str) -> Obj:
    """Discovery in one target namespace."""
    obj = k8s.marked(i, "RoleBinding", names.instance_hash_name(i.namespace, i.name), target)
    return obj | _binding(i, i.settings.namespaced_cluster_role)


def cluster_role_binding(i: Instance) -> Obj:
    """Reviews of tokens and permissions, for the authentication proxy."""
    obj = k8s.marked(i, "ClusterRoleBinding", names.instance_hash_name(i.namespace, i.name), "")
    return obj | _binding(i, i.settings.cluster_role)


def _binding(i: Instance, role: str) -> Obj:
    return {
        "roleRef": {"apiGroup": _RBAC_GROUP, "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": i.name, "namespace": i.namespace}],
    }
