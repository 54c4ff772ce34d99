"""The remedies for objects that a webhook, a policy, Pod Security or a security context constraint refused."""

from __future__ import annotations

import dataclasses

import pytest

from cryostat_operator.plan.diagnosis.policy_remedies import is_denied_by_policy
from cryostat_operator.plan.diagnosis.refusal_remedies import remedy_for
from cryostat_operator.plan.model.refused_object import RefusedObject
from tests.unit.plan.diagnosis.refused import PODS


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (
            'failed calling webhook "policy": tls: failed to verify certificate: x509: certificate is not yet valid',
            "Renew the certificate of webhook policy or the caBundle in its configuration, and check the clocks of the "
            "machines if the certificate is not yet valid",
        ),
        (
            'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "c" must set …)',
            "Correct the named settings in spec.securityOptions, "
            "or set the label pod-security.kubernetes.io/enforce=baseline on namespace here",
        ),
        (
            'violates PodSecurity "baseline:v1.30": privileged (container "c" …)',
            "Correct the named settings in spec.securityOptions, "
            "or set the label pod-security.kubernetes.io/enforce=privileged on namespace here",
        ),
        (
            "unable to validate against any security context constraint: [provider …]",
            "Correct the named settings in spec.securityOptions, "
            "or allow it with oc adm policy add-scc-to-user NAME -z c -n here",
        ),
        (
            'admission webhook "images.example.com" denied the request: unsigned',
            "Change what the webhook refuses, in the spec or in RELATED_IMAGE_… of the operator, "
            "or exempt namespace here in the webhook configuration that contains images.example.com",
        ),
        (
            'admission webhook "validate.kyverno.svc-fail" denied the request: exceeded quota: x, requested: a=1',
            "Change what the Kyverno policy refuses, in the spec or in RELATED_IMAGE_… of the operator, "
            "or add a PolicyException for namespace here",
        ),
        (
            'admission webhook "validation.gatekeeper.sh" denied the request: [ns-must-have-owner] x',
            "Change what the constraint refuses, in the spec or in RELATED_IMAGE_… of the operator, "
            "or add here to spec.match.excludedNamespaces of the constraint in brackets",
        ),
        (
            'Internal error occurred: failed calling webhook "mesh.example.com": failed to call webhook: Post …',
            "Start the program behind webhook mesh.example.com, "
            "or delete its webhook configuration if it is no longer installed",
        ),
        (
            "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
            "Change what the policy refuses, in the spec or in RELATED_IMAGE_… of the operator, "
            "or exclude namespace here in spec.matchResources of ValidatingAdmissionPolicyBinding b",
        ),
    ],
)
def test_a_refusal_has_a_remedy_of_its_own(words: str, remedy: str) -> None:
    assert remedy_for(words, PODS) == remedy


def test_a_container_of_a_webhook_cannot_be_changed_in_the_spec() -> None:
    words = 'violates PodSecurity "restricted:latest": x (container "istio-init" must set …)'
    assert remedy_for(words, dataclasses.replace(PODS, has_security=False)) == (
        "spec.securityOptions is not set, so a webhook of the cluster adds these settings. Correct that webhook, "
        "or set the label pod-security.kubernetes.io/enforce=baseline on namespace here"
    )
    constraint = "unable to validate against any security context constraint: []"
    assert remedy_for(constraint, RefusedObject("here")) == (
        "Allow it with oc adm policy add-scc-to-user NAME -z default -n here"
    )


def test_a_refused_deletion_does_not_depend_on_the_spec() -> None:
    words = 'admission webhook "guard.example.com" denied the request: no'
    assert remedy_for(words, dataclasses.replace(PODS, is_deletion=True)) == (
        "Exempt namespace here in the webhook configuration that contains guard.example.com"
    )


def test_an_object_without_containers_is_changed_in_the_spec() -> None:
    words = 'admission webhook "guard.example.com" denied the request: no owner'
    assert remedy_for(words, RefusedObject("here")) == (
        "Change in the spec what the webhook refuses, "
        "or exempt namespace here in the webhook configuration that contains guard.example.com"
    )


@pytest.mark.parametrize(
    ("message", "denied"),
    [
        ('admission webhook "images.example.com" denied the request: unsigned', True),
        ("ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no", True),
        ("ValidatingAdmissionPolicy 'p' denied request: no", True),
        ('failed calling webhook "mesh.example.com": failed to call webhook: Post …', False),
        ('violates PodSecurity "restricted:latest": privileged', False),
        ("exceeded quota: few, requested: pods=1, used: pods=3, limited: pods=3", False),
    ],
)
def test_only_denials_of_webhooks_and_policies_are_denials_of_a_policy(message: str, denied: bool) -> None:
    assert is_denied_by_policy(message) is denied


def test_a_policy_without_a_named_binding_has_a_remedy() -> None:
    assert remedy_for("ValidatingAdmissionPolicy 'p' denied request: no", RefusedObject("here")) == (
        "Change in the spec what the policy refuses, or exclude namespace here in spec.matchResources of its binding"
    )
