"""After the gate is closed no write is sent, and reads continue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cryostat_operator.kube.client import Client
from cryostat_operator.kube.connection import Connection
from cryostat_operator.kube.errors import ApiUnavailable
from cryostat_operator.kube.kopf_import import kopf
from cryostat_operator.kube.leadership_gate import LeadershipGate

WRITES = ("POST", "PUT", "PATCH", "DELETE")


class Server:
    """Records the requests, and responds while `answering` is set."""

    def __init__(self) -> None:
        self.arrived: list[str] = []
        self.answering = asyncio.Event()
        self.answering.set()

    async def handle(self, request: web.Request) -> web.Response:
        await request.read()
        self.arrived.append(request.method)
        await self.answering.wait()
        return web.json_response({})


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, Connection]]:
    app, server = web.Application(), Server()
    app.router.add_route("*", "/{path:.*}", server.handle)
    async with TestServer(app) as running:
        yield server, Connection(kopf.ConnectionInfo(server=str(running.make_url("/"))))


def client(connection: Connection, is_open: Callable[[], bool]) -> tuple[Client, LeadershipGate]:
    async def reconnect() -> Connection:
        return connection

    gate = LeadershipGate(is_open)
    return Client(connection, reconnect, gate=gate), gate


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize("body", [None, {"a": 1}], ids=["empty", "full"])
async def test_nothing_is_written_when_it_is_closed(
    server: tuple[Server, Connection], method: str, body: object
) -> None:
    one, _ = client(server[1], lambda: False)
    with pytest.raises(ApiUnavailable, match=r"^[A-Z]+ \S+: another replica may be writing$"):
        await one.request(method, "/x", body=body)
    await one.request("GET", "/x")
    assert server[0].arrived == ["GET"]
    await one.close()


@pytest.mark.parametrize("method", WRITES)
async def test_a_write_that_waited_for_its_connection_is_not_sent(
    server: tuple[Server, Connection], method: str
) -> None:
    """The gate is closed between the start of the write and the time when it gets a connection."""
    answers = [True]
    one, _ = client(server[1], lambda: bool(answers and answers.pop()))
    with pytest.raises(ApiUnavailable):
        await one.request(method, "/x", body={"a": 1})
    await one.request("GET", "/x")
    assert server[0].arrived == ["GET"]
    await one.close()


@pytest.mark.parametrize("leads", [True, False])
async def test_the_gate_is_idle_after_every_write_has_a_response(
    server: tuple[Server, Connection], leads: bool
) -> None:
    """A write that finishes what this replica began as leader is sent without leadership, and counts, too."""
    server[0].answering.clear()
    one, gate = client(server[1], lambda: leads)
    obj = {"kind": "Secret", "metadata": {"name": "x", "namespace": "here"}}
    write = asyncio.create_task(one.create(obj, must_lead=leads))
    while not server[0].arrived:
        await asyncio.sleep(0.01)
    idle = asyncio.create_task(gate.wait_idle())
    await asyncio.sleep(0.1)
    assert not idle.done()
    server[0].answering.set()
    await idle
    assert await write == {}
    assert server[0].arrived == ["POST"]
    await one.close()
