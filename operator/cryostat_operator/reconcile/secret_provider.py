"""Provides the content of requested Secrets for the writes of one pass. Nothing is kept after the pass."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from ..kube.client import Client
from ..kube.errors import ApiError
from ..pki import authority
from ..plan.diff.plan_diff import Change
from ..plan.model.kinds import Key
from ..plan.model.requests import CertificateRequest, CopyRequest, Request, SecretRequest
from .secret_values import generate_values

EncodedData = Mapping[str, str]
"""Base64 values of a Secret by key."""

# To generate a key takes a core for tens of milliseconds. With two threads, the event loop still gets its turn.
_THREADS = ThreadPoolExecutor(2, thread_name_prefix="keys")


class SecretProvider:
    """Provides content for the changes of one Cryostat. Each source Secret is read at most once."""

    def __init__(self, client: Client, changes: Iterable[Change]) -> None:
        self._client = client
        self._ca_change = next((change for change in changes if _is_ca_request(change)), None)
        self._reads: dict[Key, asyncio.Task[dict[str, bytes]]] = {}
        self._ca_task: asyncio.Task[authority.Data] | None = None

    async def close(self) -> None:
        """Cancel all reads and the creation of the CA, and wait for their end."""
        tasks = [*self._reads.values(), *([self._ca_task] if self._ca_task else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def prepare(self, change: Change) -> EncodedData | None:
        """Return the values that do not depend on the current content of the Secret; None if there are none.

        Raises:
            ApiError: a source Secret cannot be read; with status 409 if it does not exist or lacks keys. A conflict is
                retried soon, and other writes create or complete the source meanwhile.
        """
        request = change.request
        if isinstance(request, CertificateRequest):
            return _encoded(await self._certificate(request))
        if isinstance(request, CopyRequest):
            return _encoded(await self._copy(request))
        return None

    async def _copy(self, request: CopyRequest) -> authority.Data:
        source = await self._read(request.source)
        missing = sorted(origin for origin in request.values.values() if origin not in source)
        if missing:
            raise ApiError(409, "Conflict", f"{request.source} lacks {', '.join(missing)}")
        return {key: source[origin] for key, origin in request.values.items()}

    async def _certificate(self, request: CertificateRequest) -> authority.Data:
        if request.ca is None:
            return await self._ca()
        if self._ca_change and self._ca_change.key == request.ca:
            ca_data = await self._ca()
        else:
            ca_data = await self._read(request.ca)
        password = await self._password(request)
        return await _in_thread(_issue, request, ca_data, password)

    async def _password(self, request: CertificateRequest) -> bytes | None:
        if not request.password:
            return None
        secret, key = request.password
        return (await self._read(secret)).get(key)

    async def _ca(self) -> authority.Data:
        assert self._ca_change
        if self._ca_task is None:
            self._ca_task = asyncio.create_task(self._ensure_ca(self._ca_change))
        return await asyncio.shield(self._ca_task)

    async def _ensure_ca(self, change: Change) -> authority.Data:
        existing = {} if change.verb == "create" else await self._read(change.key)
        return await _in_thread(authority.ensure_ca, change.request, existing, time.time())

    async def _read(self, key: Key) -> dict[str, bytes]:
        if key not in self._reads:
            self._reads[key] = asyncio.create_task(self._fetch(key))
        return await asyncio.shield(self._reads[key])

    async def _fetch(self, key: Key) -> dict[str, bytes]:
        found = await self._client.get_or_none(key)
        if found is None:
            raise ApiError(409, "Conflict", f"{key} was deleted meanwhile")
        data = found.get("data") or {}
        return {name: base64.b64decode(value) for name, value in data.items()}


@dataclass(frozen=True)
class SecretContent:
    """The new content of one Secret.

    Attributes:
        request: the content that it must have; None if only its metadata changes.
        prepared: values from `SecretProvider.prepare`.
    """

    request: Request | None
    prepared: EncodedData | None

    async def merged_with(self, existing: EncodedData) -> EncodedData:
        """Return existing values with all requested ones; a copy contains nothing else."""
        if isinstance(self.request, SecretRequest):
            return await asyncio.to_thread(generate_values, self.request.values, existing)
        if isinstance(self.request, CopyRequest):
            return self.prepared or {}
        return {**existing, **(self.prepared or {})}


def _is_ca_request(change: Change) -> bool:
    return isinstance(change.request, CertificateRequest) and change.request.ca is None


def _issue(request: CertificateRequest, ca_data: authority.Data, password: bytes | None) -> authority.Data:
    try:
        ca = authority.CertificateAuthority.from_data(ca_data)
    except ValueError:
        raise ApiError(409, "Conflict", f"{request.ca} contains no usable certificate authority") from None
    return authority.issue_certificate(request, ca, password, time.time())


async def _in_thread(function: Callable[..., authority.Data], *arguments: object) -> authority.Data:
    return await asyncio.get_running_loop().run_in_executor(_THREADS, partial(function, *arguments))


def _encoded(data: Mapping[str, bytes]) -> EncodedData:
    return {key: base64.b64encode(value).decode() for key, value in data.items()}
