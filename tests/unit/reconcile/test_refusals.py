"""The mapping of API errors to reasons."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.kube.errors import ApiError, ApiUnavailable
from cryostat_operator.plan.diff.plan_diff import Change, Verb
from cryostat_operator.plan.model.kinds import Key
from cryostat_operator.reconcile import refusals

QUOTA = 'services "x" is forbidden: exceeded quota: few, requested: count/services=1'
TERMINATING = {"causes": [{"reason": "NamespaceTerminating", "message": "namespace a is being terminated"}]}
NO_NAMESPACE = {"kind": "namespaces", "name": "a"}
NO_ROLE = {"kind": "clusterroles", "name": "r"}
PVC = "PersistentVolumeClaim"
COUNT = (
    "Raise count/services in spec.hard of ResourceQuota a/few, or delete objects of the namespace that are not needed."
)
FORBIDDEN = (
    "Grant the operator the missing permission (see its roles in manifests/), or exempt the object in the policy."
)
CLAIM = "Undo the change of spec.storageOptions; no storage class can shrink a claim, and some cannot grow it."
CLAIM_FIELD = "Correct spec.storageOptions.pvc.spec, from which the named value comes."
HOST = "Set spec.networkOptions.coreConfig.externalHost to a host that is allowed."
SERVICE = "Correct spec.serviceOptions, from which the named value comes."
FIELD = "Correct the field of the spec from which the named value comes."
WEBHOOK = 'admission webhook "a.example.com" denied the request: '
EXEMPT = (
    "Change in the spec what the webhook refuses, or exempt namespace a in the webhook configuration that contains "
    "a.example.com."
)
POLICY = "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: "
EXCLUDE = (
    "Change in the spec what the policy refuses, or exclude namespace a in spec.matchResources of "
    "ValidatingAdmissionPolicyBinding b."
)
LIMIT_RANGE = "LimitRangeViolated"
SMALLER = (
    "Lower storage in spec.storageOptions.pvc.spec.resources.requests.storage to 1Gi or less, or change max.storage of "
    "type PersistentVolumeClaim in the LimitRange of namespace a."
)
START = (
    "Start the program behind webhook a.example.com, or delete its webhook configuration if it is no longer installed."
)
SERVED = "Install the API that serves this kind again."


class WrappedError(ApiError):
    """A subclass of an error. It must be mapped like its base class."""


@pytest.mark.parametrize("error_type", [ApiError, WrappedError])
@pytest.mark.parametrize(
    ("kind", "status", "message", "details", "reason", "remedy"),
    [
        ("Service", 403, QUOTA, {}, "QuotaExceeded", COUNT),
        ("Service", 403, "no", {}, "Forbidden", FORBIDDEN),
        ("Service", 403, "no", TERMINATING, "NamespaceTerminating", ""),
        ("Service", 403, "the policy forbids what is being terminated", {}, "Forbidden", FORBIDDEN),
        (PVC, 403, "only dynamically provisioned pvc can be resized", {}, "PersistentVolumeClaimInvalid", CLAIM),
        ("Service", 403, "cannot resize", {}, "Forbidden", FORBIDDEN),
        (PVC, 422, "accessModes is unknown", {}, "PersistentVolumeClaimInvalid", CLAIM_FIELD),
        ("Route", 422, "spec.host: Invalid value", {}, "RouteInvalid", HOST),
        ("Service", 422, "spec.ports: Required value", {}, "Invalid", SERVICE),
        ("ConfigMap", 422, "data: Too long", {}, "Invalid", FIELD),
        ("Service", 409, "the object has been modified", {}, "Conflict", ""),
        ("Service", 404, 'namespaces "a" not found', NO_NAMESPACE, "NamespaceNotFound", ""),
        ("Route", 404, "the server could not find the requested resource", {}, "ApiNotServed", SERVED),
        ("Route", 404, "no namespaces here", {}, "ApiNotServed", SERVED),
        (
            "RoleBinding",
            404,
            'clusterroles "r" not found',
            NO_ROLE,
            "WriteRefused",
            "The operator tries again by itself.",
        ),
        ("Service", 403, f"{WEBHOOK}no owner", {}, "DeniedByPolicy", EXEMPT),
        ("Service", 400, f"{WEBHOOK}no owner", {}, "DeniedByPolicy", EXEMPT),
        ("Service", 422, f"{WEBHOOK}no owner", {}, "DeniedByPolicy", EXEMPT),
        ("Service", 409, f"{WEBHOOK}no owner", {}, "DeniedByPolicy", EXEMPT),
        ("Service", 404, f"{WEBHOOK}no owner", {}, "DeniedByPolicy", EXEMPT),
        ("Service", 403, f"{WEBHOOK}exceeded quota: 1", {}, "DeniedByPolicy", EXEMPT),
        (PVC, 403, f"{WEBHOOK}cannot resize", {}, "DeniedByPolicy", EXEMPT),
        (PVC, 422, f"{POLICY}too large", {}, "DeniedByPolicy", EXCLUDE),
        ("Service", 422, f"{POLICY}no owner", {}, "DeniedByPolicy", EXCLUDE),
        ("Service", 403, f"{POLICY}no owner", {}, "DeniedByPolicy", EXCLUDE),
        ("Route", 422, f"{POLICY}no owner", {}, "RouteInvalid", EXCLUDE),
        ("Route", 403, f"{WEBHOOK}no owner", {}, "RouteInvalid", EXEMPT),
        (
            PVC,
            403,
            "maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi",
            {},
            LIMIT_RANGE,
            SMALLER,
        ),
        ("Service", 500, 'failed calling webhook "a.example.com": no route', {}, "WriteRefused", START),
        ("Service", 418, "a teapot", {}, "WriteRefused", "The operator tries again by itself."),
    ],
)
def test_the_reason_of_an_api_error(
    kind: str,
    status: int,
    message: str,
    details: dict[str, Any],
    reason: str,
    remedy: str,
    error_type: type[ApiError],
) -> None:
    outcome = refusals.outcome_of(change(kind), error_type(status, "Reason", message, details))
    assert outcome.state == "refused"
    assert outcome.problem
    assert (outcome.problem.reason, outcome.retry_after is not None) == (reason, not remedy)
    words = message.removeprefix('services "x" is forbidden: ')
    assert outcome.problem.message == f"{kind} a/x cannot be written: {words}. {remedy}".strip()


@pytest.mark.parametrize(
    ("name", "path", "field"),
    [
        ("x", "spec.template.labels", "spec.operandMetadata"),
        ("x", "[metadata.annotations", "spec.operandMetadata"),
        ("x", "spec.template.spec.containers[0].resources.requests", "spec.resources"),
        ("x-reports", "spec.template.spec.containers[0].resources.requests", "spec.reportOptions.resources"),
        ("x-database", "spec.template.spec.securityContext.runAsUser", "spec.securityOptions"),
        ("x-reports", "spec.template.spec.tolerations[0].effect", "spec.reportOptions.schedulingOptions"),
        ("x", "spec.template.spec.volumes[0]", "the field of the spec"),
    ],
)
def test_an_invalid_field_of_a_deployment_comes_from_a_field_of_the_spec(name: str, path: str, field: str) -> None:
    invalid = ApiError(422, "Invalid", f'{path}: Invalid value: "a"')
    outcome = refusals.outcome_of(Change("create", Key("Deployment", "a", name), {}), invalid)
    assert outcome.problem
    assert f"Correct {field}" in outcome.problem.message


def test_a_refused_deletion_names_no_field_of_the_spec() -> None:
    denied = ApiError(422, "Invalid", "ValidatingAdmissionPolicy 'p' denied request: bindings stay")
    outcome = refusals.outcome_of(change("RoleBinding", "delete"), denied)
    assert outcome.problem
    assert outcome.problem.reason == "DeniedByPolicy"
    assert outcome.problem.message == (
        "RoleBinding a/x cannot be deleted: ValidatingAdmissionPolicy 'p' denied request: bindings stay. "
        "Exclude namespace a in spec.matchResources of its binding."
    )


def test_a_deletion_that_is_refused_for_an_unknown_reason() -> None:
    outcome = refusals.outcome_of(change("RoleBinding", "delete"), ApiError(422, "Invalid", "bindings stay"))
    assert outcome.problem
    assert outcome.problem.message == (
        "RoleBinding a/x cannot be deleted: bindings stay. Change the policy that refuses the deletion; the operator "
        "tries again by itself."
    )


def test_an_update_of_a_deleted_object_is_a_conflict() -> None:
    outcome = refusals.outcome_of(change("Service", "replace"), ApiError(404, "NotFound", "not found"))
    assert outcome.problem
    assert outcome.problem.reason == "Conflict"
    assert not outcome.is_permanent_refusal


def test_an_api_server_that_does_not_respond_is_transient() -> None:
    outcome = refusals.outcome_of(change("Service"), ApiUnavailable(503, "ServiceUnavailable", "no route to host"))
    assert outcome.problem
    assert outcome.problem.reason == "ApiServerUnavailable"
    assert not outcome.is_permanent_refusal


def test_the_problem_names_the_component() -> None:
    outcome = refusals.outcome_of(change("Service", component="database"), ApiError(403, "Forbidden", "no"))
    assert outcome.problem
    assert "database" in vars(outcome.problem).values()


@pytest.mark.parametrize(
    ("status", "message", "immutable"),
    [
        (422, "roleRef: Invalid value: field is immutable", True),
        (422, "spec: Required value", False),
        (403, "immutable", False),
    ],
)
def test_immutable_fields(status: int, message: str, immutable: bool) -> None:
    assert refusals.is_immutable(ApiError(status, "Invalid", message)) is immutable


def change(kind: str, verb: Verb = "create", component: str = "core") -> Change:
    obj = {"kind": kind, "metadata": {"name": "x", "namespace": "a"}}
    return Change(verb, Key(kind, "a", "x"), obj, component=component)
