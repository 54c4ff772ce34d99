"""Web sockets (RFC 6455) with short text messages: the server's side and a client.

Run as `python -m tests.operands.websocket URL USER PASSWORD MESSAGE` to print the response of a server to a message.
"""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import ssl
import sys
from collections.abc import Mapping
from io import BufferedIOBase
from typing import Any
from urllib.parse import urlsplit

_UUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # constant of the RFC
_TEXT = 0x81  # first byte of a text message with one frame
_TIMEOUT = 10  # seconds


def accept_key(key: str) -> str:
    """The value of Sec-WebSocket-Accept for the key of a request."""
    return base64.b64encode(hashlib.sha1(f"{key}{_UUID}".encode()).digest()).decode()


def is_requested(headers: Mapping[str, str]) -> bool:
    """Whether a request asks for a web socket. Names of headers are in lower case."""
    connection = {part.strip() for part in headers.get("connection", "").lower().split(",")}
    return "upgrade" in connection and headers.get("upgrade", "").lower() == "websocket"


def frame(text: str, mask: bytes = b"") -> bytes:
    """The frame of a text message of less than 126 bytes. Clients mask their messages with four bytes."""
    content = text.encode()
    if len(content) > 125:
        raise ValueError("the message is too long")
    length = len(content) | (0x80 if mask else 0)
    return bytes([_TEXT, length]) + mask + _masked(content, mask)


def read_frame(stream: BufferedIOBase | Any) -> str:
    """The text of the next message. Raises ValueError for another frame."""
    kind, length = stream.read(2)
    if kind != _TEXT or length & 0x7F > 125:
        raise ValueError("this is no short text message")
    mask = stream.read(4) if length & 0x80 else b""
    return str(_masked(stream.read(length & 0x7F), mask).decode())


def _masked(content: bytes, mask: bytes) -> bytes:
    return bytes(byte ^ mask[index % 4] for index, byte in enumerate(content)) if mask else content


def ask(url: str, user: str, password: str, message: str) -> str:
    """Send a message and return the server's response. Accepts every certificate. Raises OSError."""
    parts = urlsplit(url)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    key = base64.b64encode(os.urandom(16)).decode()
    request = (
        f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Basic {login}\r\n"
        f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    )
    with (
        socket.create_connection((parts.hostname, parts.port or 443), _TIMEOUT) as plain,
        context.wrap_socket(plain, server_hostname=parts.hostname) as connection,
        connection.makefile("rwb") as stream,
    ):
        stream.write(request.encode())
        stream.flush()
        head = b"".join(iter(stream.readline, b"\r\n")).decode()
        if not head.startswith("HTTP/1.1 101") or accept_key(key) not in head:
            raise OSError(f"the server opens no web socket: {head.splitlines()[0] if head else 'no answer'}")
        stream.write(frame(message, os.urandom(4)))
        stream.flush()
        return read_frame(stream)


if __name__ == "__main__":
    print(ask(*sys.argv[1:5]))
