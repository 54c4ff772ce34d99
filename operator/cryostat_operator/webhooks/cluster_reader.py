"""Reads the cluster for the webhooks: from the caches of the observer, and with GET requests for all else."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Protocol

from ..api.base import DNS_SUBDOMAIN
from ..api.v1beta2 import Cryostat
from ..fair_slots import FairSlots
from ..kube.client import Client, accept_metadata
from ..kube.errors import ApiError
from ..kube.events import EventRecorder
from ..observe.cryostats import CryostatStore
from ..observe.observer import Observer
from ..observe.planning import identity_of
from ..observe.records import content_summary
from ..plan.model.kinds import InstanceKey, Key, Obj, cryostat_path, path_of
from ..plan.model.problems import Problem
from ..plan.model.reasons import Reason
from ..plan.model.snapshot import ContentSummary, Snapshot
from ..settings import Settings

MAX_NAME_LENGTH = 253
COUNT_TIMEOUT = 0.5  # seconds; a review must end in time, see `server.ANSWER_TIMEOUT`
MAX_CONCURRENT_READS = 8  # of Secrets and ConfigMaps, each of which can have a MiB
MAX_CONCURRENT_LOOKUPS = 8  # of Cryostats: every pod can name one that does not exist, and requests share connections
# The configuration with which the OpenShift cluster was installed. It never changes.
INSTALL_CONFIG = Key("ConfigMap", "kube-system", "cluster-config-v1")

# Parts of a snapshot that are about one Cryostat; the others are about the cluster and the namespaces in the review.
INSTANCE_FIELDS = (
    "ca_certificate",
    "certificates",
    "data",
    "first_uids",
    "in_sync",
    "live",
    "stopping",
    "terminating",
)
_NOTHING = Snapshot()


class ClusterReader(Protocol):
    """The reads of the cluster, and the one write, that the reviews need."""

    @property
    def openshift(self) -> bool:
        """Whether the cluster is OpenShift."""

    @property
    def platform_known(self) -> bool:
        """Whether `openshift` is known; it is not before the first discovery of APIs."""

    def snapshot(self, cryostat: Cryostat, settings: Settings) -> Snapshot | None:
        """Return the snapshot for a Cryostat, None while the caches are incomplete.

        It has objects of the Cryostat only if the UID is that of the known one: a caller may have made the UID up.
        """

    async def cryostat(self, namespace: str, name: str) -> Obj | None:
        """Return a Cryostat as stored, None if it does not exist. Raises ApiError."""

    async def count(self, namespace: str) -> int:
        """Return the number of Cryostats in a namespace; that of the known ones if the API server does not answer."""

    def text_lengths(self, namespace: str) -> Mapping[str, int]:
        """Return the number of characters of text in the spec of each known Cryostat in a namespace, by name."""

    async def content(self, kind: str, namespace: str, name: str) -> ContentSummary | None:
        """Return the keys of a Secret or ConfigMap, None if it does not exist. Raises ApiError."""

    async def config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """Return the texts of a ConfigMap by key, None if it does not exist. Raises ApiError."""

    async def fips(self) -> bool:
        """Return whether the nodes of an OpenShift cluster run in FIPS mode. Raises ApiError."""

    async def record_event(self, cryostat: Obj, reason: Reason, message: str) -> None:
        """Record a Warning event on a Cryostat."""


class CachedReader:
    """The `ClusterReader` of the running operator.

    Args:
        client: for GET requests and events.
        observer: the caches of the cluster.
        cryostats: the cached Cryostats.
        is_ready: whether the caches are complete.
    """

    def __init__(
        self,
        client: Client,
        observer: Observer,
        cryostats: CryostatStore,
        is_ready: Callable[[], bool],
    ) -> None:
        self._client = client
        self._observer = observer
        self._cryostats = cryostats
        self._is_ready = is_ready
        self._events = EventRecorder(client)
        self._fips: bool | None = None  # None: unknown
        self._reads = FairSlots(MAX_CONCURRENT_READS)  # the namespaces take turns
        self._lookups = FairSlots(MAX_CONCURRENT_LOOKUPS)

    @property
    def openshift(self) -> bool:
        return self._observer.openshift

    @property
    def platform_known(self) -> bool:
        return self._observer.platform_known

    def snapshot(self, cryostat: Cryostat, settings: Settings) -> Snapshot | None:
        if not self._is_ready():
            return None
        instance_key, uid, targets = identity_of(cryostat, settings)
        found = self._observer.cached_snapshot(instance_key, uid, targets)
        known = self._cryostats.get(instance_key)
        if known is not None and known["metadata"]["uid"] == uid:
            return found
        # Users who can read the Cryostat know its UID. An answer must not reveal its objects to others.
        return replace(found, **{name: getattr(_NOTHING, name) for name in INSTANCE_FIELDS})

    async def count(self, namespace: str) -> int:
        known = sum(instance_key.namespace == namespace for instance_key in self._cryostats)
        if not _are_valid_names(namespace):
            return known
        # The cache does not have those that were created in the last moments, which can be hundreds.
        path, accept = cryostat_path(namespace), accept_metadata("PartialObjectMetadataList")
        try:
            async with asyncio.timeout(COUNT_TIMEOUT), self._lookups.slot(namespace):
                page = await self._client.request("GET", path, params={"limit": "1"}, accept=accept)
        except (ApiError, TimeoutError):
            return known
        # The API server may leave out the number of further items.
        listed = len(page.get("items") or ()) + int((page.get("metadata") or {}).get("remainingItemCount") or 0)
        return max(known, listed)

    def text_lengths(self, namespace: str) -> Mapping[str, int]:
        return self._cryostats.text_lengths(namespace)

    async def content(self, kind: str, namespace: str, name: str) -> ContentSummary | None:
        if not _are_valid_names(namespace, name):
            return None
        async with self._reads.slot(namespace):
            found = await self._client.get_or_none(path_of(Key(kind, namespace, name)))
            return content_summary(found) if found else None

    async def config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        if not _are_valid_names(namespace, name):
            return None
        async with self._reads.slot(namespace):
            found = await self._client.get_or_none(path_of(Key("ConfigMap", namespace, name)))
        return None if found is None else found.get("data") or {}

    async def fips(self) -> bool:
        if self._fips is None:
            found = await self._client.get_or_none(path_of(INSTALL_CONFIG)) if self.openshift else None
            text = ((found or {}).get("data") or {}).get("install-config") or ""
            self._fips = re.search(r"^\s*fips:\s*true\s*$", text, re.MULTILINE) is not None
        return self._fips

    async def cryostat(self, namespace: str, name: str) -> Obj | None:
        if not _are_valid_names(namespace, name):
            return None
        cached = self._cryostats.get(InstanceKey(namespace, name))
        if cached is not None:
            return cached
        async with self._lookups.slot(namespace):
            return await self._client.get_or_none(cryostat_path(namespace, name))

    def cryostats_not_being_deleted(self) -> Iterator[Obj]:
        """Yield the cached Cryostats that are not being deleted."""
        for instance_key in self._cryostats:
            found = self._cryostats.get(instance_key)
            if found is not None and "deletionTimestamp" not in found["metadata"]:
                yield found

    async def record_event(self, cryostat: Obj, reason: Reason, message: str) -> None:
        await self._events.record_once(cryostat, Problem("core", reason, message))


def _are_valid_names(*texts: str) -> bool:
    """Whether all of these are valid as names of objects.

    Reviews can be sent by any caller that reaches the port, and names become parts of URL paths.
    """
    return all(len(text) <= MAX_NAME_LENGTH and re.fullmatch(DNS_SUBDOMAIN, text) for text in texts)
