"""SeaweedFS with the storage container's arguments listens on the addresses that pods of the cluster have.

The volume and filer servers register at the master with the address that the entry point of the image sets, so storing
and reading an object passes all three.
"""

from __future__ import annotations

import hashlib
import ssl
from contextlib import aclosing
from pathlib import Path

from cryostat_operator.backup.object_storage import ObjectStorage
from cryostat_operator.plan.model import names
from tests.programs import seaweedfs
from tests.programs.pod import Container, planned, secrets
from tests.unit.cluster_state import NAME, NAMESPACE

CONTENT = b"a recording"
LISTENING, ANY_IPV6 = "0A", "0" * 32  # in /proc/net/tcp6; a socket on the second one accepts IPv4 connections, too


def container(root: Path) -> Container:
    plan = planned()
    return Container(plan, secrets(plan), f"{NAME}-storage", f"{NAME}-storage", root)


def listening(port: int) -> set[str]:
    """The IPv6 addresses, in the kernel's hexadecimal form, on which a program listens on a port."""
    rows = (line.split() for line in Path("/proc/net/tcp6").read_text().splitlines()[1:])
    return {row[1].partition(":")[0] for row in rows if row[3] == LISTENING and row[1].endswith(f":{port:04X}")}


def opened(storage: Container, host: str) -> ObjectStorage:
    """The S3 service at an address, with its keys and a verified certificate."""
    authority = storage.secret(f"{NAME}-storage-tls")["ca.crt"].decode()
    variables = storage.environment
    return ObjectStorage(
        f"https://{host}:{storage.ports[names.PORT_STORAGE]}",
        variables["CRYOSTAT_ACCESS_KEY"],
        variables["CRYOSTAT_SECRET_KEY"],
        ssl.create_default_context(cadata=authority),
        f"{NAME}-storage.{NAMESPACE}.svc",
    )


async def test_it_answers_on_addresses_of_both_families(tmp_path: Path) -> None:
    storage = container(tmp_path)
    # `mini` listens on the second address if nothing else is set.
    with seaweedfs.running(storage, ip="localhost", bind="0.0.0.0"):
        assert ANY_IPV6 in listening(storage.ports[names.PORT_STORAGE])
        for host, other in (("127.0.0.1", "[::1]"), ("[::1]", "127.0.0.1")):
            async with aclosing(opened(storage, host)) as service, aclosing(opened(storage, other)) as reader:
                buckets = storage.environment["CRYOSTAT_BUCKETS"].split(",")
                await seaweedfs.ready(service, buckets)
                digest = hashlib.sha256(CONTENT).hexdigest()
                await service.write(buckets[0], host, [CONTENT], len(CONTENT), digest, {}, {})
                chunks: list[bytes] = []
                await reader.read(buckets[0], host, chunks.append)
                assert b"".join(chunks) == CONTENT
