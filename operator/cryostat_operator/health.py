"""A small HTTP server for the kubelet and Prometheus: `/healthz`, `/readyz` and `/metrics`."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from .metrics import Metrics

# A watch stream hears at least a bookmark a minute; one that is silent for this long will not come back by itself.
_SILENCE = 600.0


class HealthServer:
    """Serves on one port; `ready` and `silent_for` are asked at each probe."""

    def __init__(self, metrics: Metrics, ready: Callable[[], bool], seconds_since_contact: Callable[[], float]) -> None:
        self._metrics = metrics
        self._ready = ready
        self._silent_for = seconds_since_contact
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> None:
        app = web.Application()
        app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics_text),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    async def _healthz(self, request: web.Request) -> web.Response:
        silence = self._silent_for()
        alive = silence < _SILENCE
        return web.Response(
            status=200 if alive else 500, text="ok" if alive else f"no word from a watch for {silence:.0f} s"
        )

    async def _readyz(self, request: web.Request) -> web.Response:
        ready = self._ready()
        return web.Response(status=200 if ready else 503, text="ok" if ready else "still listing the cluster")

    async def _metrics_text(self, request: web.Request) -> web.Response:
        headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return web.Response(body=self._metrics.text(), headers=headers)
