"""Runs SeaweedFS with the arguments of a planned storage container, as the entry point of its image does."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import urllib3

from cryostat_operator.backup.manifest import BackupError
from cryostat_operator.backup.object_storage import ObjectStorage
from cryostat_operator.plan.model import names
from tests.cluster.binaries import programs
from tests.cluster.processes import Child, free_ports
from tests.programs.pod import Container
from tests.unit.cluster_state import NAME


@contextmanager
def running(storage: Container, *, ip: str = "127.0.0.1", bind: str = "127.0.0.1") -> Iterator[Child]:
    """Run SeaweedFS until the end of the block, which begins when its readiness probe succeeds.

    Args:
        ip: the address by which its servers find each other.
        bind: the address that its servers listen on, unless the arguments of the container have another one.
    """
    environment = os.environ | {"HOME": str(storage.root)}
    child = Child("seaweedfs", _command(storage, ip, bind), storage.root / "weed.log", environment)
    with child.running_when(lambda: _is_ready(storage), 120):
        yield child


def _command(storage: Container, ip: str, bind: str) -> list[str | Path]:
    """The command of the image's entry point: `weed mini` with the arguments of the operator."""
    variables = storage.environment
    identity = {
        "name": "cryostat",
        "credentials": [{"accessKey": variables["CRYOSTAT_ACCESS_KEY"], "secretKey": variables["CRYOSTAT_SECRET_KEY"]}],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
    }
    config = storage.root / "s3.json"
    config.write_text(json.dumps({"identities": [identity]}))
    master, volume, filer, *grpc = free_ports(6)
    flags = {
        "dir": storage.place("/data"),
        "ip": ip,
        "ip.bind": bind,
        "s3.config": config,
        "bucket": variables["CRYOSTAT_BUCKETS"],
        "master.port": master,
        "volume.port": volume,
        "filer.port": filer,
        "master.port.grpc": grpc[0],
        "volume.port.grpc": grpc[1],
        "filer.port.grpc": grpc[2],
        "master.telemetry": "false",
        "webdav": "false",
        "admin.ui": "false",
        "s3.port.iceberg": 0,  # another instance may run at the same time, and the default ports are fixed
        "s3.port.lance": 0,
    }
    given = [f"-{name}={value}" for name, value in flags.items()]
    return [programs("weed")["weed"], "mini", *given, *storage.arguments]


def _is_ready(storage: Container) -> bool:
    """Whether the readiness probe of the container succeeds."""
    probe = storage.spec["readinessProbe"]["httpGet"]
    url = f"{probe['scheme'].lower()}://127.0.0.1:{storage.ports[names.PORT_STORAGE]}{probe['path']}"
    authority = storage.secret(f"{NAME}-storage-tls")["ca.crt"].decode()
    try:
        pool = urllib3.PoolManager(ca_cert_data=authority, assert_hostname=False)
        answer = pool.request("GET", url, timeout=5.0, retries=False)
    except urllib3.exceptions.HTTPError:
        return False
    return answer.status == 200


async def ready(service: ObjectStorage, buckets: list[str]) -> None:
    """Wait until SeaweedFS has all buckets and stores objects."""
    async with asyncio.timeout(120):
        while True:
            try:
                if set(buckets) <= set(await service.buckets()):
                    return
            except BackupError:
                pass
            await asyncio.sleep(0.2)
