"""The roles of an installation for chosen namespaces: `overlays/namespaces`.

The ClusterRole of the operator keeps only what it needs in the whole cluster. All other permissions are in a second
ClusterRole, which a RoleBinding grants in each chosen namespace.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from ..api import constants
from ..console import extensions
from ..plan.model.kinds import KINDS, Obj
from ..plan.yaml_text import generated_file
from ..settings import Settings
from ..webhooks.caller_identity import CONFIG_MAP
from ..webhooks.cluster_reader import INSTALL_CONFIG
from . import roles
from .install_names import LABELS, NAME, NAMESPACE, SERVICE_ACCOUNT
from .roles import Rule

_RBAC = "rbac.authorization.k8s.io"
_ENDPOINTS = ("discovery.k8s.io", "endpointslices")  # read in one namespace only: those of the API server
# Resources that are used in the whole cluster. None of them has the content of a Secret or runs a pod.
_CLUSTER_WIDE = frozenset(
    {
        # Their webhooks, conversion and CRD exist once per cluster. The status says that a namespace is not served.
        (constants.GROUP, constants.PLURAL),
        (constants.GROUP, f"{constants.PLURAL}/status"),
        ("", "namespaces"),
        ("authorization.k8s.io", "subjectaccessreviews"),
        ("authentication.k8s.io", "tokenreviews"),
        ("apiextensions.k8s.io", "customresourcedefinitions"),
        ("apiregistration.k8s.io", "apiservices"),
        ("config.openshift.io", "authentications"),
        ("networking.k8s.io", "ingressclasses"),
        *((extensions.GROUP, plural) for plural in extensions.PLURALS.values()),
        *((kind.group, kind.plural) for kind in KINDS.values() if not kind.namespaced),
    }
)
ROOT = PurePosixPath("overlays/namespaces")


def files_of_overlay() -> Mapping[PurePosixPath, str]:
    """Return the generated files: path below the repository → content."""
    return {
        ROOT / "cluster-role.yaml": generated_file([cluster_role()]),
        ROOT / "namespace-roles.yaml": generated_file([chosen_namespace_role(), *other_roles()]),
    }


def cluster_role() -> Obj:
    """Return the patch of the operator's ClusterRole: the rules for the whole cluster."""
    rules = [rule for rule in roles.rules_of_operator() if (rule.group, rule.resource) in _CLUSTER_WIDE]
    return {**roles.operator_cluster_role(), "rules": roles.policy_rules(rules)}


def chosen_namespace_role() -> Obj:
    """Return the ClusterRole for the chosen namespaces."""
    elsewhere = _CLUSTER_WIDE | {_ENDPOINTS}
    rules = [rule for rule in roles.rules_of_operator() if (rule.group, rule.resource) not in elsewhere]
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": Settings().chosen_namespace_cluster_role, "labels": dict(LABELS)},
        "rules": roles.policy_rules(rules),
    }


def other_roles() -> list[Obj]:
    """Return small roles in namespaces that need not be chosen, with their bindings."""
    secret = Settings().webhook_secret
    own = [
        Rule("", "secrets", ("create",)),  # the certificate of the webhooks; a permission to create has no names
        Rule("", "secrets", ("get", "update"), (secret,)),
        Rule("", "events", ("create", "get", "patch")),  # about the leader election
    ]
    endpoints = [rule for rule in roles.rules_of_operator() if (rule.group, rule.resource) == _ENDPOINTS]
    # Who may call the webhooks, and whether an OpenShift cluster runs in FIPS mode.
    settings = [Rule("", "configmaps", ("get",), (CONFIG_MAP.name, INSTALL_CONFIG.name))]
    namespaced = ((NAMESPACE, own), ("default", endpoints), (CONFIG_MAP.namespace, settings))
    return [obj for namespace, rules in namespaced for obj in _role(namespace, rules)]


def _role(namespace: str, rules: list[Rule]) -> list[Obj]:
    metadata = {"name": f"{NAME}-installation", "namespace": namespace, "labels": dict(LABELS)}
    role = {"apiVersion": f"{_RBAC}/v1", "kind": "Role", "metadata": metadata, "rules": roles.policy_rules(rules)}
    binding = {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": metadata["name"]},
        "subjects": [{"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": NAMESPACE}],
    }
    return [role, binding]
