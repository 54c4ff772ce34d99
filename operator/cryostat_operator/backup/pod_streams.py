"""Runs commands in pods and connects to their ports, over WebSockets of the API server.

Both need no network connection from the client to the pods, and NetworkPolicies do not apply to them. The subprotocol
is `v4.channel.k8s.io`: the first byte of each message is the number of its channel.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import aiohttp

from .manifest import BackupError
from .pod_connection import PodConnections, PodSocket

STDIN, STDOUT, STDERR, STATUS = range(4)
_LOG_LIMIT = 256 * 1024  # bytes of the standard error that are kept
_CHUNK = 64 * 1024  # bytes


class PodStreams:
    """Runs commands in pods and forwards ports of pods."""

    def __init__(self, connections: PodConnections) -> None:
        self._connections = connections

    async def aclose(self) -> None:
        """Close all connections."""
        await self._connections.aclose()

    async def execute(
        self,
        namespace: str,
        pod: str,
        container: str,
        command: Iterable[str],
        stdin: Iterable[bytes] = (),
        on_output: Callable[[bytes], None] = lambda chunk: None,
    ) -> str:
        """Run a command in a container.

        Args:
            stdin: chunks of the standard input. Its end is not signaled, so the command must know the size.
            on_output: called with each chunk of the standard output.

        Returns:
            The standard error; only its last 256 KiB if it is longer.

        Raises:
            BackupError: the command cannot be started, the connection broke, or the exit status is not 0.
        """
        stdin = iter(stdin)
        first = next(stdin, None)
        params = [("container", container), ("stdout", "true"), ("stderr", "true")]
        params += [("stdin", "true")] if first is not None else []
        params += [("command", argument) for argument in command]
        where = f"in container {container} of pod {namespace}/{pod}"
        failures: list[BackupError] = []
        async with self._connections.open(namespace, pod, "exec", params, f"A command cannot run {where}") as socket:
            sender = asyncio.create_task(_send(socket, first, stdin, failures))
            try:
                status, log = await _receive(socket, on_output)
            finally:
                sender.cancel()
                await asyncio.gather(sender, return_exceptions=True)
        if failures:
            raise failures[0]
        if status is None:
            raise BackupError(f"The connection broke while a command ran {where}.")
        if status.get("status") != "Success":
            message = str(status.get("message") or "it failed")
            raise CommandError(f"A command failed {where}: {message}", log)
        return log

    @asynccontextmanager
    async def forwarded(self, namespace: str, pod: str, port: int) -> AsyncIterator[int]:
        """Listen on a local port, and connect each client of it to a port of the pod.

        Yields:
            The number of the local port, on 127.0.0.1.

        Raises:
            BackupError: the port cannot be forwarded.
        """
        message = f"Port {port} of pod {namespace}/{pod} cannot be reached"
        params = [("ports", str(port))]
        async with self._connections.open(namespace, pod, "portforward", params, message):
            pass  # the first connection shows early whether it is allowed
        tasks: set[asyncio.Task[None]] = set()

        async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task
            tasks.add(task)
            try:
                with contextlib.suppress(BackupError, ConnectionError, asyncio.CancelledError):
                    async with self._connections.open(namespace, pod, "portforward", params, message) as socket:
                        await _bridge(socket, reader, writer)
            finally:
                tasks.discard(task)
                writer.close()

        server = await asyncio.start_server(connect, "127.0.0.1", 0)
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            server.close()
            for task in tuple(tasks):
                task.cancel()
            await asyncio.gather(*tuple(tasks), return_exceptions=True)


class CommandError(BackupError):
    """A command ended with an exit status that is not 0.

    Attributes:
        log: its standard error.
    """

    def __init__(self, message: str, log: str) -> None:
        super().__init__(message)
        self.log = log


async def _send(
    socket: PodSocket,
    first: bytes | None,
    rest: Iterable[bytes],
    failures: list[BackupError],
) -> None:
    """Send the standard input. If it cannot be read, the connection is closed, which ends the command."""
    if first is None:
        return
    try:
        for chunk in itertools.chain((first,), rest):
            for start in range(0, len(chunk), _CHUNK):
                await _send_chunk(socket, chunk[start : start + _CHUNK])
    except OSError as error:
        failures.append(BackupError(f"A command was ended, because its input cannot be read: {error.strerror}."))
        await socket.close()


async def _send_chunk(socket: PodSocket, chunk: bytes) -> None:
    with contextlib.suppress(ConnectionError, aiohttp.ClientError):  # the receiving side reports it
        await socket.send_bytes(bytes([STDIN]) + chunk)


async def _receive(socket: PodSocket, on_output: Callable[[bytes], None]) -> tuple[dict[str, object] | None, str]:
    """Return the final status (None if the connection ended without one) and the standard error."""
    log = bytearray()
    status = None
    async for message in socket:
        if message.type != aiohttp.WSMsgType.BINARY or not message.data:
            continue
        channel, content = message.data[0], message.data[1:]
        if channel == STDOUT and content:
            on_output(content)
        elif channel == STDERR:
            log = (log + content)[-_LOG_LIMIT:]
        elif channel == STATUS and content:
            status = _parse_status(content)
            break
    return status, log.decode(errors="replace")


def _parse_status(content: bytes) -> dict[str, object] | None:
    try:
        status = json.loads(content)
    except ValueError:
        return None
    return status if isinstance(status, dict) else None


async def _bridge(socket: PodSocket, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy bytes both ways until one side ends. The first message of each channel is the number of the port."""

    async def upwards() -> None:
        while chunk := await reader.read(_CHUNK):
            await socket.send_bytes(b"\0" + chunk)
        await socket.close()

    task = asyncio.create_task(upwards())
    seen = set()
    try:
        async for message in socket:
            if message.type != aiohttp.WSMsgType.BINARY or not message.data:
                continue
            channel, content = message.data[0], message.data[1:]
            if channel not in seen:
                seen.add(channel)
                content = content[2:]
            if channel == 0 and content:
                writer.write(content)
                await writer.drain()
            elif channel == 1 and content:
                break  # the error channel
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
