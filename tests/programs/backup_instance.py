"""An instance of real programs. Commands reach it through a simulated kubelet and an API server in memory."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from cryostat_operator.backup.instance_access import InstanceAccess
from cryostat_operator.backup.object_storage import ObjectStorage
from cryostat_operator.backup.pod_streams import PodStreams
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.kinds import Key
from tests.programs.pod import Container, planned, secrets
from tests.programs.postgresql import BIN, as_user, running
from tests.unit.api_server import ApiServer
from tests.unit.backup.instance import operate, serve_instance
from tests.unit.backup.kubelet import Kubelet, connections
from tests.unit.cluster_state import NAME, NAMESPACE

OBJECTS = {
    "archivedrecordings": {"jvm-1/a recording+ä.jfr": os.urandom(9_000_000), "jvm-1/empty": b"", "jvm-2/b.jfr": b"b"},
    "eventtemplates": {"template.jfc": b"<configuration/>"},
}


class Instance:
    """The running programs of one instance.

    Args:
        existing: content of Secrets that is not generated.
    """

    def __init__(
        self, directory: Path, namespace: str = NAMESPACE, existing: Mapping[Key, Mapping[str, bytes]] | None = None
    ) -> None:
        self.plan = planned(namespace=namespace)
        self.secrets = secrets(self.plan, existing={key: dict(data) for key, data in (existing or {}).items()})
        self.database = self.container(f"{NAME}-database", f"{NAME}-db", directory / "database", namespace)
        self.storage = self.container(f"{NAME}-storage", f"{NAME}-storage", directory / "storage", namespace)
        self.kubelet = new_kubelet()
        self.serve_on(self.kubelet)

    def container(self, deployment: str, name: str, root: Path, namespace: str) -> Container:
        return Container(self.plan, self.secrets, deployment, name, root, namespace=namespace)

    def serve_on(self, kubelet: Kubelet) -> None:
        """Let the kubelet have the pods of these programs."""
        kubelet.ports[f"{NAME}-storage-pod", names.PORT_STORAGE] = self.storage.ports[names.PORT_STORAGE]
        kubelet.environments[f"{NAME}-database-pod"] = self.environment

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the database container. The image sets the last ones."""
        port = str(self.database.ports[names.PORT_DATABASE])
        image = {"PATH": f"{BIN}:{os.environ['PATH']}", "PGHOST": str(self.database.root), "PGPORT": port}
        return {**self.database.environment, **image}

    def sql(self, text: str, user: str | None = None) -> str:
        variables = self.environment
        login = {"PGUSER": user or variables["POSTGRESQL_USER"], "PGDATABASE": variables["POSTGRESQL_DATABASE"]}
        # The image passes the key to the server in this way.
        option = {"PGOPTIONS": f"-c encrypt.key={variables['PG_ENCRYPT_KEY']}"}
        command = [str(BIN / "psql"), "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1"]
        result = subprocess.run(command, input=text, env=variables | login | option, text=True, capture_output=True)
        assert result.returncode == 0, result.stderr
        return result.stdout


def new_kubelet() -> Kubelet:
    """A kubelet that runs the commands of pods as the user of the database."""
    return Kubelet(wrap=lambda command: [str(part) for part in as_user([*command])])


@contextmanager
def running_database(instance: Instance) -> Iterator[None]:
    """Run the database of an instance."""
    instance.database.root.mkdir(exist_ok=True)
    with running(instance.database):
        yield


@asynccontextmanager
async def access(server: ApiServer, kubelet: Kubelet, namespace: str = NAMESPACE) -> AsyncIterator[InstanceAccess]:
    """The access of the commands to the instance of a namespace."""
    async with kubelet.serving() as port:
        streams = PodStreams(connections(f"http://127.0.0.1:{port}"))
        try:
            yield InstanceAccess(server, streams, namespace, NAME)
        finally:
            await streams.aclose()


def cluster_of(instance: Instance) -> ApiServer:
    """An API server with the objects of the instance."""
    server = ApiServer()
    content = {key.name: data for key, data in instance.secrets.items()}
    serve_instance(server, database=instance.database.spec, storage=instance.storage.spec, secrets=content)
    server.hook = lambda *_: operate(server, NAMESPACE)
    return server


async def store(service: ObjectStorage, bucket: str, key: str, content: bytes, tags: dict[str, str]) -> None:
    """Write one object with metadata and tags."""
    digest = hashlib.sha256(content).hexdigest()
    headers = {"Content-Type": "application/jfr", "x-amz-meta-origin": "test"}
    await service.write(bucket, key, [content], len(content), digest, headers, tags)


async def fill(service: ObjectStorage) -> None:
    """Write `OBJECTS`."""
    for bucket, objects in OBJECTS.items():
        for key, content in objects.items():
            await store(service, bucket, key, content, {"labels": "YSY=+ b", "jvm": key[:5]})


async def listed(service: ObjectStorage) -> dict[str, Any]:
    """All objects: content, headers and tags by bucket and key."""
    found: dict[str, Any] = {}
    for bucket in await service.buckets():
        for entry in await service.entries(bucket):
            chunks: list[bytes] = []
            headers = await service.read(bucket, entry.key, chunks.append)
            content = b"".join(chunks)
            found[f"{bucket}/{entry.key}"] = content, headers, await service.tags(bucket, entry.key)
    return found
