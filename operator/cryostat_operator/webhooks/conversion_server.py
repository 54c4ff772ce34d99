"""Answers the HTTP requests of ConversionReviews in parts, with little memory for reviews of any size."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from aiohttp import web

from .body_limits import CLOSED, NOT_IN_TIME, TIMED_OUT
from .conversion_review import OBJECT_LIMITS, ConversionReview
from .reviews import MalformedReviewError

logger = logging.getLogger(__name__)

# Bytes that a review takes in memory at the most: the object that arrives, and what the server has read beyond it.
BUFFERED_BYTES = OBJECT_LIMITS.size + (1 << 20)
LARGE = BUFFERED_BYTES  # bytes; of larger reviews, only `MAX_LARGE` are answered at a time
MAX_LARGE = 4  # at a time; further ones wait
MAX_ON_EVENT_LOOP = 64 << 10  # bytes of a review that is converted without a thread
PART_TIMEOUT = 5.0  # seconds until the next part of a body must have arrived, or a part of the answer was sent
MIN_RATE = 1 << 20  # bytes that must arrive per second of waiting, after the first `PART_TIMEOUT` seconds
TIMEOUT = 55.0  # seconds for a whole review; requests to the API server end after 60


class ConversionServer:
    """Answers ConversionReviews. One thread at a time decodes objects, because they take most of the memory."""

    def __init__(self) -> None:
        self._large_reviews = asyncio.Semaphore(MAX_LARGE)
        self._decoding = asyncio.Lock()

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Answer one request. The length of its body is known.

        Raises:
            web.HTTPException: the body is not a ConversionReview, or does not arrive in time.
        """
        answer = _Answer(request)
        try:
            async with asyncio.timeout(TIMEOUT):
                if (request.content_length or 0) <= LARGE:
                    return await self._answer(answer)
                async with self._large_reviews:
                    return await self._answer(answer)
        except TimeoutError:
            return answer.aborted(web.HTTPGatewayTimeout(text=TIMED_OUT))
        except MalformedReviewError as error:
            return answer.aborted(web.HTTPBadRequest(text=f"not a review: {error}"))
        except (ConnectionError, web.RequestPayloadError):
            return answer.aborted(web.HTTPBadRequest(text=CLOSED))
        except web.HTTPException:
            raise
        except Exception:
            logger.exception("Conversion failed")
            text = "the operator failed to convert the objects; see its log"
            return answer.aborted(web.HTTPInternalServerError(text=text))

    async def _answer(self, answer: _Answer) -> web.StreamResponse:
        request, review = answer.request, ConversionReview()
        inline = (request.content_length or 0) <= MAX_ON_EVENT_LOOP
        while not review.failed and (chunk := await answer.next_chunk()):
            await answer.send(review.feed(chunk) if inline else await self._in_thread(review.feed, chunk))
        return await answer.end(review.finish())

    async def _in_thread(self, feed: Callable[[bytes], bytes], chunk: bytes) -> bytes:
        async with self._decoding:
            return await asyncio.to_thread(feed, chunk)


class _Answer:
    """The response to one request. Its headers are sent with the first part of the body."""

    def __init__(self, request: web.Request) -> None:
        self.request = request
        self._wait_seconds = PART_TIMEOUT  # how much longer this review may wait for further parts
        self._response: web.StreamResponse | None = None

    async def next_chunk(self) -> bytes:
        """Return the next bytes of the request's body, none at its end. Raises TimeoutError.

        A client that sends little at a time cannot keep others waiting for long.
        """
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._wait_seconds):
                chunk = await self.request.content.readany()
            self._wait_seconds += began - time.monotonic() + len(chunk) / MIN_RATE
            self._wait_seconds = min(max(self._wait_seconds, 0.0), PART_TIMEOUT)
            return chunk
        except TimeoutError:
            if self._response is None:
                raise web.HTTPRequestTimeout(text=NOT_IN_TIME) from None
            raise

    async def send(self, part: bytes) -> None:
        """Send a part of the body, if it is not empty."""
        if not part:
            return
        if self._response is None:
            self._response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await self._response.prepare(self.request)
        async with asyncio.timeout(PART_TIMEOUT):
            await self._response.write(part)

    async def end(self, rest: bytes) -> web.StreamResponse:
        """Send the rest of the body and return the response."""
        if self._response is None:
            return web.Response(body=rest, content_type="application/json")
        await self._response.write(rest)
        await self._response.write_eof()
        return self._response

    def aborted(self, error: web.HTTPException) -> web.StreamResponse:
        """End the request: close the connection if the response has begun, else raise `error`."""
        if self._response is None:
            raise error
        if self.request.transport:
            self.request.transport.abort()
        return self._response
