"""Decodes responses of the API server: objects, errors, lists and streams of watch events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping

import aiohttp
import orjson

from ..plan.model.kinds import Obj
from .errors import ApiUnavailable, error_from_status
from .list_decoder import ListDecoder

MIN_RETRY_SECONDS, MAX_RETRY_SECONDS = 0.1, 10.0


class TooManyRequests(Exception):  # noqa: N818 - the client retries
    """A response with status 429.

    Attributes:
        seconds: delay until the retry.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


class Unauthorized(Exception):  # noqa: N818 - the client renews its credentials
    """A response with status 401."""


class UntrustedServer(Exception):  # noqa: N818 - the client reads the trusted authorities again
    """No request was sent, because the certificate of the server is not trusted."""


def failure_text(error: Exception) -> str:
    """Return type and text of the failure of a request. If a proxy refuses it, the text would contain its password."""
    text = str(error.status) if isinstance(error, aiohttp.ClientResponseError) else str(error)
    return f"{type(error).__name__} {text}".strip()


def decode(status: int, headers: Mapping[str, str], body: bytes) -> Obj:
    """Return the JSON object in a response. Other content, such as the log of a container, becomes the field `text`.

    Raises:
        Unauthorized: status 401.
        TooManyRequests: status 429.
        ApiError: another status of 400 or more.
    """
    if status == 401:
        raise Unauthorized
    if status == 429:
        raise TooManyRequests(retry_seconds(headers.get("Retry-After")))
    try:
        decoded = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        decoded = None
    if not isinstance(decoded, dict):
        text = body.decode(errors="replace")
        decoded = {"message": text[:500]} if status >= 400 else {"text": text}
    if status >= 400:
        raise error_from_status(status, decoded)
    return decoded


def retry_seconds(text: str | None) -> float:
    """Return the seconds of a Retry-After header, within limits; 1 if there are none. API servers send no dates."""
    try:
        return min(max(float(text or 1), MIN_RETRY_SECONDS), MAX_RETRY_SECONDS)
    except ValueError:
        return 1.0


async def decode_list(response: aiohttp.ClientResponse, on_item: Callable[[Obj], None]) -> Obj:
    """Deliver the items of a list while it arrives, and return the list without them.

    Raises:
        ApiUnavailable: the list is malformed.
    """
    decoder = ListDecoder()
    try:
        async for chunk in response.content.iter_any():
            for item in decoder.feed(chunk):
                on_item(item)
        return decoder.envelope()
    except ValueError as error:
        raise ApiUnavailable(0, "Unavailable", f"the API server sent a malformed list: {error}") from None


async def decode_lines(response: aiohttp.ClientResponse) -> AsyncIterator[Obj]:
    """Yield the JSON objects of a response that has one per line."""
    buffer = bytearray()
    async for chunk in response.content.iter_any():
        scanned = len(buffer)
        buffer += chunk
        while (end := buffer.find(b"\n", scanned)) >= 0:
            scanned = 0
            line = bytes(buffer[:end])
            del buffer[: end + 1]
            if line.strip():
                yield orjson.loads(line)
