"""ConversionReviews: answers with the objects in the version that the API server asks for."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from ..api.conversion import convert
from .reviews import MalformedReviewError, Obj

logger = logging.getLogger(__name__)

_API_VERSION = "apiextensions.k8s.io/v1"
_MANY = 20  # objects; more are converted beside the loop


async def answer(review: Any) -> Obj:
    """The answer to a ConversionReview: all objects converted in their order, or a failure that says why.

    Raises:
        MalformedReviewError: it is none, or one of another version.
    """
    if not isinstance(review, dict) or review.get("kind") != "ConversionReview":
        raise MalformedReviewError("expected a ConversionReview")
    if review.get("apiVersion") != _API_VERSION:
        raise MalformedReviewError(f"expected apiVersion {_API_VERSION}")
    request = review.get("request")
    if not isinstance(request, dict) or not isinstance(request.get("objects"), list):
        raise MalformedReviewError("the ConversionReview has no objects")
    objects, version = request["objects"], str(request.get("desiredAPIVersion"))
    response: Obj = {"uid": str(request.get("uid") or "")}
    try:
        if len(objects) > _MANY:
            response["convertedObjects"] = await asyncio.to_thread(_converted, objects, version)
        else:
            response["convertedObjects"] = _converted(objects, version)
        response["result"] = {"status": "Success"}
    except (ValueError, AttributeError) as error:
        logger.warning("Conversion to %s: %s", version, error)
        response["result"] = {"status": "Failure", "message": str(error)}
    return {"apiVersion": _API_VERSION, "kind": "ConversionReview", "response": response}


def _converted(objects: list[Any], version: str) -> list[Obj]:
    return [convert(obj, version) for obj in objects]
