"""Which Cryostats exist, before kopf has delivered all of them."""

from __future__ import annotations

import asyncio
import logging

from ..api import constants
from ..kube.client import Client
from ..kube.errors import ApiError
from ..plan.model.kinds import InstanceKey, Obj, cryostat_path
from .cryostats import CryostatStore

logger = logging.getLogger(__name__)

POLL_INTERVAL = 2.0  # seconds between two requests for the CustomResourceDefinition, or for the Cryostats
MAX_IDLE_POLLS = 40  # polls without a new Cryostat from kopf, until the API server is asked again
_API = f"/apis/{constants.API_VERSION}"


class ListedCryostats:
    """The keys of all Cryostats, which the operator lists once, and those of which kopf has delivered no event.

    Attributes:
        is_read: whether the keys were read.
    """

    def __init__(self, client: Client, cryostats: CryostatStore) -> None:
        self._client = client
        self._cryostats = cryostats
        self._undelivered: set[InstanceKey] = set()
        self.is_read = False

    def exists(self, instance_key: InstanceKey) -> bool:
        """Return whether a Cryostat exists, as far as it is known."""
        return instance_key in self._undelivered or self._cryostats.get(instance_key) is not None

    def delivered(self, instance_key: InstanceKey) -> None:
        """Record that kopf has delivered an event of a Cryostat."""
        self._undelivered.discard(instance_key)

    async def wait_until_served(self) -> None:
        """Wait until the API server serves Cryostats."""
        waiting = f"Waiting for the CustomResourceDefinition {constants.PLURAL}.{constants.GROUP}"
        while True:
            try:
                served = await self._client.request("GET", _API)
                if any(resource["name"] == constants.PLURAL for resource in served.get("resources") or ()):
                    return
                logger.warning("%s. Install it", waiting)
            except ApiError as error:
                remedy = ". Install it" if error.status == 404 else ""
                logger.warning("%s: %s%s", waiting, error, remedy)
            await asyncio.sleep(POLL_INTERVAL)

    async def wait_until_delivered(self) -> None:
        """Wait until kopf has delivered every listed Cryostat. Before that, a Cryostat may seem not to exist."""
        if not self.is_read:
            await self.wait_until_served()
            await self.read()
        idle_polls = 0
        while self._undelivered:
            remaining = {
                instance_key for instance_key in self._undelivered if self._cryostats.get(instance_key) is None
            }
            idle_polls = idle_polls + 1 if remaining == self._undelivered else 0
            self._undelivered = remaining
            if idle_polls == MAX_IDLE_POLLS:
                idle_polls = 0
                await self._forget_deleted()
            await asyncio.sleep(POLL_INTERVAL / MAX_IDLE_POLLS)

    async def _forget_deleted(self) -> None:
        """Stop waiting for Cryostats that were deleted after they were listed: kopf may not deliver them."""
        try:
            self._undelivered &= await self._keys()
        except ApiError as error:
            logger.info("Cryostats that kopf has not delivered cannot be looked up: %s", error)

    async def read(self) -> None:
        """Read the keys of all Cryostats; nothing if they are not served. Retries until the API server answers.

        A refusal is retried, too: an API server that has just started refuses all requests until it has read the roles.
        """
        while not self.is_read:
            try:
                keys = await self._keys()
            except ApiError as error:
                if error.status == 404:
                    return
                logger.warning("List of Cryostats failed, retrying: %s", error)
                await asyncio.sleep(POLL_INTERVAL)
            else:
                self._undelivered = keys
                self.is_read = True

    async def _keys(self) -> set[InstanceKey]:
        """Return namespace and name of every Cryostat."""
        found: set[InstanceKey] = set()

        def add(obj: Obj) -> None:
            found.add(InstanceKey(obj["metadata"].get("namespace") or "", obj["metadata"]["name"]))

        await self._client.list_metadata(cryostat_path(), add)
        return found
