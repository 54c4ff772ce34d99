"""Accepts the connections of an HTTP server and limits their number before anything is read from them.

Every pod can connect to the ports of the operator. A connection with TLS takes more than 50 KiB of memory from the
moment that it is accepted, also if the client sends nothing, and aiohttp keeps it for as long as the client does.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable, Coroutine
from typing import Any

from .shared_limit import SharedLimit

# Options of aiohttp: sizes in bytes, and the number of headers. It keeps the headers of a request until they are
# complete, by default up to a MiB for each connection. The API server sends ten, and Prometheus a token of 2 KiB.
SMALL_HEADERS: dict[str, Any] = {"max_line_size": 1024, "max_field_size": 4096, "max_headers": 16}
BACKLOG = 512  # connections that wait until they are accepted
HANDSHAKE_TIMEOUT = 10.0  # seconds until the TLS handshake must be complete
RETRY_DELAY = 0.5  # seconds, after a connection could not be accepted, for example because too many files are open
SocketAddress = tuple[Any, ...]
"""Address and port; for IPv6 also the flow label, and the interface of a link-local address."""
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


class Listener:
    """Listens on a port. Addresses of clients share the limit; a connection beyond it is closed at once.

    Args:
        protocol: returns the protocol that serves a connection.
        max_connections: open connections at a time.
        tls: the TLS context; None for plain connections.
    """

    def __init__(
        self, protocol: Callable[[], asyncio.Protocol], max_connections: int, tls: ssl.SSLContext | None = None
    ) -> None:
        self._protocol = protocol
        self._max_connections = max_connections
        self._tls = tls
        self._connections = SharedLimit()
        self._sockets: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._sockets[0].getsockname()[1])

    async def start(self, host: str, port: int) -> None:
        """Listen on one port of all addresses of a host.

        Args:
            host: a name or an address; empty for all addresses of this machine.
            port: 0 for any free port.

        Raises:
            OSError: an address cannot be used.
        """
        for family, address in await _addresses(host, port):
            try:
                # Port 0 is any free port, and the others get the same one.
                self._sockets.append(_listening(family, address, self.port if self._sockets else port))
            except OSError as error:
                if not host and self._sockets and error.errno in _NO_IPV6:
                    continue
                self._close()
                raise
        for each in self._sockets:
            self._start(self._accept(each))

    async def stop(self) -> None:
        """Stop listening. Established connections stay open and are no longer counted."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._close()

    def _close(self) -> None:
        for each in self._sockets:
            each.close()
        self._sockets.clear()

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, peer = await loop.sock_accept(listening)
            except OSError:
                await asyncio.sleep(RETRY_DELAY)
                continue
            address = str(peer[0])
            if self._connections.allows(address, 1, self._max_connections):
                self._count_and_serve(connection, address)
            else:
                connection.close()

    def _count_and_serve(self, connection: socket.socket, address: str) -> None:
        """Count a connection at once: many that wait together may be accepted before the task of the first one runs."""
        self._connections.add(address, 1)
        self._start(self._serve(connection)).add_done_callback(lambda _: self._connections.release(address, 1))

    async def _serve(self, connection: socket.socket) -> None:
        served = _Connection(self._protocol())
        timeout = HANDSHAKE_TIMEOUT if self._tls else None
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: served, connection, ssl=self._tls, ssl_handshake_timeout=timeout
            )
        except OSError:  # the handshake failed
            return
        await served.closed.wait()


class _Connection(asyncio.Protocol):
    """Passes everything on to the protocol that serves the connection, and reports when the connection is closed."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        self._protocol = protocol
        self.closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._protocol.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._protocol.data_received(data)

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received()

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()
        self._protocol.connection_lost(exc)


async def _addresses(host: str, port: int) -> list[tuple[int, SocketAddress]]:
    """Return families and addresses of a host, each once."""
    if not host:
        return [(socket.AF_INET, ("0.0.0.0", port)), (socket.AF_INET6, ("::", port))]  # noqa: S104
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _listening(family: int, address: SocketAddress, port: int) -> socket.socket:
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        found.setblocking(False)
        found.bind((address[0], port, *address[2:]))
        found.listen(BACKLOG)
    except OSError as error:
        found.close()
        raise OSError(error.errno, f"{error.strerror} (address {address[0]}, port {port})") from None
    return found
