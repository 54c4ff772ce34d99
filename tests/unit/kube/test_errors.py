"""Errors of the API server: what is missing, the causes of a refusal, and what counts as an outage."""

from __future__ import annotations

from cryostat_operator.kube.errors import ApiError, ApiUnavailable, StatusCause, error_from_status

_NOT_FOUND = {
    "reason": "NotFound",
    "message": 'cryostats.operator.cryostat.io "x" not found',
    "details": {"name": "x", "group": "operator.cryostat.io", "kind": "cryostats"},
}
_TERMINATING = {
    "reason": "Forbidden",
    "message": "unable to create new content in namespace a because it is being terminated",
    "details": {
        "name": "x",
        "kind": "services",
        "causes": [{"reason": "NamespaceTerminating", "message": "namespace a is being terminated", "field": "a.b"}],
    },
}


def test_a_missing_object_is_distinguished_from_a_missing_api_or_parent() -> None:
    error = error_from_status(404, _NOT_FOUND)
    assert error.is_not_found("cryostats", "x")
    assert error.is_not_found("cryostats")
    assert not error.is_not_found("cryostats", "y")
    assert not error.is_not_found("namespaces", "x")
    assert not error_from_status(404, {"message": "404 page not found"}).is_not_found("cryostats", "x")
    assert not error_from_status(409, {**_NOT_FOUND, "reason": "Conflict"}).is_not_found("cryostats", "x")


def test_causes_are_found_by_reason_and_field() -> None:
    error = error_from_status(403, _TERMINATING)
    assert error.causes == (StatusCause("NamespaceTerminating", "namespace a is being terminated", "a.b"),)
    assert error.has_cause("NamespaceTerminating")
    assert error.has_cause("NamespaceTerminating", "a.b")
    assert not error.has_cause("NamespaceTerminating", "a")
    assert not error.has_cause("FieldValueInvalid")


def test_a_response_without_a_status_object_becomes_an_error_too() -> None:
    error = error_from_status(502, {"message": "bad gateway", "details": "no mapping"})
    assert isinstance(error, ApiUnavailable)
    assert (error.status, error.reason, error.message, error.causes) == (502, "502", "bad gateway", ())
    assert str(error_from_status(400, {})) == "HTTP 400"


def test_a_refusal_with_status_500_is_not_an_outage() -> None:
    for reason in ("InternalError", "Invalid"):  # responses of admission webhooks and of validation
        assert type(error_from_status(500, {"reason": reason})) is ApiError
    assert type(error_from_status(500, {"reason": "ServerTimeout"})) is ApiUnavailable
