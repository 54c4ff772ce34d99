"""ConversionReviews: converts the objects one by one, while the review arrives and the answer is sent.

The API server converts all objects of a LIST with one review. With a page of 500 objects it can have 750 MB, so it is
never held in memory as a whole.
"""

from __future__ import annotations

import json
import logging
from typing import Any

import orjson

from ..api.conversion import convert
from ..kube.list_decoder import ItemSplitter
from .body_limits import BodyLimits, TooComplexError, check_depth, count_elements
from .reviews import MalformedReviewError

logger = logging.getLogger(__name__)

API_VERSION = "apiextensions.k8s.io/v1"

_MIB = 1 << 20
# etcd stores up to 1.5 MiB per object, and the API server accepts up to 3 MiB.
OBJECT_LIMITS = BodyLimits(size=3 * _MIB, elements=500_000)
MAX_REVIEW_BYTES = 1 << 30
MAX_BYTES_AROUND_OBJECTS = 64 << 10  # before the first object of a review, and after the last one
MAX_MESSAGE = 500  # characters; a message may quote the object
FLUSH_BYTES = 64 << 10  # of the answer, which is sent in parts of at least this size


class ConversionReview:
    """One review and its answer. Feed it all parts of the body; send what `feed` and then `finish` return.

    After a failure the answer has the result `Failure`, which the API server reads first. Further parts of the body
    have no effect.

    Attributes:
        failed: whether the rest of the body is not needed.
    """

    def __init__(self) -> None:
        self.failed = False
        self._message = ""
        self._splitter = ItemSplitter("objects", OBJECT_LIMITS.size, MAX_BYTES_AROUND_OBJECTS)
        self._request: dict[str, Any] | None = None
        self._version = ""
        self._count = 0
        self._output = bytearray()
        self._sent = False

    def feed(self, chunk: bytes) -> bytes:
        """Convert the objects that are complete with this part of the body.

        Returns:
            The next part of the answer, empty if it is too short to be sent.

        Raises:
            MalformedReviewError: the body is not a ConversionReview, or one of another version.
        """
        try:
            if not self.failed:
                self._convert_objects(chunk)
        except MalformedReviewError:
            raise
        except (ValueError, AttributeError) as error:
            self._fail(str(error))
        return self._flush() if len(self._output) >= FLUSH_BYTES else b""

    def finish(self) -> bytes:
        """Return the rest of the answer.

        Raises:
            MalformedReviewError: nothing was converted, and the body is not a ConversionReview.
        """
        if not self.failed:
            try:
                self._check_envelope()
            except ValueError as error:
                self._fail(str(error))
                if not self._count:
                    self._request = None
        if self._request is None:
            raise MalformedReviewError(self._message)
        if self.failed:
            logger.warning("Conversion to %.100r failed: %s", self._version, self._message)
        if self.failed and not self._sent:
            self._output.clear()
            response = {"uid": self._uid, "result": self._result()}
            return orjson.dumps({"apiVersion": API_VERSION, "kind": "ConversionReview", "response": response})
        return self._flush() + b'],"result":' + orjson.dumps(self._result()) + b"}}"

    @property
    def _uid(self) -> str:
        return str(self._request["uid"]) if self._request else ""

    def _result(self) -> dict[str, str]:
        return {"status": "Failure", "message": self._message} if self.failed else {"status": "Success"}

    def _fail(self, message: str) -> None:
        self.failed = True
        self._message = " ".join(message[:MAX_MESSAGE].split())

    def _convert_objects(self, chunk: bytes) -> None:
        for item in self._splitter.feed(chunk):
            self._read_request()
            count_elements(item, OBJECT_LIMITS)
            obj = orjson.loads(item)
            check_depth(obj)
            converted = convert(obj, self._version)
            self._output += (b"," if self._count else b"") + orjson.dumps(converted)
            self._count += 1

    def _read_request(self) -> None:
        """Read the fields before the objects. The API server sends them in this order."""
        if self._request is None:
            self._request = _request(self._splitter.before + b"]}}")
            self._version = str(self._request["desiredAPIVersion"])

    def _check_envelope(self) -> None:
        text = self._splitter.envelope()
        request = _request(text)
        json.loads(text, object_pairs_hook=_without_repetitions)
        if self._request is None:
            self._request = request
            self._version = str(request["desiredAPIVersion"])
        if not isinstance(request.get("objects"), list):
            raise MalformedReviewError("the ConversionReview has no objects")
        if request["objects"]:
            self._fail("an object of the review is not a JSON object")

    def _flush(self) -> bytes:
        """Return the answer so far, without what was returned before. `finish` adds the end of its JSON."""
        output = bytes(self._output)
        self._output.clear()
        if self._sent:
            return output
        self._sent = True
        head = {"apiVersion": API_VERSION, "kind": "ConversionReview", "response": {"uid": self._uid}}
        return orjson.dumps(head)[:-2] + b',"convertedObjects":[' + output


def _request(text: bytes) -> dict[str, Any]:
    """Return the request of a review.

    Raises:
        MalformedReviewError: the text is not a ConversionReview, or one of another version.
    """
    try:
        review = orjson.loads(text)
        check_depth(review)
    except (orjson.JSONDecodeError, TooComplexError) as error:
        raise MalformedReviewError(str(error)) from None
    if not isinstance(review, dict) or review.get("kind") != "ConversionReview":
        raise MalformedReviewError("expected a ConversionReview")
    if review.get("apiVersion") != API_VERSION:
        raise MalformedReviewError(f"expected apiVersion {API_VERSION}")
    request = review.get("request")
    if not isinstance(request, dict):
        raise MalformedReviewError("the ConversionReview has no request")
    for key in ("uid", "desiredAPIVersion"):
        if not isinstance(request.get(key), str) or not request[key]:
            raise MalformedReviewError(f"the request has no {key} before its objects")
    return request


def _without_repetitions(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        raise ValueError("a key of the ConversionReview is repeated")
    return found
