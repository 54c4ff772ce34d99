"""How full volumes are. Only the kubelet knows: it reports the claims of the pods that run on its node."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..kube.client import Client
from ..kube.errors import ApiError
from ..plan.model.kinds import Obj, resource_path

NOT_READABLE = "You may not get nodes/proxy, so the use of volumes is not shown."
_SECONDS_PER_NODE = 3.0


@dataclass(frozen=True)
class VolumeUsage:
    """Bytes of a volume that are used, and its size in bytes."""

    used: int
    capacity: int

    @property
    def percent(self) -> int:
        """The used share, rounded to a whole percent."""
        return round(100 * self.used / self.capacity)


async def volume_usage(client: Client, namespace: str, pods: Iterable[Obj]) -> dict[str, VolumeUsage]:
    """Return the use of the claims that pods have mounted, by name of the claim.

    A claim is left out if its node does not answer within three seconds or does not measure this kind of volume.

    Raises:
        PermissionError: the user may not read statistics of nodes.
    """
    running = [pod for pod in pods if _is_running(pod)]
    mounted = {claim for pod in running for claim in _claims(pod)}
    nodes = dict.fromkeys(pod["spec"]["nodeName"] for pod in running if _claims(pod))
    summaries = await asyncio.gather(*(_summary(client, node) for node in nodes))
    measured = (each for summary in summaries for each in _measured(summary, namespace))
    return {claim: usage for claim, usage in measured if claim in mounted}


def _is_running(pod: Obj) -> bool:
    return bool(pod["spec"].get("nodeName")) and (pod.get("status") or {}).get("phase") == "Running"


def _claims(pod: Obj) -> list[str]:
    """Names of the claims of a pod."""
    sources = [volume.get("persistentVolumeClaim") for volume in pod["spec"].get("volumes") or ()]
    return [source["claimName"] for source in sources if source]


async def _summary(client: Client, node: str) -> Obj:
    """The statistics of a node; empty if it does not answer."""
    path = f"{resource_path('', 'v1', 'nodes', '', node)}/proxy/stats/summary"
    try:
        async with asyncio.timeout(_SECONDS_PER_NODE):
            return await client.request("GET", path)
    except ApiError as error:
        if error.status in (401, 403):
            raise PermissionError(NOT_READABLE) from None
    except TimeoutError:
        pass
    return {}


def _measured(summary: Mapping[str, object], namespace: str) -> Iterator[tuple[str, VolumeUsage]]:
    """Name and use of each claim of a namespace in a kubelet's statistics."""
    pods = summary.get("pods")
    for pod in pods if isinstance(pods, list) else ():
        for volume in pod.get("volume") or ():
            claim = volume.get("pvcRef") or {}
            used, capacity = volume.get("usedBytes"), volume.get("capacityBytes")
            if claim.get("namespace") == namespace and used is not None and capacity:
                yield claim["name"], VolumeUsage(int(used), int(capacity))
