"""Reads objects with the permissions of the user. A refused read is recorded and is not an error."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..kube.client import Client
from ..kube.errors import ApiError
from ..plan.model.kinds import Kind, Obj, resource_path
from ..printable import printable

_NOT_READABLE = (401, 403)
_PARALLEL_REQUESTS = 8


def refusal(plural: str, namespace: str) -> str:
    """Return the sentence about a list that the user may not read; an empty namespace means all."""
    place = f"in namespace {namespace}" if namespace else "in all namespaces"
    return f"You may not list {plural} {place}, so they are not shown."


@dataclass
class ListReader:
    """Reads lists of objects and records what the user may not read.

    Attributes:
        client: the API server with the credentials of the user.
        unreadable: one sentence for each list that was refused, each once, in the order of the requests.
    """

    client: Client
    unreadable: dict[str, None] = field(default_factory=dict)
    _requests: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_PARALLEL_REQUESTS))

    async def read_list(
        self, group: str, version: str, plural: str, namespace: str = "", selector: str = "", fields: str = ""
    ) -> list[Obj] | None:
        """List objects; empty if the API is not served, None if the user may not read them.

        Args:
            namespace: empty for all namespaces.
            selector: label selector.
            fields: field selector.

        Raises:
            ApiError: the API server does not answer, or refuses for another reason than permissions.
        """
        params = {name: text for name, text in (("labelSelector", selector), ("fieldSelector", fields)) if text}
        try:
            async with self._requests:
                answer = await self.client.request(
                    "GET", resource_path(group, version, plural, namespace), params=params
                )
        except ApiError as error:
            if error.status == 404:
                return []
            if error.status not in _NOT_READABLE:
                raise
            self.unreadable[refusal(plural, namespace)] = None
            return None
        return [dict(printable(item)) for item in answer.get("items") or ()]

    async def read_anywhere(self, kind: Kind, namespaces: Iterable[str], selector: str) -> list[Obj]:
        """List objects of a kind in all namespaces, or in those given if the user may not read all."""
        before = dict(self.unreadable)
        found = await self.read_list(kind.group, kind.version, kind.plural, "", selector)
        if found is None and kind.namespaced:
            self.unreadable = before
            lists = [
                await self.read_list(kind.group, kind.version, kind.plural, each, selector)
                for each in dict.fromkeys(namespaces)
            ]
            found = [obj for objects in lists for obj in objects or ()]
        return [{**obj, "apiVersion": kind.api_version, "kind": kind.kind} for obj in found or ()]

    async def is_missing(self, namespace: str) -> bool:
        """Return whether a namespace is known not to exist: lists of its objects are empty then."""
        try:
            async with self._requests:
                await self.client.request("GET", resource_path("", "v1", "namespaces", "", namespace))
        except ApiError as error:
            if error.status not in (404, *_NOT_READABLE):
                raise
            return error.status == 404
        return False
