"""Provides the content of ordered Secrets for one round of writes; it is forgotten when the round is over."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from ..kube.client import Client
from ..kube.errors import ApiError
from ..pki import authority
from ..plan.diff.plan_diff import Change
from ..plan.model.kinds import Key
from ..plan.model.requests import CertificateRequest, CopyRequest, Request, SecretRequest
from .secret_values import mint

Values = Mapping[str, str]
"""Base64 values of a Secret by key."""

# Keys take tens of milliseconds of a core each; the event loop and the API server need some time too.
_THREADS = ThreadPoolExecutor(2, thread_name_prefix="keys")


class SecretProvider:
    """Values for the orders of some actions on one Cryostat. Sources are read once, however many orders need them."""

    def __init__(self, client: Client, actions: Iterable[Change]) -> None:
        self._client = client
        self._ca_change = next((a for a in actions if _is_ca_request(a)), None)
        self._reads: dict[Key, asyncio.Task[dict[str, bytes]]] = {}
        self._ca_task: asyncio.Task[authority.Data] | None = None

    async def close(self) -> None:
        """Stop what is under way."""
        tasks = [*self._reads.values(), *([self._ca_task] if self._ca_task else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def prepare(self, action: Change) -> Values | None:
        """Values that do not depend on what the Secret holds now; None where there are no such.

        Raises:
            ApiError: a source cannot be read, or is of no use.
        """
        if isinstance(action.order, CertificateRequest):
            return _encoded(await self._certificate(action.order))
        if isinstance(action.order, CopyRequest):
            source = await self._read(action.order.source)
            missing = sorted(origin for origin in action.order.values.values() if origin not in source)
            if missing:
                raise ApiError(409, "Conflict", f"{action.order.source} lacks {', '.join(missing)}")
            return _encoded({key: source[origin] for key, origin in action.order.values.items()})
        return None

    async def _certificate(self, order: CertificateRequest) -> authority.Data:
        if order.authority is None:
            return await self._found()
        if self._ca_change and self._ca_change.key == order.authority:
            data = await self._found()
        else:
            data = await self._read(order.authority)
        password = (await self._read(order.password[0])).get(order.password[1]) if order.password else None
        return await _in_thread(_issue, order, data, password)

    async def _found(self) -> authority.Data:
        assert self._ca_change
        if self._ca_task is None:
            self._ca_task = asyncio.create_task(self._ensure_ca(self._ca_change))
        return await asyncio.shield(self._ca_task)

    async def _ensure_ca(self, action: Change) -> authority.Data:
        existing = {} if action.verb == "create" else await self._read(action.key)
        return await _in_thread(authority.found, action.order, existing, time.time())

    async def _read(self, key: Key) -> dict[str, bytes]:
        if key not in self._reads:
            self._reads[key] = asyncio.create_task(self._fetch(key))
        return await asyncio.shield(self._reads[key])

    async def _fetch(self, key: Key) -> dict[str, bytes]:
        data = (await self._client.get(key)).get("data") or {}
        return {name: base64.b64decode(value) for name, value in data.items()}


@dataclass(frozen=True)
class SecretContent:
    """The content of one Secret: what was prepared, else what `order` asks to mint; nothing new without an order."""

    order: Request | None
    prepared: Values | None

    async def around(self, existing: Values) -> Values:
        """What the Secret holds, with all that was ordered in it."""
        if isinstance(self.order, SecretRequest):
            return await asyncio.to_thread(mint, self.order.values, existing)
        if isinstance(self.order, CopyRequest):
            return self.prepared or {}
        return {**existing, **(self.prepared or {})}


def _is_ca_request(action: Change) -> bool:
    return isinstance(action.order, CertificateRequest) and action.order.authority is None


def _issue(order: CertificateRequest, ca_data: authority.Data, password: bytes | None) -> authority.Data:
    try:
        signer = authority.CertificateAuthority.of(ca_data)
    except ValueError:
        raise ApiError(409, "Conflict", f"{order.authority} holds no usable authority") from None
    return authority.issue(order, signer, password, time.time())


async def _in_thread(function: object, *arguments: object) -> authority.Data:
    assert callable(function)
    data: authority.Data = await asyncio.get_running_loop().run_in_executor(_THREADS, partial(function, *arguments))
    return data


def _encoded(data: Mapping[str, bytes]) -> Values:
    return {key: base64.b64encode(value).decode() for key, value in data.items()}
