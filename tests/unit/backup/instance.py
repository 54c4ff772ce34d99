"""A running instance in the in-memory API server, and simulated streams to its pods."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from cryostat_operator.api import constants
from cryostat_operator.backup.database_scripts import DUMP, RESTORE
from cryostat_operator.backup.manifest import BackupError
from cryostat_operator.backup.object_storage import Entry
from cryostat_operator.backup.pod_streams import CommandError
from cryostat_operator.plan.model.kinds import Obj
from tests.unit.api_server import ApiServer

NAMESPACE, NAME = "here", "sample"
CRYOSTAT = f"/apis/{constants.API_VERSION}/namespaces/{{}}/{constants.PLURAL}/{NAME}"
KEYS = {"CONNECTION_KEY": "connection-marker", "ENCRYPTION_KEY": "encryption-marker"}
ACCESS = {"ACCESS_KEY": "cryostat", "SECRET_KEY": "storage-marker"}


def encoded(values: Mapping[str, str | bytes]) -> dict[str, str]:
    contents = {key: value.encode() if isinstance(value, str) else value for key, value in values.items()}
    return {key: base64.b64encode(value).decode() for key, value in contents.items()}


def variable(name: str, secret: str) -> Obj:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": name}}}


def deployment(component: str, container: Obj) -> Obj:
    return {"kind": "Deployment", "spec": {"replicas": 1, "template": {"spec": {"containers": [container]}}}}


def serve_instance(
    server: ApiServer,
    namespace: str = NAMESPACE,
    *,
    database: Obj | None = None,
    storage: Obj | None = None,
    secrets: Mapping[str, Mapping[str, str | bytes]] | None = None,
    cryostat: Obj | None = None,
) -> None:
    """Store a Cryostat with its Deployments, ready pods, claims and Secrets."""
    server.put(f"/api/v1/namespaces/{namespace}", {"kind": "Namespace"})
    server.put(CRYOSTAT.format(namespace), cryostat or {"metadata": {"annotations": {"kept": "yes"}}, "spec": {}})
    serve_workloads(server, namespace, database=database, storage=storage)
    serve_secrets(server, secrets or {f"{NAME}-db": KEYS, f"{NAME}-storage": ACCESS}, namespace)


def serve_secrets(
    server: ApiServer, secrets: Mapping[str, Mapping[str, str | bytes]], namespace: str = NAMESPACE
) -> None:
    """Store Secrets as the operator creates them."""
    labels = {constants.LABEL_NAME: NAME, constants.LABEL_NAMESPACE: namespace}
    for name, values in secrets.items():
        obj = {"kind": "Secret", "metadata": {"labels": labels}, "type": "Opaque", "data": encoded(values)}
        server.put(f"/api/v1/namespaces/{namespace}/secrets/{name}", obj | {"immutable": name.endswith("-db")})


def serve_workloads(
    server: ApiServer, namespace: str = NAMESPACE, *, database: Obj | None = None, storage: Obj | None = None
) -> None:
    """Store Deployments, ready pods and claims, as the operator and Kubernetes create them."""
    containers = {
        "": {"name": NAME},
        "-database": database or {"name": f"{NAME}-db", "env": [variable("POSTGRESQL_PASSWORD", f"{NAME}-db")]},
        "-storage": storage or {"name": f"{NAME}-storage", "env": [variable("CRYOSTAT_ACCESS_KEY", f"{NAME}-storage")]},
    }
    for suffix, container in containers.items():
        component = suffix.removeprefix("-") or "cryostat"
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{NAME}{suffix}"
        server.put(path, deployment(component, {"image": f"registry.example/{component}:1", **container}))
        if suffix:
            claim = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{NAME}{suffix}"
            server.put(claim, {"kind": "PersistentVolumeClaim"})
            serve_pod(server, namespace, component)


def operate(server: ApiServer, namespace: str = NAMESPACE) -> None:
    """Simulate the operator: confirm a pause, and stop the pods of an application without replicas."""
    path = CRYOSTAT.format(namespace)
    cryostat = server.find(path)
    annotations = ((cryostat or {}).get("metadata") or {}).get("annotations") or {}
    is_paused = annotations.get(constants.ANNOTATION_PAUSE) == "true"
    if cryostat and is_paused != bool(cryostat.get("status")):
        paused = {"conditions": [{"type": "ReconciliationActive", "status": "False", "reason": "Paused"}]}
        server.put(path, {**cryostat, "status": paused if is_paused else {}})
    name = f"/apis/apps/v1/namespaces/{namespace}/deployments/{NAME}"
    deployment = server.find(name)
    if deployment and not deployment["spec"]["replicas"]:
        server.remove(f"/api/v1/namespaces/{namespace}/pods/{NAME}-cryostat-pod")
        if not is_paused:
            server.put(name, {**deployment, "spec": {**deployment["spec"], "replicas": 1}})


def serve_pod(server: ApiServer, namespace: str, component: str, ready: str = "True") -> None:
    labels = {"app": NAME, "kind": "cryostat", "component": component}
    status = {"conditions": [{"type": "Ready", "status": ready}]}
    path = f"/api/v1/namespaces/{namespace}/pods/{NAME}-{component}-pod"
    server.put(path, {"kind": "Pod", "metadata": {"labels": labels}, "status": status})


@dataclass
class Streams:
    """Simulates commands in the database container.

    Attributes:
        dump: the content of the database.
        rows: the number of rows by table.
        version: PostgreSQL's version as a number.
        error: the standard error of a failing command. Empty if commands succeed.
        restored: the restored content.
    """

    dump: bytes = b"dump-1"
    rows: dict[str, int] = field(default_factory=lambda: {"public.credential": 3})
    version: int = 160004
    error: str = ""
    restored: bytes | None = None

    async def execute(
        self,
        namespace: str,
        pod: str,
        container: str,
        command: list[str],
        stdin: Iterable[bytes] = (),
        on_output: Callable[[bytes], None] = lambda chunk: None,
    ) -> str:
        if self.error and command[2] in (DUMP, RESTORE):
            raise CommandError("A command failed", self.error)
        report = f"backup: version {self.version}\n"
        if command[2] == DUMP:
            on_output(self.dump)
            report += "".join(f"backup: rows {table} {count}\n" for table, count in self.rows.items())
        elif command[2] == RESTORE:
            size = int(command[4])
            self.restored = b"".join(stdin)[size:]
        return report + "backup: done\n"

    @asynccontextmanager
    async def forwarded(self, namespace: str, pod: str, port: int) -> AsyncIterator[int]:
        yield port

    async def aclose(self) -> None:
        return None


@dataclass
class Storage:
    """An object storage in memory, with the interface of `ObjectStorage`."""

    content: dict[str, dict[str, bytes]] = field(default_factory=dict)
    headers: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    all_tags: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    damaged: bool = False
    refuse: str = ""

    async def aclose(self) -> None:
        return None

    async def buckets(self) -> list[str]:
        return sorted(self.content)

    async def create_bucket(self, bucket: str) -> None:
        self.content[bucket] = {}

    async def entries(self, bucket: str, prefix: str = "") -> list[Entry]:
        return [Entry(key, len(value)) for key, value in self.content[bucket].items() if key.startswith(prefix)]

    async def read(self, bucket: str, key: str, on_chunk: Callable[[bytes], object]) -> dict[str, str]:
        if key not in self.content[bucket]:
            raise BackupError("HTTP 404 NoSuchKey")
        on_chunk(self.content[bucket][key] + (b"!" if self.damaged else b""))
        return self.headers.get((bucket, key), {})

    async def tags(self, bucket: str, key: str) -> dict[str, str]:
        return self.all_tags.get((bucket, key), {})

    async def write(
        self,
        bucket: str,
        key: str,
        content: Iterable[bytes],
        size: int,
        sha256: str,
        headers: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> None:
        data = b"".join(content)
        assert (len(data), hashlib.sha256(data).hexdigest()) == (size, sha256)
        self.content[bucket][key] = data
        self.headers[bucket, key] = dict(headers)
        self.all_tags[bucket, key] = dict(tags)

    async def store(self, bucket: str, key: str, content: bytes) -> None:
        if self.refuse:
            raise BackupError(self.refuse)
        self.content[bucket][key] = content

    async def delete(self, bucket: str, key: str) -> None:
        self.content[bucket].pop(key, None)  # S3 does not report that an object is missing


def filled() -> Storage:
    """A storage with two buckets and two objects."""
    content = {"archivedrecordings": {"jvm/one.jfr": b"recording", "a/../b": b""}, "logs": {}}
    tagged = {("archivedrecordings", "jvm/one.jfr"): {"label": "a&b"}}
    return Storage(content, {("archivedrecordings", "jvm/one.jfr"): {"Content-Type": "application/jfr"}}, tagged)
