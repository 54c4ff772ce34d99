"""Web sockets of the simulated application."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator

import pytest

from tests.operands import web, websocket
from tests.operands.discovery import RefusedError


def test_the_key_equals_the_example_of_the_rfc() -> None:
    assert websocket.accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize("mask", [b"", b"\x01\x02\x03\x04"])
def test_a_message_is_read_as_it_was_written(mask: bytes) -> None:
    assert websocket.read_frame(io.BytesIO(websocket.frame("hello", mask))) == "hello"


def test_other_frames_are_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        websocket.frame("x" * 126)
    with pytest.raises(ValueError, match="no short text"):
        websocket.read_frame(io.BytesIO(b"\x88\x00"))


def test_a_request_for_a_web_socket_has_two_headers() -> None:
    assert websocket.is_requested({"connection": "keep-alive, Upgrade", "upgrade": "websocket"})
    assert not websocket.is_requested({"connection": "keep-alive", "upgrade": "websocket"})
    assert not websocket.is_requested({"connection": "upgrade", "upgrade": "h2c"})


@pytest.fixture
def port() -> Iterator[int]:
    def answer(request: web.Request) -> tuple[int, None]:
        raise RefusedError(404, "not found")

    server = web.server("localhost", 0, answer, echo="/echo")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def test_the_server_responds_with_user_and_message(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ssl.SSLContext.wrap_socket", lambda context, plain, **options: plain)
    assert websocket.ask(f"https://localhost:{port}/echo", "user", "password", "hello") == ": hello"
    with pytest.raises(OSError, match="404"):
        websocket.ask(f"https://localhost:{port}/other", "user", "password", "hello")
