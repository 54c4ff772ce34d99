"""The limit of open connections: shared by addresses, with and without TLS."""

from __future__ import annotations

import asyncio
import datetime
import errno
import socket
from collections.abc import AsyncIterator

import pytest

from cryostat_operator import listener
from cryostat_operator.listener import Listener
from cryostat_operator.pki import serving
from cryostat_operator.webhooks.serving_certificate import Certificate, ServerTls

MAX = 5  # one address gets 4


class Echo(asyncio.Protocol):
    """Answers with what it gets."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


@pytest.fixture
async def plain() -> AsyncIterator[Listener]:
    found = Listener(Echo, MAX)
    await found.start("127.0.0.1", 0)
    yield found
    await found.stop()


@pytest.fixture
async def encrypted() -> AsyncIterator[Listener]:
    data = serving.ensure_serving_certificate({}, ["localhost"], datetime.datetime.now(datetime.UTC))
    tls = ServerTls()
    tls.load(Certificate(data[serving.CERTIFICATE] + data[serving.KEY]))
    found = Listener(Echo, MAX, tls.context)
    await found.start("127.0.0.1", 0)
    yield found
    await found.stop()


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(to: Listener, address: str = "127.0.0.1") -> Connection:
    return await asyncio.open_connection("127.0.0.1", to.port, local_addr=(address, 0))


async def is_served(connection: Connection) -> bool:
    """Whether the server answers; it has closed the connection otherwise."""
    reader, writer = connection
    try:
        writer.write(b"x")
        return await reader.read(1) == b"x"
    except ConnectionError:
        return False


async def until_used(by: Listener, count: int) -> None:
    while by._connections.used != count:
        await asyncio.sleep(0.001)


async def test_one_address_leaves_connections_for_others(plain: Listener) -> None:
    idle = [await connect(plain) for _ in range(4)]
    await until_used(plain, 4)
    assert not await is_served(await connect(plain))
    assert await is_served(await connect(plain, "127.0.0.2"))
    assert [await is_served(each) for each in idle] == [True] * 4


async def test_a_closed_connection_is_not_counted(plain: Listener) -> None:
    for _ in range(MAX + 1):
        _, writer = await connect(plain)
        await until_used(plain, 1)
        writer.close()
        await until_used(plain, 0)


async def test_a_connection_counts_before_its_handshake(encrypted: Listener) -> None:
    """It takes as much memory as later, and an idle client never begins the handshake."""
    idle = [await connect(encrypted) for _ in range(4)]
    await until_used(encrypted, 4)
    reader, _ = await connect(encrypted)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    for _, writer in idle:
        writer.close()
    await until_used(encrypted, 0)


async def test_a_failed_handshake_is_not_counted(encrypted: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    _, writer = await connect(encrypted)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    await until_used(encrypted, 1)
    await until_used(encrypted, 0)
    monkeypatch.setattr(listener, "HANDSHAKE_TIMEOUT", 0.01)
    reader, _ = await connect(encrypted)
    assert await reader.read() == b""
    await until_used(encrypted, 0)


async def test_it_stops_while_connections_are_open(plain: Listener) -> None:
    connection = await connect(plain)
    assert await is_served(connection)
    port = plain.port
    await plain.stop()
    assert await is_served(connection)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_an_address_in_use_is_an_error_that_names_it(plain: Listener) -> None:
    with pytest.raises(OSError, match="in use") as raised:
        await Listener(Echo, MAX).start("127.0.0.1", plain.port)
    assert raised.value.errno == errno.EADDRINUSE
    assert raised.value.strerror == f"Address already in use (address 127.0.0.1, port {plain.port})"


async def test_connections_that_wait_together_are_all_counted(plain: Listener) -> None:
    """The server accepts them one after the other, without a pause in which it serves the first ones."""
    waiting = [socket.create_connection(("127.0.0.1", plain.port)) for _ in range(20)]
    for each in waiting:
        each.setblocking(False)
    served = [await is_served(await asyncio.open_connection(sock=each)) for each in waiting]
    assert served.count(True) == 4


async def test_it_listens_on_all_addresses_of_both_families() -> None:
    """The addresses of pods have either family, or both."""
    found = Listener(Echo, MAX)
    await found.start("", 0)
    assert await is_served(await connect(found))
    # No connection to ::1, which containers without IPv6 do not have.
    assert [each.getsockname()[:2] for each in found._sockets] == [("0.0.0.0", found.port), ("::", found.port)]
    await found.stop()


async def test_a_machine_without_ipv6_has_other_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    listening = listener._listening

    def without_ipv6(family: int, address: listener.SocketAddress, port: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return listening(family, address, port)

    monkeypatch.setattr(listener, "_listening", without_ipv6)
    found = Listener(Echo, MAX)
    await found.start("", 0)
    assert await is_served(await asyncio.open_connection("127.0.0.1", found.port))
    await found.stop()
    with pytest.raises(OSError, match="not supported"):
        await Listener(Echo, MAX).start("::1", 0)


async def test_a_link_local_address_keeps_its_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    index, name = socket.if_nameindex()[0]
    bound: list[tuple[object, ...]] = []
    monkeypatch.setattr(socket.socket, "bind", lambda _, address: bound.append(address))
    monkeypatch.setattr(socket.socket, "listen", lambda *_: None)
    found = Listener(Echo, MAX)
    await found.start(f"fe80::1%{name}", 8081)
    await found.stop()
    assert [(address[1], address[3]) for address in bound] == [(8081, index)]


async def test_accepting_continues_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "RETRY_DELAY", 0.001)
    loop, failures = asyncio.get_running_loop(), [OSError("Too many open files")]
    accept = loop.sock_accept

    async def failing(each: object) -> object:
        if failures:
            raise failures.pop()
        return await accept(each)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "sock_accept", failing)
    found = Listener(Echo, MAX)
    await found.start("127.0.0.1", 0)
    assert await is_served(await connect(found))
    assert failures == []
    await found.stop()
