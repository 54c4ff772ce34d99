"""The serving certificate of the webhooks: mounted files if there are any, else a Secret that the operator manages."""

from __future__ import annotations

import base64
import datetime
import logging
import os
import ssl
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ..kube.client import Client
from ..kube.errors import ApiError
from ..pki import serving
from ..plan.model.kinds import Key, Obj

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 5  # to write the Secret, which other replicas may write at the same time


class NotMountedError(Exception):
    """OLM must mount the certificate, and has not mounted it yet."""


class Certificate(NamedTuple):
    """A certificate chain with its key, and the authorities that the API server must trust. All are PEM.

    Attributes:
        chain_and_key: for the server.
        ca_bundle: registered by the operator; empty if another controller registers the authority.
        interim_ca: registered by the operator until the other controller has registered its authority.
    """

    chain_and_key: bytes
    ca_bundle: bytes = b""
    interim_ca: bytes = b""


def load_mounted(directory: str) -> Certificate | None:
    """Return the certificate that OLM, cert-manager or OpenShift's service CA mounted, None if there is none."""
    chain, key, authority = (
        _read(Path(directory) / name) for name in (serving.CERTIFICATE, serving.KEY, serving.CA_BUNDLE)
    )
    if not chain or not key:
        return None
    # Only cert-manager puts its authority beside the certificate. Without it, the certificate itself is trusted.
    return Certificate(chain + b"\n" + key, interim_ca=authority or chain)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


class ManagedSecret:
    """A Secret with an authority and a serving certificate, shared by all replicas."""

    def __init__(self, client: Client, namespace: str, name: str, hosts: Iterable[str]) -> None:
        self._client = client
        self._key = Key("Secret", namespace, name)
        self._hosts = tuple(hosts)

    async def certificate(self) -> Certificate:
        """Return the certificate; generate or renew it first if that is due.

        Raises:
            ApiError: the Secret cannot be read or written.
        """
        for attempt in range(MAX_ATTEMPTS):
            found = await self._client.get_or_none(self._key)
            data = {k: base64.b64decode(v) for k, v in ((found or {}).get("data") or {}).items()}
            desired = serving.ensure_serving_certificate(data, self._hosts, datetime.datetime.now(datetime.UTC))
            if desired == data:
                break
            try:
                await self._write(found, desired)
                logger.info("Renewed the serving certificate of the webhooks in %s", self._key)
                break
            except ApiError as error:
                if error.status != 409 or attempt == MAX_ATTEMPTS - 1:
                    raise
        return Certificate(desired[serving.CERTIFICATE] + desired[serving.KEY], desired[serving.CA_BUNDLE])

    async def _write(self, found: Obj | None, data: dict[str, bytes]) -> None:
        encoded = {k: base64.b64encode(v).decode() for k, v in data.items()}
        if found is not None:
            await self._client.replace(self._key, {**found, "data": encoded})
            return
        labels = {"app.kubernetes.io/name": "cryostat-operator", "app.kubernetes.io/part-of": "cryostat"}
        metadata = {"name": self._key.name, "namespace": self._key.namespace, "labels": labels}
        obj = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": metadata, "data": encoded}
        await self._client.create(obj)


class ServerTls:
    """The TLS configuration of the server. New connections use the certificate that was loaded last.

    Clients may present a certificate of the authorities that were set last, and need not.
    """

    def __init__(self) -> None:
        self._client_authorities = b""
        self.context = self._current = _context()
        self.context.sni_callback = self._select_context

    def load(self, certificate: Certificate) -> None:
        """Serve this certificate on new connections.

        Raises:
            ssl.SSLError: the certificate is invalid; the former one stays in use.
        """
        # Always a new context: a context keeps one certificate per kind of key, so the former one would still be served
        # to some clients, and a certificate without its key would be kept in part.
        context = _context()
        _load(context, certificate)
        _request_client_certificate(context, self._client_authorities)
        self._current = context

    def trust_clients_of(self, authorities: bytes) -> None:
        """Verify client certificates against these authorities (PEM) on new connections. Empty: request none."""
        if authorities == self._client_authorities:
            return
        self._client_authorities = authorities
        for context in (self.context, self._current):
            _request_client_certificate(context, authorities)

    def _select_context(
        self, connection: ssl.SSLSocket | ssl.SSLObject, _host: str | None, _context: ssl.SSLContext
    ) -> None:
        connection.context = self._current


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _request_client_certificate(context: ssl.SSLContext, authorities: bytes) -> None:
    """Request a certificate, but do not require one: most API servers do not present any.

    The server names the authorities that it accepts, and Go's clients present only certificates of these.
    """
    if not authorities:
        context.verify_mode = ssl.CERT_NONE
        return
    context.load_verify_locations(cadata=authorities.decode())
    context.verify_mode = ssl.CERT_OPTIONAL


def _load(context: ssl.SSLContext, certificate: Certificate) -> None:
    # OpenSSL reads only files, and the file system may be read-only, so the file is in memory where that is possible.
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("webhook-certificate")
        with os.fdopen(descriptor, "wb") as file:
            file.write(certificate.chain_and_key)
            file.flush()
            context.load_cert_chain(f"/proc/self/fd/{descriptor}")
        return
    with tempfile.NamedTemporaryFile() as file:
        file.write(certificate.chain_and_key)
        file.flush()
        context.load_cert_chain(file.name)
