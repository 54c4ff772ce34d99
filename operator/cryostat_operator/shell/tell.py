"""Tells people: the status of a Cryostat, and one Kubernetes Event per cause."""

from __future__ import annotations

import datetime
import hashlib
import logging
from collections.abc import Iterable

from ..cluster.client import MERGE_PATCH, ApiError, Client, resource_path
from ..desired import names
from ..desired.plan import Obj, Problem

logger = logging.getLogger(__name__)

COMPONENT = "cryostat-operator"
_MOST_TOLD = 10_000  # causes remembered; after that the oldest knowledge is dropped and an event may repeat


def now() -> str:
    """The current time in the form that Kubernetes uses."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Teller:
    """Writes statuses and events, each only when it says something new."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._told: dict[str, None] = {}

    async def status(self, cr: Obj, status: Obj) -> Obj | None:
        """Write the status where it differs from the one that the Cryostat has; the Cryostat as it is then."""
        before = cr.get("status") or {}
        if before == status:
            return None
        patch = {"status": {**{k: None for k in before if k not in status}, **status}}
        metadata = cr["metadata"]
        path = resource_path(names.GROUP, names.VERSION, names.PLURAL, metadata["namespace"], metadata["name"])
        return await self._client.request("PATCH", f"{path}/status", body=patch, content_type=MERGE_PATCH)

    async def events(self, cr: Obj, problems: Iterable[Problem]) -> None:
        """An event for each problem or notice that the conditions of the Cryostat did not tell before."""
        known = {
            sentence
            for condition in (cr.get("status") or {}).get("conditions") or ()
            for sentence in str(condition.get("message")).split("; ")
        }
        for problem in problems:
            if problem.message not in known:
                await self.event(cr, "Warning" if problem.warning else "Normal", problem.reason, problem.message)

    async def event(self, cr: Obj, kind: str, reason: str, message: str) -> None:
        """One event, once: its name is made of what it says, so that even a restarted operator cannot repeat it."""
        metadata = cr["metadata"]
        digest = hashlib.sha256(f"{metadata['uid']}/{reason}/{message}".encode()).hexdigest()[:16]
        if digest in self._told:
            return
        stamp = now()
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{metadata['name']}.{digest}", "namespace": metadata["namespace"]},
            "involvedObject": {
                "apiVersion": names.API_VERSION,
                "kind": names.KIND,
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "uid": metadata["uid"],
            },
            "type": kind,
            "reason": reason,
            "message": message[:1024],
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
        }
        try:
            await self._client.request("POST", f"/api/v1/namespaces/{metadata['namespace']}/events", body=event)
        except ApiError as error:
            if error.status != 409:  # told before this process began
                logger.info("Event %s: %s", reason, error)
                if error.status not in (403, 404):  # a namespace that is going away takes no events
                    return
        self._told[digest] = None
        while len(self._told) > _MOST_TOLD:
            self._told.pop(next(iter(self._told)))
