"""Where the serving certificate comes from: mounted files if there are any, else a Secret that the operator manages."""

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

_ATTEMPTS = 5  # at writing the Secret, against other replicas that do the same


class NotMountedError(Exception):
    """Somebody else makes the certificate, and it is not there yet."""


class Certificate(NamedTuple):
    """A certificate chain with its key (PEM), and whom the API server has to trust: certificates in PEM.

    Attributes:
        ca_bundle: what it must be told, by us; empty where others tell it.
        meanwhile: what it may trust until those others have told it.
    """

    chain_and_key: bytes
    ca_bundle: bytes = b""
    meanwhile: bytes = b""


def from_files(directory: str) -> Certificate | None:
    """What is mounted (by OLM, cert-manager or OpenShift's service-ca), None while nothing is."""
    chain, key, authority = (
        _read(Path(directory) / name) for name in (serving.CERTIFICATE, serving.KEY, serving.CA_BUNDLE)
    )
    if not chain or not key:
        return None
    # Only cert-manager puts its authority beside the certificate. Failing that the certificate vouches for itself.
    return Certificate(chain + b"\n" + key, meanwhile=authority or chain)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


class ManagedSecret:
    """A Secret with an authority and a serving certificate, the same for all replicas."""

    def __init__(self, client: Client, namespace: str, name: str, hosts: Iterable[str]) -> None:
        self._client = client
        self._key = Key("Secret", namespace, name)
        self._hosts = tuple(hosts)

    async def certificate(self) -> Certificate:
        """The certificate, made or renewed first where that is due.

        Raises:
            ApiError: the Secret cannot be read or written.
        """
        for attempt in range(_ATTEMPTS):
            found = await self._client.get_or_none(self._key)
            data = {k: base64.b64decode(v) for k, v in ((found or {}).get("data") or {}).items()}
            wanted = serving.ensure_serving_certificate(data, self._hosts, datetime.datetime.now(datetime.UTC))
            if wanted == data:
                break
            try:
                await self._write(found, wanted)
                logger.info("New serving certificate for the webhooks in Secret %s", self._key.name)
                break
            except ApiError as error:
                if error.status != 409 or attempt == _ATTEMPTS - 1:
                    raise
        return Certificate(wanted[serving.CERTIFICATE] + wanted[serving.KEY], wanted[serving.CA_BUNDLE])

    async def _write(self, found: Obj | None, data: dict[str, bytes]) -> None:
        encoded = {k: base64.b64encode(v).decode() for k, v in data.items()}
        if found is not None:
            await self._client.replace(self._key, {**found, "data": encoded})
            return
        labels = {"app.kubernetes.io/name": "cryostat-operator", "app.kubernetes.io/part-of": "cryostat"}
        metadata = {"name": self._key.name, "namespace": self._key.namespace, "labels": labels}
        obj = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": metadata, "data": encoded}
        await self._client.create(obj)


class Serving:
    """The server's side of TLS: each new connection is served the certificate that was last used."""

    def __init__(self) -> None:
        self.context = self._current = _context()
        self.context.sni_callback = self._choose

    def use(self, certificate: Certificate) -> None:
        """Serve this certificate to all new connections; those that are open stay as they are.

        Raises:
            ssl.SSLError: it is unusable; the former one stays.
        """
        # Always a new context: a context keeps one certificate for each kind of key, so the former one would still be
        # served to some, and a certificate without its key would be kept by halves.
        context = _context()
        _load(context, certificate)
        self._current = context

    def _choose(self, connection: ssl.SSLSocket | ssl.SSLObject, _host: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._current


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _load(context: ssl.SSLContext, certificate: Certificate) -> None:
    # OpenSSL reads files only, and the operator's file system may be read-only: the file lives in memory if it can.
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
