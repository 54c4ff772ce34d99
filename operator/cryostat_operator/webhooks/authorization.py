"""Checks permissions of users with SubjectAccessReviews. They are concurrent, and equal ones are sent once."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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
    than can be sent, the callers of the webhooks take turns, and so do the namespaces in the reviews of one caller,
    because the API server calls for all users. A review is not sent if all requests that waited for it have ended.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._slots = FairSlots(MAX_CONCURRENT)
        self._cache: dict[bytes, _Review] = {}  # by digest. All entries live equally long, so the oldest is first

    async def missing(
        self, user: User, required: Iterable[Permission], caller: str = "", namespace: str = ""
    ) -> list[Permission]:
        """Return permissions that the user does not have, in their order; empty if the user has all of them.

        The requests are sent in batches, so that thousands of one user do not delay those of others. No further batch
        is sent after a refusal or after the caller was canceled.

        Args:
            user: the user.
            required: the permissions.
            caller: address of the caller of the webhook.
            namespace: of the object that the user writes.

        Raises:
            ApiError: a review failed, or the user data is too large for one.
        """
        permissions = list(required)
        content = orjson.dumps(_of_user(user), option=orjson.OPT_SORT_KEYS)
        if len(content) > MAX_USER_BYTES:
            size = f"{len(content)} bytes; at most {MAX_USER_BYTES} are allowed"
            raise ApiError(413, "RequestEntityTooLarge", f"the groups and other data of the user have {size}")
        digest = hashlib.sha256(content).digest()
        for start in range(0, len(permissions), MAX_CONCURRENT):
            batch = permissions[start : start + MAX_CONCURRENT]
            turn = caller, namespace
            answers = await asyncio.gather(*(self._is_allowed(user, digest, each, turn) for each in batch))
            if missing := [permission for permission, allowed in zip(batch, answers, strict=True) if not allowed]:
                return missing
        return []

    async def _is_allowed(self, user: User, user_digest: bytes, permission: Permission, turn: tuple[str, str]) -> bool:
        attributes = orjson.dumps(permission.attributes, option=orjson.OPT_SORT_KEYS)
        digest = hashlib.sha256(user_digest + attributes).digest()
        self._purge()
        review = self._cache.get(digest)
        if review is None:
            review = _Review(time.monotonic() + CACHE_SECONDS)
            review.task = asyncio.create_task(self._send(review, user, permission, turn))
            self._remember(digest, review)
        # Several requests may wait for one answer: if one of them is canceled, the others still need it.
        review.waiting += 1
        try:
            allowed = await asyncio.shield(review.task)
        finally:
            review.waiting -= 1
            if not review.waiting and not review.sent:
                self._forget(digest, review)
                review.task.cancel()
        if not allowed:
            self._forget(digest, review)
        return allowed

    async def _send(self, review: _Review, user: User, permission: Permission, turn: tuple[str, str]) -> bool:
        spec = {**_of_user(user), "resourceAttributes": permission.attributes}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        async with self._slots.slot(*turn):
            review.sent = True
            answer = await self._client.request("POST", REVIEWS_PATH, body=body)
        status = answer.get("status") or {}
        return status.get("allowed") is True and status.get("denied") is not True

    def _purge(self) -> None:
        """Remove expired entries."""
        now = time.monotonic()
        while self._cache:
            digest = next(iter(self._cache))
            if self._cache[digest].expires > now:
                return
            del self._cache[digest]

    def _remember(self, digest: bytes, review: _Review) -> None:
        while len(self._cache) >= MAX_CACHED:
            del self._cache[next(iter(self._cache))]
        self._cache[digest] = review
        review.task.add_done_callback(lambda _: self._forget_failure(digest, review))

    def _forget_failure(self, digest: bytes, review: _Review) -> None:
        if review.task.cancelled() or review.task.exception() is not None:
            self._forget(digest, review)

    def _forget(self, digest: bytes, review: _Review) -> None:
        if self._cache.get(digest) is review:
            del self._cache[digest]


@dataclass(eq=False)
class _Review:
    """A SubjectAccessReview that waits, was sent or was answered.

    Attributes:
        expires: when its answer is forgotten.
        task: sends it.
        waiting: how many requests wait for its answer.
        sent: whether it has a slot, and is sent.
    """

    expires: float
    task: asyncio.Task[bool] = field(init=False)
    waiting: int = 0
    sent: bool = False


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
