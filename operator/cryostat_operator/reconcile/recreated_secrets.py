"""Recreates Secrets whose data cannot be updated: deletes each one, and creates it with its former values.

If SIGKILL or a failure of its node ends the process between the two requests, the values are lost. The next reconcile
generates others: another password of the login, other keys of the storage, another authority. A copy in a second Secret
would prevent this, but the next process would have to find, use and remove it. No copy is written, because all of these
values can be replaced. The keys of a database with a claim cannot. Therefore their Secret is never recreated:
`plan.components.database_secret` blocks it while it lacks a key.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from ..kube.client import Client
from ..kube.errors import NOT_LEADING, ApiError, ApiUnavailable
from ..observe.owned_objects import OwnedObjects
from ..plan.model.kinds import InstanceKey, Key, Obj
from .secret_provider import EncodedData

logger = logging.getLogger(__name__)

RECREATE_DELAYS = (0.2, 0.5, 1.0, 2.0, 4.0)  # seconds: a quota counts a deleted object for a moment


class RecreatedSecrets:
    """Recreates Secrets. Between the two requests, only this process has the values.

    Therefore a recreation that began is finished, also if its reconcile is canceled or this replica loses leadership.
    If the Secret cannot be created after all, its values are kept for the next creation.
    """

    def __init__(self, client: Client, owned: OwnedObjects) -> None:
        self._client = client
        self._owned = owned
        self._tasks: dict[Key, asyncio.Task[Obj]] = {}
        self._values: dict[InstanceKey, dict[Key, EncodedData]] = {}

    async def recreate(self, instance_key: InstanceKey, key: Key, body: Obj, uid: str) -> Obj:
        """Delete a Secret and create it. If this call is canceled, both continue.

        Args:
            body: the Secret to create.
            uid: of the Secret to delete.

        Returns:
            The created Secret.

        Raises:
            ApiError: the Secret was not deleted, or still cannot be created.
        """
        task = asyncio.create_task(self._recreate(instance_key, key, body, uid), name=f"recreate {key}")
        self._tasks[key] = task
        task.add_done_callback(lambda _: self._tasks.pop(key, None))
        return await asyncio.shield(task)

    async def wait_for(self, key: Key) -> None:
        """Wait until a Secret is not being recreated, also by a reconcile that was canceled."""
        if task := self._tasks.get(key):
            await asyncio.wait({task})

    async def former_values(self, instance_key: InstanceKey, key: Key) -> EncodedData:
        """Wait until the Secret is not being recreated. Return the values that it had, if it could not be created."""
        await self.wait_for(key)
        return self._values.get(instance_key, {}).get(key, {})

    def forget(self, instance_key: InstanceKey, key: Key | None = None) -> None:
        """Forget the values of a Secret that exists again; of all Secrets of an instance if `key` is None."""
        if key is None:
            self._values.pop(instance_key, None)
        else:
            self._values.get(instance_key, {}).pop(key, None)

    async def wait_idle(self) -> None:
        """Wait until no Secret is being recreated."""
        while self._tasks:
            await asyncio.wait(set(self._tasks.values()))

    async def _recreate(self, instance_key: InstanceKey, key: Key, body: Obj, uid: str) -> Obj:
        try:
            await self._client.delete(key, uid)
        except ApiUnavailable as error:
            if error.reason == NOT_LEADING:
                raise
            # It may be deleted without a response.
        self._owned.deletions.add_own(instance_key, key, uid)
        self._values.setdefault(instance_key, {})[key] = body["data"]
        for delay in RECREATE_DELAYS:
            try:
                return await self._create(instance_key, key, body, uid)
            except ApiError as error:
                if error.reason == "AlreadyExists":
                    raise
                logger.warning("%s cannot be created again, retrying in %.1f s: %s", key, delay, error.message)
            await asyncio.sleep(delay)
        return await self._create(instance_key, key, body, uid)

    async def _create(self, instance_key: InstanceKey, key: Key, body: Obj, uid: str) -> Obj:
        """Create the Secret also without leadership: it overwrites nothing that another replica wrote."""
        try:
            created = await self._client.create(body, must_lead=False)
        except ApiError as error:
            if error.reason == "AlreadyExists":
                await self._forget_if_stored(instance_key, key, uid)
            raise
        self.forget(instance_key, key)
        return created

    async def _forget_if_stored(self, instance_key: InstanceKey, key: Key, uid: str) -> None:
        """Forget the values if the Secret was not deleted, or has values of another client.

        While a finalizer delays the deletion of the Secret, the values are still needed.
        """
        with suppress(ApiError):
            live = await self._client.get_or_none(key)
            if live and (live["metadata"]["uid"] != uid or "deletionTimestamp" not in live["metadata"]):
                self.forget(instance_key, key)
