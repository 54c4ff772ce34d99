"""The HTTPS server that the API server calls. It answers exact paths only and limits sizes, times and concurrency.

kopf's own admission server is not used: it allows requests on every path without a handler, does not convert, starts
only after kopf's first list (which may need the conversion), and restarts to load a certificate.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import orjson
from aiohttp import web

from ..listener import SMALL_HEADERS, Listener
from ..metrics import CONTENT_TYPE
from ..plan.model.webhook_definitions import WebhookPaths
from ..shared_limit import SharedLimit
from . import metrics_access
from .body_limits import CLOSED, NOT_IN_TIME, TIMED_OUT, BodyLimits, TooComplexError, check_depth, count_elements
from .conversion_review import MAX_REVIEW_BYTES, OBJECT_LIMITS
from .conversion_server import BUFFERED_BYTES, ConversionServer
from .reviews import Caller, MalformedReviewError

logger = logging.getLogger(__name__)

ReviewHandler = Callable[[Any, Caller], Awaitable[dict[str, Any]]]
"""Takes a review and its caller; returns the answer or raises MalformedReviewError."""
ObserveReview = Callable[[str, int, float, bool], None]


class MetricsSource(NamedTuple):
    """The metrics.

    Attributes:
        text: returns all metrics.
        check: takes the header `Authorization` and returns the HTTP status for this caller, 200 if allowed.
    """

    text: Callable[[], Awaitable[bytes]]
    check: Callable[[str], Awaitable[int]]


_MIB = 1 << 20
# An object has at most 1.5 MiB in etcd, and a review has two of them.
ADMISSION_LIMITS = BodyLimits(size=8 * _MIB, elements=250_000)
MAX_BYTES = 96 * _MIB  # in memory, of all requests in progress
# Of all admission reviews in progress. The rest is for the one object that is converted at a time.
MAX_ELEMENTS = 1_500_000 - OBJECT_LIMITS.elements
MAX_REQUESTS = 320  # in progress; one address gets 256
MAX_CONNECTIONS = 384  # open; each takes up to 300 KiB while its headers arrive. One address gets 307
BODY_TIMEOUT = 5.0  # seconds until a body must have arrived
ANSWER_TIMEOUT = 9.0  # seconds; the API server waits for 10
# The API server shows this text to the user whose request it sent.
_CERTIFICATE_REQUIRED = (
    "the operator has WEBHOOK_CLIENT_CERTIFICATE=required, and the caller presented no client certificate of the API "
    "server; configure one in the AdmissionConfiguration of each API server (docs/webhooks.md)"
)


class WebhookServer:
    """Serves reviews by path.

    Args:
        handlers: the handler of each path of admission reviews.
        tls: the TLS context; the certificate that it serves may change.
        is_api_server: decides by the client certificate (DER) whether a caller is the API server.
        observe: is called with path, HTTP status and seconds of each review, and whether the caller is the API server.
        metrics: the metrics, and who may read them.
        certificate_required: whether admission reviews of callers without a certificate of the API server are refused.
    """

    def __init__(
        self,
        handlers: Mapping[str, ReviewHandler],
        tls: ssl.SSLContext,
        is_api_server: Callable[[bytes], bool],
        observe: ObserveReview,
        metrics: MetricsSource,
        *,
        certificate_required: bool = False,
    ) -> None:
        self._handlers = handlers
        self._tls = tls
        self._is_api_server = is_api_server
        self._observe = observe
        self._metrics = metrics
        self._certificate_required = certificate_required
        self._bytes = SharedLimit()
        self._elements = SharedLimit()
        self._requests = SharedLimit()
        self._conversions = ConversionServer()
        self._runner: web.AppRunner | None = None
        self._listener: Listener | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen on a port. Raises OSError."""
        app = web.Application(client_max_size=ADMISSION_LIMITS.size)
        app.add_routes([web.post(path, self._handle) for path in (*self._handlers, WebhookPaths.CONVERT)])
        app.add_routes([web.get(metrics_access.PATH, self._metrics_text, allow_head=False)])
        # A compressed body would be larger than its Content-Length. The API server sends none.
        self._runner = web.AppRunner(
            app,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=90,
            shutdown_timeout=5,
            **SMALL_HEADERS,
        )
        await self._runner.setup()
        assert self._runner.server
        self._listener = Listener(self._runner.server, MAX_CONNECTIONS, self._tls)
        await self._listener.start(host, port)

    async def stop(self) -> None:
        """Stop listening and finish the requests in progress."""
        if self._listener:
            await self._listener.stop()
            self._listener = None
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def _metrics_text(self, request: web.Request) -> web.Response:
        status = await self._metrics.check(request.headers.get("Authorization", ""))
        if status != 200:
            headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
            return web.Response(status=status, headers=headers)
        return web.Response(body=await self._metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        started, status = time.monotonic(), 500
        trusted = self._is_trusted(request)
        try:
            response = await self._admit(request, trusted)
            status = response.status
            return response
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            self._observe(request.path, status, time.monotonic() - started, trusted)

    async def _admit(self, request: web.Request, trusted: bool) -> web.StreamResponse:
        """Check the caller, the headers and the load before the body is read."""
        conversion = request.path == WebhookPaths.CONVERT
        # The API server never presents a certificate for a conversion, which depends on nothing but the review.
        if self._certificate_required and not conversion and not trusted:
            raise web.HTTPForbidden(text=_CERTIFICATE_REQUIRED)
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="expected application/json")
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise web.HTTPUnsupportedMediaType(text="expected a body without Content-Encoding")
        size = request.content_length
        if size is None:
            raise web.HTTPLengthRequired(text="expected Content-Length")
        limit = MAX_REVIEW_BYTES if conversion else ADMISSION_LIMITS.size
        if size > limit:
            raise web.HTTPRequestEntityTooLarge(limit, size)
        reserved = min(size, BUFFERED_BYTES) if conversion else size
        client = request.remote or ""
        allowed = self._bytes.allows(client, reserved, MAX_BYTES) and self._requests.allows(client, 1, MAX_REQUESTS)
        if not allowed:
            raise _overloaded()
        with self._bytes.use(client, reserved), self._requests.use(client, 1):
            return await (self._conversions.respond(request) if conversion else self._review(request, trusted))

    async def _review(self, request: web.Request, trusted: bool) -> web.Response:
        try:
            async with asyncio.timeout(BODY_TIMEOUT):
                body = await request.read()
        except TimeoutError:
            raise web.HTTPRequestTimeout(text=NOT_IN_TIME) from None
        except (ConnectionError, web.RequestPayloadError):
            raise web.HTTPBadRequest(text=CLOSED) from None
        try:
            elements = count_elements(body, ADMISSION_LIMITS)
        except TooComplexError as error:
            raise web.HTTPRequestEntityTooLarge(ADMISSION_LIMITS.size, len(body), text=str(error)) from None
        client = request.remote or ""
        if not self._elements.allows(client, elements, MAX_ELEMENTS):
            raise _overloaded()
        with self._elements.use(client, elements):
            answer = await self._answer(request, body, trusted)
        return web.Response(body=orjson.dumps(answer), content_type="application/json")

    async def _answer(self, request: web.Request, body: bytes, trusted: bool) -> dict[str, Any]:
        try:
            review = orjson.loads(body)
            check_depth(review)
            async with asyncio.timeout(ANSWER_TIMEOUT):
                return await self._handlers[request.path](review, Caller(request.remote or "", trusted))
        except (orjson.JSONDecodeError, MalformedReviewError, TooComplexError) as error:
            raise web.HTTPBadRequest(text=f"not a review: {error}") from None
        except TimeoutError:
            raise web.HTTPGatewayTimeout(text=TIMED_OUT) from None
        except Exception:
            logger.exception("Review on %s failed", request.path)
            raise web.HTTPInternalServerError(text="the operator failed to review the object; see its log") from None

    def _is_trusted(self, request: web.Request) -> bool:
        connection = request.transport.get_extra_info("ssl_object") if request.transport else None
        certificate = connection.getpeercert(binary_form=True) if connection else None
        return certificate is not None and self._is_api_server(certificate)


def _overloaded() -> web.HTTPServiceUnavailable:
    return web.HTTPServiceUnavailable(text="too many reviews at a time; try again", headers={"Retry-After": "1"})
