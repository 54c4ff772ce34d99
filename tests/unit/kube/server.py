"""A small HTTP server on the loopback interface. The test defines its responses."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from cryostat_operator.kube.client import Client
from cryostat_operator.kube.connection import Connection
from cryostat_operator.kube.kopf_import import kopf

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FakeServer:
    """A server and its clients.

    Attributes:
        requests: the received requests, and `bodies` their bodies.
        handler: answers each request; by default with the next one of `responses`.
        logins: how often clients logged in.
    """

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.handler: Handler = self.scripted
        self.responses: list[tuple[int, Any, dict[str, str]]] = []
        self.logins = 0
        self._url = ""

    def respond(self, status: int, body: Any = None, **headers: str) -> None:
        """Add a response for one request."""
        self.responses.append((status, body or {}, headers))

    async def scripted(self, _: web.Request) -> web.StreamResponse:
        status, body, headers = self.responses.pop(0)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=json.dumps(body), headers=names, content_type="application/json")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.read())
        self.requests.append(request)
        return await self.handler(request)

    def connection(self) -> Connection:
        return Connection(kopf.ConnectionInfo(server=self._url, token=f"token-{self.logins}"))

    async def log_in(self) -> Connection:
        self.logins += 1
        return self.connection()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Client]:
        """A client of this server, while it runs."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        async with TestServer(app) as server:
            self._url = str(server.make_url("/"))
            client = Client(self.connection(), self.log_in)
            try:
                yield client
            finally:
                await client.close()
