"""The HTTP server for the probes of the kubelet, `/healthz` and `/readyz`, and for `/metrics` of local clients.

Prometheus reads the metrics by HTTPS, see `webhooks/server.py`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from aiohttp import web

from .listener import SMALL_HEADERS, Listener
from .metrics import CONTENT_TYPE, Metrics

# Open connections. The kubelet needs two. Pods share the others, and together they cannot use up all of them.
MAX_CONNECTIONS = 256
MAX_SILENCE_SECONDS = 600.0  # a watch receives a bookmark every minute; after this time, a restart is needed


class HealthServer:
    """Serves probes and metrics on one port.

    Args:
        unready_cause: why the operator is not ready; empty if it is.
        seconds_since_contact: longest time in seconds for which a required watch has received no message.
    """

    def __init__(
        self, metrics: Metrics, unready_cause: Callable[[], str], seconds_since_contact: Callable[[], float]
    ) -> None:
        self._metrics = metrics
        self._unready_cause = unready_cause
        self._seconds_since_contact = seconds_since_contact
        self._runner: web.AppRunner | None = None
        self._listener: Listener | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen on a port.

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
        self._runner = web.AppRunner(app, access_log=None, **SMALL_HEADERS)
        await self._runner.setup()
        assert self._runner.server
        self._listener = Listener(self._runner.server, MAX_CONNECTIONS)
        await self._listener.start(host, port)

    async def stop(self) -> None:
        """Stop listening."""
        if self._listener:
            await self._listener.stop()
        if self._runner:
            await self._runner.cleanup()

    async def _healthz(self, request: web.Request) -> web.Response:
        silence = self._seconds_since_contact()
        if silence < MAX_SILENCE_SECONDS:
            return web.Response(text="ok")
        return web.Response(status=500, text=f"a watch has received nothing for {silence:.0f} s")

    async def _readyz(self, request: web.Request) -> web.Response:
        cause = self._unready_cause()
        return web.Response(status=503, text=cause) if cause else web.Response(text="ok")

    async def _metrics_text(self, request: web.Request) -> web.Response:
        if not _is_local(request):
            return web.Response(status=403, text=f"{request.path} is served to local clients only")
        return web.Response(body=await self._metrics.text(), headers={"Content-Type": CONTENT_TYPE})


def _is_local(request: web.Request) -> bool:
    """Whether the client runs on the same host or in the same pod; `kubectl port-forward` counts as such."""
    peer = request.transport.get_extra_info("peername") if request.transport else None
    address = ipaddress.ip_address(peer[0]) if peer else None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address is not None and address.is_loopback
