"""Kubeconfigs, and servers that they name."""

from __future__ import annotations

import contextlib
import ipaddress
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from cryostat_operator.pki import signing
from cryostat_operator.pki.signing import CertificateTemplate


def kubeconfig(server: str, **cluster: Any) -> bytes:
    config = {
        "current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "b", "user": "c"}}],
        "clusters": [{"name": "b", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "c", "user": {"token": "t"}}],
    }
    return yaml.safe_dump(config).encode()


@contextlib.contextmanager
def serving(status: int, body: bytes, certificate: Path | None = None) -> Iterator[str]:
    """A server that answers all requests in this way, by HTTPS with a certificate."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


LOCALHOST = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))


def self_signed(directory: Path, name: x509.GeneralName, now: float | None = None) -> Path:
    """A file with a self-signed certificate for `name`, and its key.

    Args:
        now: the time of issue, in seconds since the epoch; by default the present time.
    """
    pair = directory / "pair.pem"
    key = signing.new_key()
    template = CertificateTemplate("localhost", (name,), (ExtendedKeyUsageOID.SERVER_AUTH,))
    pair.write_bytes(
        signing.key_pem(key) + signing.certificates_pem([signing.sign_certificate(template, key, now or time.time())])
    )
    return pair
