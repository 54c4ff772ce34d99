"""Deletes the objects of Cryostats that no longer exist, for example after a user removed the finalizer."""

from __future__ import annotations

from ..api import constants
from ..kube.client import Client
from ..kube.errors import ApiError
from ..observe.owned_objects import OwnedObjects
from ..plan.diff.teardown import teardown
from ..plan.model.kinds import InstanceKey, cryostat_path
from .adoption import adoption_marker, is_orphaned
from .applier import Applier
from .work_queue import Result


class Orphans:
    """Collects the orphaned objects of Cryostats."""

    def __init__(self, client: Client, owned: OwnedObjects, applier: Applier) -> None:
        self._client = client
        self._owned = owned
        self._applier = applier

    async def collect(self, instance_key: InstanceKey) -> Result:
        """Delete the objects of a Cryostat that is not known, if the API server confirms that it does not exist.

        Garbage collection deletes the objects that have an owner reference. If those in the Cryostat's namespace have
        none, they stay.

        Raises:
            ApiError: the Cryostat could not be read.
        """
        if not self._owned.records(instance_key):
            return Result()
        try:
            await self._client.request("GET", cryostat_path(instance_key.namespace, instance_key.name))
        except ApiError as error:
            if not error.is_not_found(constants.PLURAL, instance_key.name):
                raise
        else:
            return Result()  # it was just created, and its ADDED event follows
        live = self._owned.live(instance_key)
        changes = teardown(instance_key, live)
        if any(change.key.namespace == instance_key.namespace for change in changes):
            marker = await self._client.get_or_none(adoption_marker(instance_key))
            changes = teardown(instance_key, live, orphaned=is_orphaned(marker))
        outcomes = await self._applier.write_all(instance_key, changes)
        return Result(failed=any(outcome.state == "refused" for outcome in outcomes))
