"""Errors of the Kubernetes API, with the structured parts of the `Status` object that the server returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NOT_LEADING = "NotLeading"  # the reason of a write that was not sent, because this replica is not leader


@dataclass(frozen=True)
class StatusCause:
    """One entry of `Status.details.causes`.

    Attributes:
        reason: machine-readable, for example `NamespaceTerminating` or `FieldValueInvalid`.
        message: the text of the API server.
        field: path of the field that is at fault, empty where there is none.
    """

    reason: str
    message: str = ""
    field: str = ""


class LoginError(Exception):
    """No API server is configured, or its credentials cannot be used."""


class ApiError(Exception):
    """The API server refused a request.

    Attributes:
        status: HTTP status code; 0 where there was no response.
        reason: `Status.reason`, for example `NotFound` or `AlreadyExists`.
        message: `Status.message`.
        resource: plural name of the resource that the error is about (`Status.details.kind`), empty if unknown.
        name: name of the object that the error is about (`Status.details.name`), empty if unknown.
        causes: `Status.details.causes`.
    """

    def __init__(self, status: int, reason: str, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        details = details or {}
        self.resource = str(details.get("kind") or "")
        self.name = str(details.get("name") or "")
        self.causes = tuple(_cause(entry) for entry in details.get("causes") or ())

    def is_not_found(self, resource: str, name: str | None = None) -> bool:
        """Return whether the object named in the error does not exist.

        A plain 404 proves less: the API itself may not be served, or a parent such as the namespace may be missing.

        Args:
            resource: plural name, for example `namespaces`.
            name: name of the object; any object of the resource if None.
        """
        return self.status == 404 and self.resource == resource and name in (None, self.name)

    def has_cause(self, reason: str, field: str | None = None) -> bool:
        """Return whether one of the causes has this reason and, if given, this field."""
        return any(cause.reason == reason and field in (None, cause.field) for cause in self.causes)


class ApiUnavailable(ApiError):  # noqa: N818 - a state of the server, not a mistake
    """No usable response: connection refused, broken or timed out, or the server is overloaded."""


def error_from_status(code: int, status: Mapping[str, Any]) -> ApiError:
    """Return the exception for a response with an HTTP error code.

    Args:
        code: HTTP status code, 400 or more.
        status: the decoded body, a `Status` object as far as the server sent one.
    """
    reason = str(status.get("reason") or code)
    message = str(status.get("message") or f"HTTP {code}")
    details = status.get("details")
    error = ApiUnavailable if code >= 500 and reason not in ("InternalError", "Invalid") else ApiError
    return error(code, reason, message, details if isinstance(details, Mapping) else None)


def _cause(entry: Mapping[str, Any]) -> StatusCause:
    return StatusCause(str(entry.get("reason") or ""), str(entry.get("message") or ""), str(entry.get("field") or ""))
