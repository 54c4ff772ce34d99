"""Decides who may read the metrics: reviews the token of the caller and the permission to get `/metrics`."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time

from ..kube.client import Client
from ..kube.errors import ApiError
from .authorization import REVIEWS_PATH

PATH = "/metrics"
TOKEN_REVIEWS_PATH = "/apis/authentication.k8s.io/v1/tokenreviews"  # noqa: S105 - a path, not a password
CACHE_SECONDS = 60.0  # how long an accepted token is remembered; refused ones are never remembered
# For this time after `CACHE_SECONDS`, a token is still accepted, but only while all concurrent reviews are in use.
GRACE_SECONDS = 600.0
MAX_CACHED = 64
MAX_CONCURRENT = 4  # reviews: every pod can send tokens, and each costs a request to the API server
REVIEW_TIMEOUT = 5.0  # seconds
# A JSON Web Token, as ServiceAccounts have it. Other tokens are refused without a review.
_BEARER = re.compile(r"Bearer ([\w-]+\.[\w-]+\.[\w-]+)", re.ASCII)


class MetricsAccess:
    """Reviews the tokens of callers of `/metrics`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._accepted: dict[bytes, float] = {}  # by digest of the token: when the entry expires, the oldest first
        self._reviews = 0

    async def check(self, authorization: str) -> int:
        """Return the HTTP status for a caller: 200, 401, 403, or 503 if the permission cannot be reviewed now.

        Args:
            authorization: the header of this name; the listener limits its length.
        """
        found = _BEARER.fullmatch(authorization)
        if not found:
            return 401
        digest = hashlib.sha256(found[1].encode()).digest()
        remaining = self._accepted.get(digest, -GRACE_SECONDS) - time.monotonic()
        if remaining > 0:
            return 200
        if self._reviews >= MAX_CONCURRENT:
            return 200 if remaining > -GRACE_SECONDS else 503
        self._reviews += 1
        try:
            async with asyncio.timeout(REVIEW_TIMEOUT):
                status = await self._review(found[1])
        except (ApiError, TimeoutError):
            return 503
        finally:
            self._reviews -= 1
        self._accepted.pop(digest, None)
        if status == 200:
            self._remember(digest)
        return status

    async def _review(self, token: str) -> int:
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
        answer = await self._client.request("POST", TOKEN_REVIEWS_PATH, body=review)
        status = answer.get("status") or {}
        if status.get("authenticated") is not True:
            return 401
        user = status.get("user") or {}
        spec = {
            "user": user.get("username") or "",
            "groups": user.get("groups") or [],
            "uid": user.get("uid") or "",
            "extra": user.get("extra") or {},
            "nonResourceAttributes": {"path": PATH, "verb": "get"},
        }
        access = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        answer = await self._client.request("POST", REVIEWS_PATH, body=access)
        allowed = (answer.get("status") or {}).get("allowed") is True
        return 200 if allowed else 403

    def _remember(self, digest: bytes) -> None:
        while len(self._accepted) >= MAX_CACHED:
            del self._accepted[next(iter(self._accepted))]
        self._accepted[digest] = time.monotonic() + CACHE_SECONDS
