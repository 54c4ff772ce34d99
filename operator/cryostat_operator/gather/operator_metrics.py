"""Reads the metrics of the operator's pods through a port that the API server forwards."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import aclosing

import aiohttp

from ..backup.manifest import BackupError
from ..backup.pod_connection import PodConnections
from ..backup.pod_streams import PodStreams
from ..kube.client import Client
from ..packaging.install_names import HTTP_PORT
from ..plan.model.kinds import Obj
from .redaction import redact_text

METRICS_SECONDS = 10.0  # per pod


async def operator_metrics(client: Client, pods: Iterable[Obj], notes: list[str]) -> dict[str, str]:
    """Return the metrics of each pod, by its name. Pods serve them to local clients, and a forwarded port is local.

    Args:
        pods: of the operator, in one namespace; those that do not run are left out.
        notes: gets a sentence for each pod whose metrics cannot be read.
    """
    running = [pod["metadata"] for pod in pods if (pod.get("status") or {}).get("phase") == "Running"]
    if not running:
        return {}
    async with aclosing(PodStreams(PodConnections(client.connection, client.renew_credentials))) as streams:
        texts = await asyncio.gather(*(_metrics(streams, meta["namespace"], meta["name"], notes) for meta in running))
    return {meta["name"]: text for meta, text in zip(running, texts, strict=True) if text}


async def _metrics(streams: PodStreams, namespace: str, pod: str, notes: list[str]) -> str:
    try:
        async with asyncio.timeout(METRICS_SECONDS), streams.forwarded(namespace, pod, HTTP_PORT) as port:
            return redact_text(await _get(f"http://127.0.0.1:{port}/metrics"))
    except BackupError as error:
        cause = str(error)
    except TimeoutError:
        cause = f"no answer within {METRICS_SECONDS:.0f} seconds."
    except (aiohttp.ClientError, OSError) as error:
        cause = f"{type(error).__name__} {error}".rstrip() + "."
    notes.append(f"The metrics of pod {pod} cannot be read: {cause}")
    return ""


async def _get(url: str) -> str:
    async with (
        aiohttp.ClientSession(trust_env=False) as session,
        session.get(url, headers={"Connection": "close"}, raise_for_status=True) as response,
    ):
        return await response.text()
