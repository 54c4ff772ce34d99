"""Finds what to change after a webhook, a policy, Pod Security or a security context constraint refused an object.

The texts are from k8s.io/apiserver/pkg/admission/plugin/webhook and …/plugin/policy/validating,
k8s.io/pod-security-admission, and OpenShift.
"""

from __future__ import annotations

import re

from ..model.messages import capitalized
from ..model.refused_object import RefusedObject

_NOT_ANSWERED = re.compile(r'failed calling webhook "(?P<webhook>[^"]+)"')
_DENIED = re.compile(r'admission webhook "(?P<webhook>[^"]+)" denied the request')
_POLICY = re.compile(r"ValidatingAdmissionPolicy '[^']+'(?: with binding '(?P<binding>[^']+)')? denied request")
_POD_SECURITY = re.compile(r'violates PodSecurity "(?P<level>\w+)')
_CONSTRAINT = re.compile(r"against any security context constraint")
_KYVERNO, _GATEKEEPER = "kyverno.svc", "gatekeeper.sh"
_PREDEFINED = {"restricted": "baseline", "baseline": "privileged"}


def is_denied_by_policy(message: str) -> bool:
    """Return whether an admission webhook or a ValidatingAdmissionPolicy refused an object.

    Args:
        message: the message of the API server.
    """
    return bool(_DENIED.search(message) or _POLICY.search(message))


def _pod_security(match: re.Match[str], refused: RefusedObject) -> str:
    level = _PREDEFINED.get(match["level"], "privileged")
    label = f"set the label pod-security.kubernetes.io/enforce={level} on namespace {refused.namespace}"
    if refused.has_security:
        return f"Correct the named settings in {refused.security}, or {label}"
    added = f"{refused.security} is not set, so a webhook of the cluster adds these settings"
    return f"{added}. Correct that webhook, or {label}"


def _constraint(match: re.Match[str], refused: RefusedObject) -> str:
    grant = f"oc adm policy add-scc-to-user NAME -z {refused.account} -n {refused.namespace}"
    allowed = f"allow it with {grant}"
    if refused.has_security:
        return f"Correct the named settings in {refused.security}, or {allowed}"
    return capitalized(allowed)


def _denied(match: re.Match[str], refused: RefusedObject) -> str:
    webhook, namespace = match["webhook"], refused.namespace
    if _KYVERNO in webhook:
        return _change_or("the Kyverno policy", f"add a PolicyException for namespace {namespace}", refused)
    if _GATEKEEPER in webhook:
        where = "spec.match.excludedNamespaces of the constraint in brackets"
        return _change_or("the constraint", f"add {namespace} to {where}", refused)
    where = f"the webhook configuration that contains {webhook}"
    return _change_or("the webhook", f"exempt namespace {namespace} in {where}", refused)


def _not_answered(match: re.Match[str], refused: RefusedObject) -> str:
    webhook = match["webhook"]
    if "x509: " in match.string:
        return (
            f"Renew the certificate of webhook {webhook} or the caBundle in its configuration, and check the clocks of "
            "the machines if the certificate is not yet valid"
        )
    return (
        f"Start the program behind webhook {webhook}, or delete its webhook configuration if it is no longer installed"
    )


def _policy(match: re.Match[str], refused: RefusedObject) -> str:
    binding = f"ValidatingAdmissionPolicyBinding {match['binding']}" if match["binding"] else "its binding"
    where = f"exclude namespace {refused.namespace} in spec.matchResources of {binding}"
    return _change_or("the policy", where, refused)


def _change_or(refuser: str, exception: str, refused: RefusedObject) -> str:
    if refused.is_deletion:
        return capitalized(exception)
    if refused.containers:  # the images of pods are not in the spec
        return f"Change what {refuser} refuses, in the spec or in RELATED_IMAGE_… of the operator, or {exception}"
    return f"Change in the spec what {refuser} refuses, or {exception}"


WEBHOOK_RULES = (
    (_NOT_ANSWERED, _not_answered),
    (_DENIED, _denied),
    (_POLICY, _policy),
)
"""Pattern in the answer, and the function that returns the remedy.

Users write the texts of webhooks and policies, so that these may contain words of other rules.
"""

POD_RULES = (
    (_POD_SECURITY, _pod_security),
    (_CONSTRAINT, _constraint),
)
"""The same for the security contexts of pods."""
