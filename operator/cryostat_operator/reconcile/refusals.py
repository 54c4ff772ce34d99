"""Maps errors of the Kubernetes API to stable reasons, by an ordered list of checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..kube.errors import ApiError, ApiUnavailable
from ..plan.claims import VOLUME_FIELDS
from ..plan.diagnosis.policy_remedies import is_denied_by_policy
from ..plan.diagnosis.quota_remedies import violates_limit_range
from ..plan.diagnosis.refusal_remedies import remedy_for
from ..plan.diff.plan_diff import Change
from ..plan.model.messages import message, quoted
from ..plan.model.reasons import Reason
from ..plan.model.refused_object import RefusedObject
from .outcomes import Outcome, refused

_CLAIM = "Undo the change of spec.storageOptions; no storage class can shrink a claim, and some cannot grow it"
_FIELDS_OF_KINDS = {
    "Ingress": "spec.networkOptions.coreConfig",
    "Service": "spec.serviceOptions",
    "NetworkPolicy": "spec.networkPolicies",
}

# Names in the path of a field of a Deployment → the field of the spec; `{}` is `spec` or `spec.reportOptions`.
_FIELDS_OF_PODS = (
    (frozenset({"resources"}), "{}.resources"),
    (frozenset({"securityContext"}), "{}.securityOptions"),
    (frozenset({"affinity", "nodeSelector", "tolerations"}), "{}.schedulingOptions"),
    (frozenset({"labels", "annotations"}), "spec.operandMetadata"),
)
_ROUTE = "Set spec.networkOptions.coreConfig.externalHost to a host that is allowed"
_FORBIDDEN = (
    "Grant the operator the missing permission (see its roles in manifests/), or exempt the object in the policy"
)
_DELETION = "Change the policy that refuses the deletion; the operator tries again by itself"
_INVALID = "Correct the field of the spec from which the named value comes"


class _Check(NamedTuple):
    """Reason and remedy of the refusals that match. A `transient` refusal is retried soon and not reported."""

    matches: Callable[[Change, ApiError], bool]
    reason: Reason
    remedy: str = ""
    transient: bool = False


def outcome_of(change: Change, error: ApiError) -> Outcome:
    """Return the outcome of a write that failed with an API error.

    Args:
        change: what was to be written.
        error: what the client raised.
    """
    check = next(check for check in CHECKS if check.matches(change, error))
    predicate = "cannot be deleted" if change.verb == "delete" else "cannot be written"
    quote = quoted(error.message)
    remedy = check.remedy if check.transient else remedy_for(quote, _refused_object(change)) or check.remedy
    field = _field_of_the_spec(change, quote) if remedy == _INVALID else ""
    if remedy == _CLAIM and change.verb == "create" and error.status == 422:
        field = _field_of_claim(change)
    remedy = f"Correct {field}, from which the named value comes" if field else remedy
    text = message(str(change.key), predicate, cause=quote, remedy=remedy)
    return refused(change, check.reason, text, transient=check.transient)


def _refused_object(change: Change) -> RefusedObject:
    size = f"{_field_of_claim(change)}.resources.requests.storage"
    resources = size if change.key.kind == "PersistentVolumeClaim" else ""
    return RefusedObject(change.key.namespace, resources, is_deletion=change.verb == "delete")


def _field_of_claim(change: Change) -> str:
    """The field of a Cryostat's spec that contains the spec of a claim."""
    return f"{VOLUME_FIELDS.get(change.key.name.rpartition('-')[2], 'spec.storageOptions')}.pvc.spec"


def _field_of_the_spec(change: Change, quote: str) -> str:
    """The field of a Cryostat's spec from which an invalid value comes; empty if it is not known.

    Args:
        quote: the message of the API server, which begins with the path of the invalid field in the object.
    """
    if change.key.kind != "Deployment":
        return _FIELDS_OF_KINDS.get(change.key.kind, "")
    path = quote.partition(": ")[0].lstrip("[")
    options = "spec.reportOptions" if change.key.name.endswith("-reports") else "spec"
    parts = {part.partition("[")[0] for part in path.split(".")}
    return next((field.format(options) for names, field in _FIELDS_OF_PODS if names & parts), "")


def is_immutable(error: ApiError) -> bool:
    """Return whether an update failed because it changes a field that cannot be changed.

    The error has no structured cause for it: validation reports `FieldValueInvalid` with this text, see
    `ValidateImmutableField` in k8s.io/apimachinery/pkg/api/validation/objectmeta.go ("field is immutable").
    """
    return error.status == 422 and "immutable" in error.message


def _is_unavailable(change: Change, error: ApiError) -> bool:
    return isinstance(error, ApiUnavailable)


def _is_conflict(change: Change, error: ApiError) -> bool:
    """Changed or deleted by another client since it was read."""
    return error.status == 409 or (error.status == 404 and change.verb != "create")


def _lacks_namespace(change: Change, error: ApiError) -> bool:
    return error.is_not_found("namespaces")


def _is_not_served(change: Change, error: ApiError) -> bool:
    """An error that names an object is about a missing object, for example the ClusterRole of a RoleBinding."""
    return error.status == 404 and not error.name


def _is_terminating(change: Change, error: ApiError) -> bool:
    """The cause is `NamespaceTerminatingCause` in k8s.io/api/core/v1/types.go."""
    return error.status == 403 and error.has_cause("NamespaceTerminating")


def _is_denied_by_policy(change: Change, error: ApiError) -> bool:
    """The policy chooses the status: 403 from most webhooks, 400 from Kyverno, 422 from ValidatingAdmissionPolicies.

    Therefore the text decides. This check comes early, because policies choose their texts, too, and a text may contain
    words that later checks look for.
    """
    return is_denied_by_policy(quoted(error.message))


def _is_route_denied(change: Change, error: ApiError) -> bool:
    """A Route that is refused has no address, whether its API or a policy refuses it."""
    return change.key.kind == "Route" and change.verb != "delete" and _is_denied_by_policy(change, error)


def _violates_limit_range(change: Change, error: ApiError) -> bool:
    return error.status == 403 and violates_limit_range(quoted(error.message))


def _exceeds_quota(change: Change, error: ApiError) -> bool:
    """There is no structured cause; the text is from k8s.io/apiserver/pkg/admission/plugin/resourcequota."""
    return error.status == 403 and "exceeded quota" in error.message


def _is_resize_refused(change: Change, error: ApiError) -> bool:
    """There is no structured cause; the text is from the admission plugin PersistentVolumeClaimResize."""
    return error.status == 403 and change.key.kind == "PersistentVolumeClaim" and "resize" in error.message


def _is_forbidden(change: Change, error: ApiError) -> bool:
    return error.status == 403


def _is_invalid(kind: str = "") -> Callable[[Change, ApiError], bool]:
    """A check for objects of one kind, or of any kind, that the API server finds invalid."""
    return lambda change, error: error.status == 422 and kind in ("", change.key.kind)


def _is_deletion_invalid(change: Change, error: ApiError) -> bool:
    """A deletion has no invalid field: a policy of the cluster denies it."""
    return error.status == 422 and change.verb == "delete"


def _always(change: Change, error: ApiError) -> bool:
    return True


CHECKS = (
    _Check(_is_unavailable, Reason.API_SERVER_UNAVAILABLE, transient=True),
    _Check(_is_route_denied, Reason.ROUTE_INVALID),
    _Check(_is_denied_by_policy, Reason.DENIED_BY_POLICY),
    _Check(_is_conflict, Reason.CONFLICT, transient=True),
    _Check(_lacks_namespace, Reason.NAMESPACE_NOT_FOUND, transient=True),
    _Check(_is_not_served, Reason.API_NOT_SERVED, "Install the API that serves this kind again"),
    _Check(_is_terminating, Reason.NAMESPACE_TERMINATING, transient=True),
    _Check(_exceeds_quota, Reason.QUOTA_EXCEEDED),
    _Check(_is_resize_refused, Reason.PERSISTENT_VOLUME_CLAIM_INVALID, _CLAIM),
    _Check(_violates_limit_range, Reason.LIMIT_RANGE_VIOLATED),
    _Check(_is_forbidden, Reason.FORBIDDEN, _FORBIDDEN),
    _Check(_is_deletion_invalid, Reason.INVALID, _DELETION),
    _Check(_is_invalid("PersistentVolumeClaim"), Reason.PERSISTENT_VOLUME_CLAIM_INVALID, _CLAIM),
    _Check(_is_invalid("Route"), Reason.ROUTE_INVALID, _ROUTE),
    _Check(_is_invalid(), Reason.INVALID, _INVALID),
    _Check(_always, Reason.WRITE_REFUSED, "The operator tries again by itself"),
)
"""The first check that matches decides."""
