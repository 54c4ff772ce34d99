"""The TLS settings of a kubeconfig: the trusted authorities, and the client certificate."""

from __future__ import annotations

import base64
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..kube.errors import LoginError


def tls_context(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ssl.SSLContext:
    """Return the context that verifies the API server and presents the certificate of the user.

    Args:
        cluster: an entry of the kubeconfig, with absolute paths.
        user: likewise.

    Raises:
        LoginError: a certificate or a key cannot be used.
        OSError: a file cannot be read.
    """
    file = cluster.get("certificate-authority")
    try:
        context = ssl.create_default_context(
            cafile=file, cadata=_decoded(cluster.get("certificate-authority-data"), "certificate-authority-data")
        )
    except OSError as error:  # SSLError is one, and does not name the file
        field = f"certificate-authority {file}" if file else "certificate-authority-data"
        cause = "it is not a certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise LoginError(f"{field} of the kubeconfig cannot be used: {cause}") from None
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    _load_client_certificate(context, user)
    return context


def _load_client_certificate(context: ssl.SSLContext, user: Mapping[str, Any]) -> None:
    with _file(user, "client-certificate") as certificate, _file(user, "client-key") as key:
        if not certificate:
            return
        try:
            context.load_cert_chain(certificate, key)
        except ssl.SSLError:
            text = "client-certificate and client-key of the kubeconfig are not a certificate and its private key"
            raise LoginError(text) from None


@contextmanager
def _file(user: Mapping[str, Any], field: str) -> Iterator[str | None]:
    """Yield the file of a field of a user. Data becomes a temporary file, because the ssl module reads files only."""
    data = _decoded(user.get(f"{field}-data"), f"{field}-data")
    if data is None:
        yield user.get(field)
        return
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # mode 0600
        file.write(data)
        file.flush()
        yield file.name


def _decoded(data: str | None, field: str) -> str | None:
    if not data:
        return None
    try:
        return base64.b64decode("".join(data.split()), validate=True).decode()
    except ValueError:
        raise LoginError(f"{field} of the kubeconfig is not base64") from None
