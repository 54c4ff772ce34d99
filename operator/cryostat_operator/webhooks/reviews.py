"""Parses AdmissionReviews and builds their answers."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jsonpatch
import orjson

from ..plan.model.kinds import Obj
from ..printable import printable

API_VERSION = "admission.k8s.io/v1"
OPERATIONS = ("CREATE", "UPDATE", "DELETE", "CONNECT")
MAX_WARNINGS = 20
MAX_WARNING_LENGTH = 500  # the API server drops warnings beyond 4096 characters in all
MAX_WARNING_READ = 4096  # characters of a warning that are read


class MalformedReviewError(ValueError):
    """The body is not a review that this path answers."""


class Caller(NamedTuple):
    """Who sent a review.

    Attributes:
        address: the IP address; empty if it is not known.
        is_api_server: whether the caller presented a client certificate of the API server.
    """

    address: str = ""
    is_api_server: bool = False


_UNKNOWN = Caller()


@dataclass(frozen=True)
class AdmissionRequest:
    """One request for admission.

    Attributes:
        uid, operation, namespace, name, dry_run: as in the review.
        user: `userInfo`: username, uid, groups, extra.
        obj, old: the new and the old object; empty if there is none.
        converted: whether the object was written in another API version than the one in the review.
        caller: who sent the review. If it is not the API server, the review can be forged, and an answer must not
            depend on Secrets or other objects that the caller may not be allowed to read.
    """

    uid: str
    operation: str
    namespace: str
    name: str
    dry_run: bool
    user: Mapping[str, Any]
    obj: Obj
    old: Obj
    converted: bool
    caller: Caller = _UNKNOWN

    @property
    def from_api_server(self) -> bool:
        """Whether the caller is the API server."""
        return self.caller.is_api_server


def parse(review: Any, caller: Caller = _UNKNOWN) -> AdmissionRequest:
    """Return the request of an AdmissionReview.

    Args:
        review: the decoded body.
        caller: who sent it.

    Raises:
        MalformedReviewError: the body is not an AdmissionReview, or one of another version.
    """
    if not isinstance(review, dict) or review.get("kind") != "AdmissionReview":
        raise MalformedReviewError("expected an AdmissionReview")
    if review.get("apiVersion") != API_VERSION:
        raise MalformedReviewError(f"expected apiVersion {API_VERSION}")
    request = review.get("request")
    if not isinstance(request, dict) or not isinstance(request.get("uid"), str) or not request["uid"]:
        raise MalformedReviewError("the AdmissionReview has no request")
    obj, old, user = ({} if request.get(key) is None else request[key] for key in ("object", "oldObject", "userInfo"))
    for each in (obj, old, user):
        if not isinstance(each, dict) or not isinstance(each.get("metadata", {}), dict):
            raise MalformedReviewError("object, oldObject and userInfo must be objects")
    if request.get("operation") not in OPERATIONS:
        raise MalformedReviewError("the AdmissionReview has no known operation")
    requested_kind, kind = request.get("requestKind"), request.get("kind")
    return AdmissionRequest(
        uid=request["uid"],
        operation=str(request["operation"]),
        namespace=str(request.get("namespace") or ""),
        name=str(request.get("name") or ""),
        dry_run=request.get("dryRun") is True,
        user=user,
        obj=obj,
        old=old,
        converted=requested_kind is not None and requested_kind != kind,
        caller=caller,
    )


def allowed(request: AdmissionRequest, warnings: Iterable[str] = (), changed: Obj | None = None) -> Obj:
    """Return an answer that allows the request.

    Args:
        request: the request.
        warnings: what to show to the user.
        changed: the object in place of that of the request; None changes nothing.
    """
    response: Obj = {"uid": request.uid, "allowed": True}
    patch = json_patch(request.obj, changed) if changed is not None else []
    if patch:
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(orjson.dumps(patch)).decode()
    return _review(response, warnings)


def denied(request: AdmissionRequest, message: str, code: int = 403, reason: str = "Forbidden") -> Obj:
    """Return an answer that denies the request; `code` and `reason` are those of a Status."""
    status = {"status": "Failure", "code": code, "reason": reason, "message": message}
    return _review({"uid": request.uid, "allowed": False, "status": status}, ())


def json_patch(old: Obj, new: Obj) -> list[Obj]:
    """Return the operations (RFC 6902) that turn `old` into `new`. Values that both contain are not compared."""
    same = {key for key, value in old.items() if key in new and new[key] is value}
    before, after = ({key: value for key, value in each.items() if key not in same} for each in (old, new))
    operations: list[Obj] = jsonpatch.make_patch(before, after).patch
    return operations


def _review(response: Obj, warnings: Iterable[str]) -> Obj:
    read = [" ".join(text[:MAX_WARNING_READ].split()) for text in dict.fromkeys(warnings)]
    shown = [printable(text)[:MAX_WARNING_LENGTH] for text in read]
    if len(shown) > MAX_WARNINGS:
        shown = [*shown[:MAX_WARNINGS], f"and {len(shown) - MAX_WARNINGS} more warnings"]
    if shown:
        response["warnings"] = shown
    return {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response}
