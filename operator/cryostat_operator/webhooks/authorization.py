"""Checks permissions of users with SubjectAccessReviews. They are concurrent, and equal ones are sent once."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from ..api.permission import Permission
from ..fair_slots import FairSlots
from ..kube.client import Client
from ..kube.connection import Connection
from ..kube.errors import ApiError

REVIEWS_PATH = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
MAX_CONCURRENT = 48
CACHE_SECONDS = 5.0  # how long a granted permission is remembered; refusals are never remembered
MAX_CACHED = 20_000
MAX_USER_BYTES = 256 << 10  # each review in progress contains the user
_USER_FIELDS = {"username": "user", "uid": "uid", "groups": "groups", "extra": "extra"}  # in `userInfo`, in a review

User = Mapping[str, Any]
"""`userInfo` of an AdmissionReview: username, uid, groups, extra."""


class AccessReviews:
    """Checks the permissions of users who write Cryostats.

    Granted permissions are cached by a digest of the review, because user data in it can be large. If more reviews wait
    than can be sent, the callers of the webhooks take turns.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._slots = FairSlots(MAX_CONCURRENT)
        # By digest: when the entry expires, and the request. All entries live equally long, so the oldest is first.
        self._cache: dict[bytes, tuple[float, asyncio.Task[bool]]] = {}

    async def missing(self, user: User, required: Iterable[Permission], caller: str = "") -> list[Permission]:
        """Return permissions that the user does not have, in their order; empty if the user has all of them.

        The requests are sent in batches, so that thousands of one user do not delay those of others. No further batch
        is sent after a refusal or after the caller was canceled.

        Args:
            user: the user.
            required: the permissions.
            caller: address of the caller of the webhook.

        Raises:
            ApiError: a review failed, or the user data is too large for one.
        """
        permissions = list(required)
        content = orjson.dumps(_of_user(user), option=orjson.OPT_SORT_KEYS)
        if len(content) > MAX_USER_BYTES:
            message = f"the groups and other data of the user have {len(content)} bytes; {MAX_USER_BYTES} are allowed"
            raise ApiError(413, "RequestEntityTooLarge", message)
        digest = hashlib.sha256(content).digest()
        for start in range(0, len(permissions), MAX_CONCURRENT):
            batch = permissions[start : start + MAX_CONCURRENT]
            answers = await asyncio.gather(*(self._is_allowed(user, digest, each, caller) for each in batch))
            if missing := [permission for permission, allowed in zip(batch, answers, strict=True) if not allowed]:
                return missing
        return []

    async def _is_allowed(self, user: User, user_digest: bytes, permission: Permission, caller: str) -> bool:
        attributes = orjson.dumps(permission.attributes, option=orjson.OPT_SORT_KEYS)
        digest = hashlib.sha256(user_digest + attributes).digest()
        self._purge()
        cached = self._cache.get(digest)
        if cached is None:
            task = asyncio.create_task(self._review(user, permission, caller))
            self._remember(digest, task)
        else:
            task = cached[1]
        # Several reviews may wait for one answer: if one of them is canceled, the others still need it.
        allowed = await asyncio.shield(task)
        if not allowed:
            self._cache.pop(digest, None)
        return allowed

    async def _review(self, user: User, permission: Permission, caller: str) -> bool:
        spec = {**_of_user(user), "resourceAttributes": permission.attributes}
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        async with self._slots.slot(caller):
            answer = await self._client.request("POST", REVIEWS_PATH, body=review)
        status = answer.get("status") or {}
        return status.get("allowed") is True and status.get("denied") is not True

    def _purge(self) -> None:
        """Remove expired entries."""
        now = time.monotonic()
        while self._cache:
            digest = next(iter(self._cache))
            if self._cache[digest][0] > now:
                return
            del self._cache[digest]

    def _remember(self, digest: bytes, task: asyncio.Task[bool]) -> None:
        while len(self._cache) >= MAX_CACHED:
            del self._cache[next(iter(self._cache))]
        self._cache[digest] = (time.monotonic() + CACHE_SECONDS, task)
        task.add_done_callback(lambda done: self._forget_failure(digest, done))

    def _forget_failure(self, digest: bytes, task: asyncio.Task[bool]) -> None:
        failed = task.cancelled() or task.exception() is not None
        if failed and self._cache.get(digest, (0, None))[1] is task:
            self._cache.pop(digest, None)


def _of_user(user: User) -> dict[str, Any]:
    """Return the fields of a SubjectAccessReview that describe the user."""
    return {field: user[name] for name, field in _USER_FIELDS.items() if user.get(name)}


async def own_user_name(client: Client, connection: Connection) -> str:
    """Return the name of the operator's user at the API server; empty if it cannot be read."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        answer = await client.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=review)
        return str(answer["status"]["userInfo"]["username"])
    except (ApiError, KeyError):  # before Kubernetes 1.28
        return _subject_of_token(connection.headers().get("Authorization", ""))


def _subject_of_token(authorization: str) -> str:
    """Return the subject of the operator's own ServiceAccount token. Its signature need not be verified."""
    parts = authorization.removeprefix("Bearer ").split(".")
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=="))
        return str(claims.get("sub") or "")
    except (IndexError, ValueError, AttributeError):
        return ""
