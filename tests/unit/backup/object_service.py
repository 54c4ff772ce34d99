"""An HTTP server in place of the object storage."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from cryostat_operator.backup.object_storage import ObjectStorage

Handler = Callable[[web.Request], web.Response]


@asynccontextmanager
async def service(handler: Handler) -> AsyncIterator[ObjectStorage]:
    async def handle(request: web.Request) -> web.Response:
        await request.read()
        return handler(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    storage = ObjectStorage(f"http://127.0.0.1:{runner.addresses[0][1]}", "user", "key")
    try:
        yield storage
    finally:
        await storage.aclose()
        await runner.cleanup()
