"""A policy that restricts which webhook configurations the operator writes: RBAC cannot restrict `create` to a name."""

from __future__ import annotations

from ..plan.model import webhook_definitions
from ..plan.model.kinds import Obj
from .install_names import NAME, NAMESPACE, SERVICE_ACCOUNT
from .policies import GROUP, policy_and_binding
from .webhook_manifests import CONFIGURATIONS

_OPERATOR = f"system:serviceaccount:{NAMESPACE}:{SERVICE_ACCOUNT}"
_POLICY = f"{NAME}-webhook-registration"


def objects() -> list[Obj]:
    """Return the ValidatingAdmissionPolicy and its binding."""
    return policy_and_binding(_POLICY, "Deny", _policy())


def _policy() -> Obj:
    rule = {"apiGroups": [GROUP], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"]}
    resources = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"]
    return {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [{**rule, "resources": resources}]},
        "matchConditions": [{"name": "operator", "expression": f"request.userInfo.username == '{_OPERATOR}'"}],
        "validations": _validations(),
    }


def _validations() -> list[Obj]:
    rules = [rule for webhook in _webhooks() for rule in webhook["rules"]]
    groups = _texts({group for rule in rules for group in rule["apiGroups"]})
    resources = _texts({resource for rule in rules for resource in rule["resources"]})
    reviewed = f"r.apiGroups.all(g, g in {groups}) && r.resources.all(x, x in {resources})"
    service = f"has(w.clientConfig.service) && w.clientConfig.service.namespace == '{NAMESPACE}'"
    return [
        {
            "expression": f"object.metadata.name in {_texts(set(CONFIGURATIONS))}",
            "message": "the operator may write its own two webhook configurations only",
        },
        {
            "expression": _each_webhook(f"!has(w.rules) || w.rules.all(r, {reviewed})"),
            "message": "the webhooks of the operator may review Cryostats, pods and workloads only",
        },
        {
            "expression": _each_webhook(service),
            "message": f"the webhooks of the operator must be served in namespace {NAMESPACE}",
        },
    ]


def _webhooks() -> list[Obj]:
    return [*webhook_definitions.mutating(), *webhook_definitions.validating()]


def _each_webhook(condition: str) -> str:
    return f"!has(object.webhooks) || object.webhooks.all(w, {condition})"


def _texts(values: set[str]) -> str:
    return f"[{', '.join(repr(each) for each in sorted(values))}]"
