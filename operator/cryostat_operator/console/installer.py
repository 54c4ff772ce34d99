"""Installs the quick starts and YAML samples if the API server serves the kinds of the OpenShift console.

They cannot be part of the OLM bundle: OLM fails to install a bundle if the API server does not serve one of its kinds,
and the bundle must install on plain Kubernetes, too. Their owner is the CustomResourceDefinition of Cryostats: a
cluster-scoped object needs a cluster-scoped owner, and garbage collection deletes them together with the definition.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ..api import constants
from ..kube.client import Client, accept_metadata
from ..kube.errors import ApiError
from ..plan.model.kinds import FIELD_MANAGER, Obj, resource_path
from .extensions import GROUP, LABEL, OPERATOR, PLURALS, objects

logger = logging.getLogger(__name__)

RETRY_DELAY = 30.0  # seconds
_DEFINITION = f"{constants.PLURAL}.{constants.GROUP}"
_DEFINITIONS = resource_path("apiextensions.k8s.io", "v1", "customresourcedefinitions")


class ConsoleInstaller:
    """Creates missing quick starts and samples and restores changed ones, on the leader only.

    Args:
        client: reads and writes them.
        name_prefix: prefix of their names.
        enabled: whether this replica may write, and the API server serves the API of the console.
    """

    def __init__(self, client: Client, name_prefix: str, enabled: Callable[[], bool]) -> None:
        self._client = client
        self._name_prefix = name_prefix
        self._enabled = enabled
        self._requested = asyncio.Event()
        self._logged = ""  # the last error, which is not logged again while it lasts

    def request(self) -> None:
        """Have `run` check all objects soon. Called when a leadership term begins and when the served kinds change."""
        self._requested.set()

    async def run(self) -> None:
        """Check all objects after each request. Retries after errors; does not return."""
        while True:
            await self._requested.wait()
            self._requested.clear()
            try:
                is_done = not self._enabled() or await self.ensure()
                self._logged = ""
            except Exception as error:  # errors here must not stop the operator
                self._log(error)
                is_done = False
            if not is_done:
                await asyncio.sleep(RETRY_DELAY)
                self._requested.set()

    def _log(self, error: Exception) -> None:
        if str(error) != self._logged:
            logger.warning("Quick starts and samples of the console are not installed, retrying: %s", error)
        self._logged = str(error)

    async def ensure(self) -> bool:
        """Create what is missing and restore what differs. A kind that is not served is left out.

        Returns:
            False if the definition of Cryostats, which owns the objects, does not exist or is being deleted.

        Raises:
            ApiError: an object cannot be read or written.
        """
        owner = await self._owner()
        if owner is None:
            return False
        for obj in objects(self._name_prefix):
            obj["metadata"]["ownerReferences"] = [owner]
            await self._ensure(obj)
        return True

    async def _owner(self) -> Obj | None:
        """The owner reference to the definition of Cryostats; None if it does not exist or is being deleted."""
        # The operator may list definitions, and needs no permission to get one.
        found: list[Obj] = []
        query = {"fieldSelector": f"metadata.name={_DEFINITION}"}
        await self._client.list_page(_DEFINITIONS, found.append, query, accept_metadata("PartialObjectMetadataList"))
        definitions = [obj["metadata"] for obj in found if obj["metadata"]["name"] == _DEFINITION]
        uids = [each["uid"] for each in definitions if "deletionTimestamp" not in each]
        head = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "name": _DEFINITION}
        return {**head, "uid": uids[0]} if uids else None

    async def _ensure(self, obj: Obj) -> None:
        kind, name = obj["kind"], obj["metadata"]["name"]
        collection = resource_path(GROUP, "v1", PLURALS[kind])
        live = await self._client.get_or_none(f"{collection}/{name}")
        query = {"fieldManager": FIELD_MANAGER}
        if live is None:
            try:
                await self._client.request("POST", collection, body=obj, params=query)
            except ApiError as error:
                if error.status != 404:  # the kind is not served
                    raise
        elif (live["metadata"].get("labels") or {}).get(LABEL) != OPERATOR:
            text = (
                "%s %s lacks the label %s=%s, so the operator does not change it. Delete it to get that of the operator"
            )
            logger.warning(text, kind, name, LABEL, OPERATOR)
        elif restored := _restored(live, obj):
            await self._client.request("PUT", f"{collection}/{name}", body=restored, params=query)


def _restored(live: Obj, obj: Obj) -> Obj | None:
    """The live object with the desired owner and spec; None if it has them."""
    owners = obj["metadata"]["ownerReferences"]
    if live["spec"] == obj["spec"] and live["metadata"].get("ownerReferences") == owners:
        return None
    return {**live, "metadata": {**live["metadata"], "ownerReferences": owners}, "spec": obj["spec"]}
