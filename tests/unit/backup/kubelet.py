"""Simulates `exec` and `portforward` of a kubelet for programs that run on this machine.

It implements `v4.channel.k8s.io` over WebSockets, at the paths of the API server and of the kubelet.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from cryostat_operator.backup.pod_connection import PROTOCOL, PodConnections
from cryostat_operator.backup.pod_streams import STATUS, STDERR, STDIN, STDOUT
from cryostat_operator.inspect.login import UserConnection
from cryostat_operator.kube.connection import Connection


def connections(url: str, tokens: tuple[str, ...] = ("first",)) -> PodConnections:
    """Connections to an address. Each login returns the next token."""
    logins = [UserConnection(url, ssl.create_default_context(), {"Authorization": token}) for token in tokens]

    async def renew(used: Connection) -> Connection:
        return logins[min(logins.index(used) + 1, len(logins) - 1)]  # type: ignore[arg-type]

    return PodConnections(logins[0], renew)


@dataclass
class Kubelet:
    """A kubelet with containers of pods.

    Attributes:
        environments: variables of the container of each pod.
        wrap: returns the command line that starts a command, for example as another user.
        ports: the port on this machine by pod and port in the pod.
        refuse: the status of the response by subresource.
        token: the only accepted token. Empty accepts all.
        cut_after: bytes of the standard input before the connection breaks. None keeps it open.
        commands: the commands that were run.
    """

    environments: dict[str, Mapping[str, str]] = field(default_factory=dict)
    wrap: Callable[[list[str]], list[str]] = lambda command: command
    ports: dict[tuple[str, int], int] = field(default_factory=dict)
    refuse: dict[str, int] = field(default_factory=dict)
    token: str = ""
    cut_after: int | None = None
    commands: list[list[str]] = field(default_factory=list)

    @asynccontextmanager
    async def serving(self, context: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[int]:
        """Listen on 127.0.0.1 and yield the port."""
        app = web.Application()
        prefix = "/api/v1/namespaces/{namespace}/pods/{pod}"
        app.router.add_get(f"{prefix}/exec", self._exec)
        app.router.add_get(f"{prefix}/portforward", self._forward)
        app.router.add_get("/exec/{namespace}/{pod}/{container}", self._exec)
        app.router.add_get("/portForward/{namespace}/{pod}", self._forward)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=context)
        await site.start()
        try:
            yield int(runner.addresses[0][1])
        finally:
            await runner.cleanup()

    @contextmanager
    def in_thread(self, context: ssl.SSLContext | None) -> Iterator[int]:
        """Serve from a separate thread, for tests that block, and yield the port."""
        started, ends = threading.Event(), asyncio.Event()
        ports: list[int] = []
        loop = asyncio.new_event_loop()

        async def serve() -> None:
            async with self.serving(context) as port:
                ports.append(port)
                started.set()
                await ends.wait()

        thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
        thread.start()
        started.wait(30)
        try:
            yield ports[0]
        finally:
            loop.call_soon_threadsafe(ends.set)
            thread.join()
            loop.close()

    def _refusal(self, request: web.Request, subresource: str) -> web.Response | None:
        is_known = self.token in ("", request.headers.get("Authorization"))
        status = self.refuse.get(subresource, 200 if is_known else 401)
        return web.Response(status=status) if status != 200 else None

    async def _exec(self, request: web.Request) -> web.StreamResponse:
        if refused := self._refusal(request, "exec"):
            return refused
        socket = web.WebSocketResponse(protocols=[PROTOCOL], max_msg_size=0)
        await socket.prepare(request)
        command = request.query.getall("command")
        self.commands.append(command)
        process = await asyncio.create_subprocess_exec(
            *self.wrap(command),
            env=dict(self.environments[request.match_info["pod"]]),
            cwd="/",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        reader = asyncio.create_task(self._input(socket, process))
        assert process.stdout
        assert process.stderr
        await asyncio.gather(_copy(process.stdout, socket, STDOUT), _copy(process.stderr, socket, STDERR))
        code = await process.wait()
        reader.cancel()
        status = {"status": "Success"}
        if code:
            status = {"status": "Failure", "reason": "NonZeroExitCode", "message": f"exit code {code}"}
        with contextlib.suppress(ConnectionError):
            await socket.send_bytes(bytes([STATUS]) + json.dumps(status).encode())
        await socket.close()
        return socket

    async def _input(self, socket: web.WebSocketResponse, process: asyncio.subprocess.Process) -> None:
        """Copy the standard input until the connection ends."""
        assert process.stdin
        received = 0
        async for message in socket:
            if message.type == WSMsgType.BINARY and message.data[:1] == bytes([STDIN]):
                received += len(message.data) - 1
                if self.cut_after is not None and received > self.cut_after:
                    await socket.close()
                    break
                with contextlib.suppress(ConnectionError):  # the program may end before it has read all input
                    process.stdin.write(message.data[1:])
                    await process.stdin.drain()
        process.stdin.close()

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        if refused := self._refusal(request, "portforward"):
            return refused
        socket = web.WebSocketResponse(protocols=[PROTOCOL], max_msg_size=0)
        await socket.prepare(request)
        port = int(request.query.get("ports") or request.query["port"])
        for channel in (b"\0", b"\1"):
            await socket.send_bytes(channel + port.to_bytes(2, "little"))
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.ports[request.match_info["pod"], port])
        except (OSError, KeyError) as error:
            await socket.send_bytes(b"\1" + str(error).encode())
            await socket.close()
            return socket

        async def downwards() -> None:
            while chunk := await reader.read(65536):
                await socket.send_bytes(b"\0" + chunk)
            await socket.close()

        task = asyncio.create_task(downwards())
        try:
            async for message in socket:
                if message.type == WSMsgType.BINARY and message.data[:1] == b"\0":
                    writer.write(message.data[1:])
                    await writer.drain()
        finally:
            task.cancel()
            writer.close()
        return socket


async def _copy(reader: asyncio.StreamReader, socket: web.WebSocketResponse, channel: int) -> None:
    while chunk := await reader.read(65536):
        with contextlib.suppress(ConnectionError):
            await socket.send_bytes(bytes([channel]) + chunk)
