"""Commands and ports of pods, with a simulated kubelet on a local port."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from cryostat_operator.backup.manifest import BackupError
from cryostat_operator.backup.pod_streams import CommandError, PodStreams
from tests.unit.backup.kubelet import Kubelet, connections


@asynccontextmanager
async def streams(kubelet: Kubelet) -> AsyncIterator[PodStreams]:
    kubelet.environments = {"pod": {"PATH": os.environ["PATH"]}}
    async with kubelet.serving() as port:
        opened = PodStreams(connections(f"http://127.0.0.1:{port}"))
        try:
            yield opened
        finally:
            await opened.aclose()


async def run(opened: PodStreams, script: str, stdin: list[bytes] | Iterator[bytes] = ()) -> tuple[bytes, str]:  # type: ignore[assignment]
    chunks: list[bytes] = []
    log = await opened.execute("here", "pod", "container", ["sh", "-c", script], stdin, chunks.append)
    return b"".join(chunks), log


async def test_input_output_and_errors_are_streamed() -> None:
    async with streams(Kubelet()) as opened:
        stdin = [b"", b"x" * 200_000, b"y"]
        assert await run(opened, "head -c 200001 | tail -c 2; echo log >&2", stdin) == (b"xy", "log\n")
        assert await run(opened, "echo out") == (b"out\n", "")


async def test_a_failing_command_is_reported() -> None:
    async with streams(Kubelet()) as opened:
        with pytest.raises(CommandError, match="in container container of pod here/pod: exit code 3") as caught:
            await run(opened, "echo cause >&2; exit 3")
    assert caught.value.log == "cause\n"


async def test_a_command_that_cannot_be_started_is_reported() -> None:
    opened = PodStreams(connections("http://127.0.0.1:1"))
    with pytest.raises(BackupError, match=r"^A command cannot run in container container of pod here/pod: Client"):
        await run(opened, "true")
    await opened.aclose()


async def test_a_broken_connection_is_reported() -> None:
    async with streams(Kubelet(cut_after=10)) as opened:
        with pytest.raises(
            BackupError, match=r"^The connection broke while a command ran in container container of pod here/pod\.$"
        ):
            await run(opened, "head -c 100 >/dev/null; sleep 0.2", [b"x" * 5, b"y" * 50])


async def test_an_unreadable_file_is_reported() -> None:
    def content() -> Iterator[bytes]:
        yield b"x"
        raise OSError(5, "Input/output error")

    async with streams(Kubelet()) as opened:
        with pytest.raises(
            BackupError, match=r"^A command was ended, because its input cannot be read: Input/output error\.$"
        ):
            await run(opened, "head -c 100", content())


async def test_connections_through_a_forwarded_port() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readexactly(200_000))[::-1])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    kubelet = Kubelet(ports={("pod", 8333): server.sockets[0].getsockname()[1]})
    content = os.urandom(200_000)
    async with streams(kubelet) as opened, opened.forwarded("here", "pod", 8333) as port:
        for _ in range(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(content)
            assert await reader.read(-1) == content[::-1]
            writer.close()
    server.close()


async def test_a_port_that_may_not_be_forwarded_is_reported() -> None:
    async with streams(Kubelet(refuse={"portforward": 403})) as opened:
        with pytest.raises(BackupError, match=r"Port 1 of pod here/pod cannot be reached: you may not .*portforward"):
            async with opened.forwarded("here", "pod", 1):
                pass
