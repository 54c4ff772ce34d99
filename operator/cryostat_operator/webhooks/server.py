"""The HTTPS server that the API server calls: exact paths, small patience, nothing answered by chance.

kopf's own admission server is not used: it answers «allowed» on every path that no handler is registered for, knows no
conversion, starts only after kopf's first listing (which may need the conversion), and restarts to load a certificate.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from aiohttp import web

from .reviews import MalformedReviewError

logger = logging.getLogger(__name__)

Answer = Callable[[Any], Awaitable[dict[str, Any]]]
"""A decoded review in, its answer out; raises MalformedReviewError for what is none."""
Observe = Callable[[str, int, float], None]

_MIB = 1 << 20
# Objects have at most 1.5 MiB in etcd, 3 MiB in a request; a review holds two. Conversions get lists of up to 500.
_LARGEST = {"/convert": 64 * _MIB}
_LARGEST_OTHER = 8 * _MIB
_IN_FLIGHT = 96 * _MIB
_BODY_SECONDS = 5.0
_ANSWER_SECONDS = 9.0  # below the 10 s after which the API server gives up


class WebhookServer:
    """Serves `answers` by path; what `tls` serves may change meanwhile."""

    def __init__(self, answers: Mapping[str, Answer], tls: ssl.SSLContext, observe: Observe) -> None:
        self._answers = answers
        self._tls = tls
        self._observe = observe
        self._bytes = 0
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen. Raises OSError."""
        app = web.Application(client_max_size=max(_LARGEST.values()))
        app.add_routes([web.post(path, self._handle) for path in self._answers])
        self._runner = web.AppRunner(app, access_log=None, keepalive_timeout=90, shutdown_timeout=5)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, ssl_context=self._tls, backlog=512).start()

    async def stop(self) -> None:
        """Stop listening; what is being answered is answered."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.Request) -> web.Response:
        started, status = time.monotonic(), 500
        try:
            response = await self._answered(request)
            status = response.status
            return response
        except web.HTTPException as refusal:
            status = refusal.status
            raise
        finally:
            self._observe(request.path, status, time.monotonic() - started)

    async def _answered(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="expected application/json")
        if request.content_length is None:
            raise web.HTTPLengthRequired(text="expected Content-Length")
        largest = _LARGEST.get(request.path, _LARGEST_OTHER)
        if request.content_length > largest:
            raise web.HTTPRequestEntityTooLarge(largest, request.content_length)
        if self._bytes + request.content_length > _IN_FLIGHT:
            raise web.HTTPServiceUnavailable(text="too much at a time", headers={"Retry-After": "1"})
        self._bytes += request.content_length
        try:
            return await self._reviewed(request)
        finally:
            self._bytes -= request.content_length

    async def _reviewed(self, request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                body = await request.read()
        except TimeoutError:
            raise web.HTTPRequestTimeout(text="the review did not arrive in time") from None
        except (ConnectionError, web.RequestPayloadError):
            raise web.HTTPBadRequest(text="the review broke off") from None
        try:
            review = orjson.loads(body)
            async with asyncio.timeout(_ANSWER_SECONDS):
                answer = await self._answers[request.path](review)
        except (orjson.JSONDecodeError, MalformedReviewError) as error:
            raise web.HTTPBadRequest(text=f"not a review: {error}") from None
        except TimeoutError:
            raise web.HTTPGatewayTimeout(text="no decision in time") from None
        except Exception:
            logger.exception("Review on %s failed", request.path)
            raise web.HTTPInternalServerError(text="the operator failed to review this; see its log") from None
        return web.Response(body=orjson.dumps(answer), content_type="application/json")
