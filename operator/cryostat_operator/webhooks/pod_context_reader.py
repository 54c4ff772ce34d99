"""Reads what must be known about the cluster to add the agent to a pod."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from ..kube.errors import ApiError
from ..plan.injection.java_options import sources
from ..plan.injection.labels import requested_options
from ..plan.injection.pod_fields import NotInjectableError, PodContext, select_containers
from ..plan.instance import Instance
from ..plan.model import names
from ..plan.model.kinds import Key
from ..plan.model.snapshot import ContentSummary
from .cluster_reader import ClusterReader
from .reviews import AdmissionRequest

logger = logging.getLogger(__name__)

MAX_SOURCES = 32  # ConfigMaps and Secrets in `envFrom` that are read for one pod


class PodContextReader:
    """Reads the context of pods: ConfigMaps and Secrets of a pod, and the certificate of the agent."""

    def __init__(self, reader: ClusterReader) -> None:
        self._reader = reader

    async def read(self, request: AdmissionRequest, instance: Instance) -> PodContext:
        """Read what must be known to inject the agent.

        The keys of Secrets in `envFrom` are read only for the API server. The answer to other callers must not depend
        on them.
        """
        namespace = request.namespace
        options = requested_options(request.obj).options
        unread: set[tuple[str, str]] = set()
        with suppress(NotInjectableError):  # `inject_agent` raises the same error
            containers, _ = select_containers(request.obj, options.containers if options else ())
            # Several containers often have the same sources.
            found = dict.fromkeys((each.kind, each.name) for container in containers for each in sources(container))
            readable = [each for each in found if each[0] == "ConfigMap" or request.from_api_server]
            unread = set(readable[:MAX_SOURCES])
        certificate = names.agent_certificate(instance.namespace, instance.name, namespace)
        if instance.tls and Key("Secret", namespace, certificate) not in instance.snapshot.live:
            unread.add(("Secret", certificate))
        keys = await self._keys(namespace, unread)
        service = instance.snapshot.live.get(
            Key("Service", namespace, names.agent_callback_service(instance.namespace, instance.name)), {}
        )
        return PodContext(
            namespace,
            keys,
            certificate=keys.get(("Secret", certificate), frozenset()) is not None,
            fips=await self._fips() if instance.tls else False,
            ipv6=(service.get("spec", {}).get("ipFamilies") or [""])[0] == "IPv6",
        )

    async def _fips(self) -> bool:
        try:
            return await self._reader.fips()
        except ApiError as error:
            logger.warning("The FIPS mode of the cluster cannot be read, so it is assumed to be off: %s", error)
            return False

    async def _keys(
        self, namespace: str, objects: set[tuple[str, str]]
    ) -> dict[tuple[str, str], frozenset[str] | None]:
        """Return the keys of ConfigMaps and Secrets by (kind, name); without those that cannot be read."""
        keys: dict[tuple[str, str], frozenset[str] | None] = {}

        async def read(kind: str, name: str) -> None:
            try:
                found: ContentSummary | None = await self._reader.content(kind, namespace, name)
            except ApiError:
                return
            if found is None or not found.has_too_many_keys:  # else it counts as one that cannot be read
                keys[kind, name] = found.keys if found else None

        await asyncio.gather(*(read(kind, name) for kind, name in objects))
        return keys
