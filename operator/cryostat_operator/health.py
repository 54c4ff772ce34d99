"""An HTTP server for the kubelet and Prometheus: `/healthz`, `/readyz` and `/metrics`."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from .metrics import Metrics

MAX_SILENCE_SECONDS = 600.0  # a watch receives a bookmark every minute; after this time, a restart is needed


class HealthServer:
    """Serves probes and metrics on one port.

    Args:
        ready: whether the operator is ready.
        seconds_since_contact: seconds since the quietest required watch received something.
    """

    def __init__(self, metrics: Metrics, ready: Callable[[], bool], seconds_since_contact: Callable[[], float]) -> None:
        self._metrics = metrics
        self._ready = ready
        self._seconds_since_contact = seconds_since_contact
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> None:
        """Start to serve.

        Raises:
            OSError: the port is in use.
        """
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
        """Stop to serve."""
        if self._runner:
            await self._runner.cleanup()

    async def _healthz(self, request: web.Request) -> web.Response:
        silence = self._seconds_since_contact()
        if silence < MAX_SILENCE_SECONDS:
            return web.Response(text="ok")
        return web.Response(status=500, text=f"a watch has received nothing for {silence:.0f} s")

    async def _readyz(self, request: web.Request) -> web.Response:
        if self._ready():
            return web.Response(text="ok")
        return web.Response(status=503, text="the first lists of the cluster are not complete")

    async def _metrics_text(self, request: web.Request) -> web.Response:
        headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return web.Response(body=self._metrics.text(), headers=headers)
