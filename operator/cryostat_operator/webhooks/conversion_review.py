"""ConversionReviews: answers with the objects in the API version that the API server requests."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from ..api.conversion import convert
from .reviews import MalformedReviewError, Obj

logger = logging.getLogger(__name__)

API_VERSION = "apiextensions.k8s.io/v1"
MAX_ON_EVENT_LOOP = 20  # objects; more are converted in a thread


async def answer(review: Any, _from_api_server: bool = False) -> Obj:
    """Return the answer to a ConversionReview: all objects converted, in their order, or a failure with the reason.

    Raises:
        MalformedReviewError: the body is not a ConversionReview, or one of another version.
    """
    if not isinstance(review, dict) or review.get("kind") != "ConversionReview":
        raise MalformedReviewError("expected a ConversionReview")
    if review.get("apiVersion") != API_VERSION:
        raise MalformedReviewError(f"expected apiVersion {API_VERSION}")
    request = review.get("request")
    if not isinstance(request, dict) or not isinstance(request.get("objects"), list):
        raise MalformedReviewError("the ConversionReview has no objects")
    objects, version = request["objects"], str(request.get("desiredAPIVersion"))
    response: Obj = {"uid": str(request.get("uid") or "")}
    try:
        if len(objects) > MAX_ON_EVENT_LOOP:
            response["convertedObjects"] = await asyncio.to_thread(_converted, objects, version)
        else:
            response["convertedObjects"] = _converted(objects, version)
        response["result"] = {"status": "Success"}
    except (ValueError, AttributeError) as error:
        logger.warning("Conversion to %s failed: %s", version, error)
        response["result"] = {"status": "Failure", "message": str(error)}
    return {"apiVersion": API_VERSION, "kind": "ConversionReview", "response": response}


def _converted(objects: list[Any], version: str) -> list[Obj]:
    return [convert(obj, version) for obj in objects]
