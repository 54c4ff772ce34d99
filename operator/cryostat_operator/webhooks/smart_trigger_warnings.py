"""Reads the smart triggers that a pod requests, and returns warnings about those that its agent ignores."""

from __future__ import annotations

import asyncio

from ..kube.errors import ApiError
from ..plan.injection.labels import requested_options
from ..plan.injection.smart_triggers import ignored_triggers
from ..plan.model.kinds import Obj
from ..settings import Settings
from .cluster_reader import ClusterReader

MAX_CONFIG_MAPS = 8  # that are read for one review
# Seconds. After this time, the agent is added without a warning.
READ_TIMEOUT = 0.5


async def smart_trigger_warnings(reader: ClusterReader, namespace: str, pod: Obj, settings: Settings) -> list[str]:
    """Return a warning for each ConfigMap whose smart triggers the agent ignores.

    Args:
        reader: reads the ConfigMaps; only pods that request smart triggers cause requests.
        namespace: the namespace of the pod.
        pod: a pod or pod template with the labels of the agent.
        settings: they name the agent's image.
    """
    options = requested_options(pod).options
    names = options.smart_triggers[:MAX_CONFIG_MAPS] if options else ()
    try:
        async with asyncio.timeout(READ_TIMEOUT):
            found = await asyncio.gather(*(reader.config_map(namespace, name) for name in names))
    except (ApiError, TimeoutError):
        return []
    known = {name: content for name, content in zip(names, found, strict=True) if content is not None}
    return ignored_triggers(namespace, known, settings.images["agent-init"].reference)
