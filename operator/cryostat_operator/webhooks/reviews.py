"""AdmissionReviews: what is asked, and the shapes of an answer."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

Obj = dict[str, Any]

API_VERSION = "admission.k8s.io/v1"
_OPERATIONS = ("CREATE", "UPDATE", "DELETE", "CONNECT")
_MOST_WARNINGS = 20
_LONGEST_WARNING = 500  # the API server drops warnings beyond 4096 characters in all


class MalformedReviewError(ValueError):
    """What came is not a review that this path answers."""


@dataclass(frozen=True)
class Request:
    """One request for admission.

    Attributes:
        uid, operation, namespace, name, dry_run: as in the review.
        user: `userInfo`: username, uid, groups, extra.
        obj, old: the object as it shall be and as it was; empty where there is none.
        converted: whether it was written in another version than the one that it is shown in here.
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


def parse(review: Any) -> Request:
    """The request of an AdmissionReview.

    Raises:
        MalformedReviewError: it is none, or one of another version.
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
    if request.get("operation") not in _OPERATIONS:
        raise MalformedReviewError("the AdmissionReview has no known operation")
    asked, shown = request.get("requestKind"), request.get("kind")
    return Request(
        uid=request["uid"],
        operation=str(request["operation"]),
        namespace=str(request.get("namespace") or ""),
        name=str(request.get("name") or ""),
        dry_run=request.get("dryRun") is True,
        user=user,
        obj=obj,
        old=old,
        converted=asked is not None and asked != shown,
    )


def allowed(request: Request, warnings: Iterable[str] = (), changed: Obj | None = None) -> Obj:
    """An answer that lets the object pass, perhaps changed."""
    response: Obj = {"uid": request.uid, "allowed": True}
    if changed is not None and (patch := list(difference(request.obj, changed))):
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(orjson.dumps(patch)).decode()
    return _answer(response, warnings)


def denied(request: Request, message: str, code: int = 403, reason: str = "Forbidden") -> Obj:
    """An answer that refuses the object; `code` and `reason` as in a Status."""
    status = {"status": "Failure", "code": code, "reason": reason, "message": message}
    return _answer({"uid": request.uid, "allowed": False, "status": status}, ())


def _answer(response: Obj, warnings: Iterable[str]) -> Obj:
    told = [" ".join(text.split())[:_LONGEST_WARNING] for text in dict.fromkeys(warnings)]
    if len(told) > _MOST_WARNINGS:
        told = [*told[:_MOST_WARNINGS], f"and {len(told) - _MOST_WARNINGS} more warnings"]
    if told:
        response["warnings"] = told
    return {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response}


def difference(old: Mapping[str, Any], new: Mapping[str, Any], path: str = "") -> Iterator[Obj]:
    """A JSON patch that makes `new` of `old`; lists are replaced as a whole."""
    for key in old:
        if key not in new:
            yield {"op": "remove", "path": f"{path}/{_escaped(key)}"}
    for key, value in new.items():
        below = f"{path}/{_escaped(key)}"
        if key not in old:
            yield {"op": "add", "path": below, "value": value}
        elif isinstance(old[key], dict) and isinstance(value, dict):
            yield from difference(old[key], value, below)
        elif old[key] != value:
            yield {"op": "replace", "path": below, "value": value}


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
