"""Asks the API server what other users may do (SubjectAccessReviews): in parallel, each question once."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from ..api.required_permissions import Permission
from ..kube.client import Client
from ..kube.connection import Connection
from ..kube.errors import ApiError

_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_AT_A_TIME = 48
_REMEMBERED_SECONDS = 5.0  # a permission that was taken away is noticed this late; refusals are never remembered
_MOST_REMEMBERED = 20_000

User = Mapping[str, Any]
"""`userInfo` of an AdmissionReview: username, uid, groups, extra."""


class AccessReviews:
    """The permissions of the users that write Cryostats."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._limit = asyncio.Semaphore(_AT_A_TIME)
        self._asked: dict[bytes, tuple[float, asyncio.Task[bool]]] = {}

    async def missing(self, user: User, wanted: Iterable[Permission]) -> list[Permission]:
        """The first ones of the wanted permissions that the user does not have, in their order; empty if he has all.

        Questions are asked in batches, so that thousands of one user keep nobody else waiting, and none is asked in
        vain, neither after a refusal nor after the asker has given up.

        Raises:
            ApiError: a review could not be made.
        """
        permissions = list(wanted)
        for start in range(0, len(permissions), _AT_A_TIME):
            batch = permissions[start : start + _AT_A_TIME]
            answers = await asyncio.gather(*(self._allowed(user, permission) for permission in batch))
            if missing := [permission for permission, allowed in zip(batch, answers, strict=True) if not allowed]:
                return missing
        return []

    async def _allowed(self, user: User, permission: Permission) -> bool:
        spec = {
            "user": user.get("username") or "",
            "groups": user.get("groups") or [],
            "uid": user.get("uid") or "",
            "extra": user.get("extra") or {},
            "resourceAttributes": permission.attributes,
        }
        key = orjson.dumps(spec, option=orjson.OPT_SORT_KEYS)
        known = self._asked.get(key)
        if known is None or known[0] < time.monotonic():
            task = asyncio.create_task(self._ask(spec))
            self._remember(key, task)
        else:
            task = known[1]
        # Others may wait for the same answer: one who gives up must not take it away from them.
        allowed = await asyncio.shield(task)
        if not allowed:
            self._asked.pop(key, None)
        return allowed

    async def _ask(self, spec: Mapping[str, Any]) -> bool:
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        async with self._limit:
            answer = await self._client.request("POST", _REVIEWS, body=review)
        status = answer.get("status") or {}
        return status.get("allowed") is True and status.get("denied") is not True

    def _remember(self, key: bytes, task: asyncio.Task[bool]) -> None:
        now = time.monotonic()
        if len(self._asked) >= _MOST_REMEMBERED:
            self._asked = {k: v for k, v in self._asked.items() if v[0] >= now}
            if len(self._asked) >= _MOST_REMEMBERED:
                self._asked.clear()
        self._asked[key] = (now + _REMEMBERED_SECONDS, task)
        task.add_done_callback(lambda done: self._forget_failure(key, done))

    def _forget_failure(self, key: bytes, task: asyncio.Task[bool]) -> None:
        if (task.cancelled() or task.exception() is not None) and self._asked.get(key, (0, None))[1] is task:
            self._asked.pop(key, None)


async def own_name(client: Client, connection: Connection) -> str:
    """The user name that the API server knows the operator by, empty where it cannot be found out."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        answer = await client.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=review)
        return str(answer["status"]["userInfo"]["username"])
    except (ApiError, KeyError):  # before Kubernetes 1.28
        return _subject(connection.headers().get("Authorization", ""))


def _subject(authorization: str) -> str:
    """The subject of a ServiceAccount's token; it is our own, so nobody needs to verify it."""
    parts = authorization.removeprefix("Bearer ").split(".")
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=="))
        return str(claims.get("sub") or "")
    except (IndexError, ValueError, AttributeError):
        return ""
