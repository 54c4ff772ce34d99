"""How full volumes are, as the kubelet of each node reports it for the claims of the pods that run there."""

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


async def volume_usage(
    client: Client, namespace: str, pods: Iterable[Obj], known: dict[str, Obj | str]
) -> tuple[dict[str, VolumeUsage], list[str]]:
    """Return the use of the claims that running pods have mounted, by name of the claim, and why the use is not known.

    The second value has one sentence for each node that does not answer within three seconds, answers with an error,
    or does not measure the volume of a claim.

    Args:
        known: earlier answers by name of the node; new answers are added. A node may have pods of many instances, and
            one that does not answer costs three seconds.

    Raises:
        PermissionError: the user may not read statistics of nodes.
    """
    mounted: dict[str, set[str]] = {}
    for pod in pods:
        claims = _claims(pod)
        if claims and _is_running(pod):
            mounted.setdefault(pod["spec"]["nodeName"], set()).update(claims)
    new = [node for node in mounted if node not in known]
    known |= zip(new, await asyncio.gather(*(_summary(client, node) for node in new)), strict=True)
    found: dict[str, VolumeUsage] = {}
    for node in mounted:
        if not isinstance(summary := known[node], str):
            found |= dict(_measured(summary, namespace))
    found = {claim: usage for claim, usage in found.items() if any(claim in claims for claims in mounted.values())}
    reasons = [
        summary if isinstance(summary := known[node], str) else _not_measured(node, claims - found.keys())
        for node, claims in mounted.items()
        if claims - found.keys()
    ]
    return found, reasons


def _not_measured(node: str, claims: Iterable[str]) -> str:
    """Say that a node has no value for some of its claims."""
    return f"The kubelet of node {node} does not report the use of PersistentVolumeClaims: {', '.join(sorted(claims))}."


def _is_running(pod: Obj) -> bool:
    return bool(pod["spec"].get("nodeName")) and (pod.get("status") or {}).get("phase") == "Running"


def _claims(pod: Obj) -> list[str]:
    """Names of the claims of a pod."""
    sources = [volume.get("persistentVolumeClaim") for volume in pod["spec"].get("volumes") or ()]
    return [source["claimName"] for source in sources if source]


async def _summary(client: Client, node: str) -> Obj | str:
    """The statistics of a node, or a sentence that says why there are none."""
    path = f"{resource_path('', 'v1', 'nodes', '', node)}/proxy/stats/summary"
    try:
        async with asyncio.timeout(_SECONDS_PER_NODE):
            return await client.request("GET", path)
    except ApiError as error:
        if error.status in (401, 403):
            raise PermissionError(NOT_READABLE) from None
        cause = f"could not be asked ({error.message.rstrip('.')})"
    except TimeoutError:
        cause = f"did not answer within {_SECONDS_PER_NODE:g} seconds"
    return f"The kubelet of node {node} {cause}, so the use of its volumes is not shown."


def _measured(summary: Mapping[str, object], namespace: str) -> Iterator[tuple[str, VolumeUsage]]:
    """Name and use of each claim of a namespace in a kubelet's statistics."""
    pods = summary.get("pods")
    for pod in pods if isinstance(pods, list) else ():
        for volume in pod.get("volume") or ():
            claim = volume.get("pvcRef") or {}
            used, capacity = volume.get("usedBytes"), volume.get("capacityBytes")
            if claim.get("namespace") == namespace and used is not None and capacity:
                yield claim["name"], VolumeUsage(int(used), int(capacity))
