"""Backup and restore with the real PostgreSQL and SeaweedFS, with the arguments of the planned containers.

Commands connect to them through the WebSockets of a simulated kubelet; the API server is in memory. A backup is
restored into the same programs, after the database was dropped and the buckets were emptied, and into new ones of a
cluster that has nothing but a namespace of another name.
"""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from click.testing import CliRunner

from cryostat_operator.api import constants
from cryostat_operator.backup import pod_streams
from cryostat_operator.backup.bucket_copy import BucketPlace, download, open_service, upload
from cryostat_operator.backup.checked_backup import read_content
from cryostat_operator.backup.database_scripts import RESTORE, checks, read_report, shell
from cryostat_operator.backup.folder import new_folder, open_folder
from cryostat_operator.backup.instance_access import Component, InstanceAccess
from cryostat_operator.backup.manifest import SECRETS, BackupError
from cryostat_operator.backup.pod_streams import PodStreams
from cryostat_operator.backup.restore import Restore
from cryostat_operator.backup.save import save
from cryostat_operator.cli import main
from cryostat_operator.inspect import login
from cryostat_operator.inspect.login import Login, UserConnection
from cryostat_operator.kube import client
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.kinds import Key
from tests.cluster.certificates import write_serving_certificate
from tests.cluster.processes import Child
from tests.programs import seaweedfs
from tests.programs.backup_instance import (
    Instance,
    access,
    cluster_of,
    fill,
    listed,
    new_kubelet,
    running_database,
    store,
)
from tests.programs.postgresql import BIN, INSTALLED, as_user, run
from tests.unit.api_server import ApiServer
from tests.unit.backup.instance import operate, serve_pod, serve_secrets, serve_workloads
from tests.unit.backup.kubelet import connections
from tests.unit.cluster_state import NAME, NAMESPACE

pytestmark = pytest.mark.skipif(not INSTALLED, reason="PostgreSQL is not installed (.ci/programs)")
PASSPHRASE = b"correct horse battery"
OTHER = "there"  # a namespace of another cluster
TABLES = """
CREATE EXTENSION pgcrypto;
CREATE TABLE credential (id bigserial PRIMARY KEY, password bytea NOT NULL);
INSERT INTO credential (password) SELECT pgp_sym_encrypt('p' || n, current_setting('encrypt.key'))
  FROM generate_series(1, 500) n;
CREATE TABLE "activeRecording" (id int REFERENCES credential, name text);
INSERT INTO "activeRecording" VALUES (1, 'a "quoted" name'), (2, E'two\\nlines');
CREATE VIEW names AS SELECT name FROM "activeRecording";
"""
CONTENT = """
SELECT count(*), sum(length(pgp_sym_decrypt(password, current_setting('encrypt.key')))) FROM credential;
SELECT string_agg(name, ',' ORDER BY id) FROM "activeRecording"; SELECT count(*) FROM names;
SELECT nextval('credential_id_seq') > 500;
"""


@pytest.fixture(scope="module")
def instance() -> Iterator[Instance]:
    with TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        instance = Instance(Path(directory))
        with running_database(instance):
            yield instance


@pytest.fixture(scope="module")
def weed(instance: Instance) -> Iterator[Child]:
    with seaweedfs.running(instance.storage) as child:
        yield child


@pytest.fixture
def server(instance: Instance) -> ApiServer:
    return cluster_of(instance)


@dataclass(frozen=True)
class Saved:
    """A backup of the instance.

    Attributes:
        content: what `CONTENT` selects.
        objects: the objects of the storage.
    """

    folder: Path
    content: str
    objects: dict[str, Any]


@pytest.fixture(scope="module")
def saved(instance: Instance, weed: Child, tmp_path_factory: pytest.TempPathFactory) -> Saved:
    return asyncio.run(fill_and_save(instance, tmp_path_factory.mktemp("saved") / "backup"))


async def fill_and_save(instance: Instance, path: Path) -> Saved:
    instance.sql(TABLES)
    before = instance.sql(CONTENT)
    lines: list[str] = []
    async with access(cluster_of(instance), instance.kubelet) as reached:
        async with reached.storage(await reached.component("storage")) as service:
            await seaweedfs.ready(service, instance.storage.environment["CRYOSTAT_BUCKETS"].split(","))
            await fill(service)
            objects = await listed(service)
        assert len(objects) == 4
        with new_folder(path) as folder:
            manifest = await save(reached, folder, PASSPHRASE, lines.append)
    assert manifest.database_version == int(BIN.parent.name)
    assert dict(manifest.rows) == {"public.credential": 500, 'public."activeRecording"': 2}
    forbidden = [value for data in instance.secrets.values() for value in data.values() if len(value) > 8]
    for file, text in files_of(path).items():
        assert not [value for value in forbidden if value in text], file
    assert not [line for line in lines for value in forbidden if value.decode(errors="replace") in line]
    return Saved(path, before, objects)


def files_of(folder: Path) -> dict[Path, bytes]:
    """The content of all files of a backup except the encrypted one with the keys."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != SECRETS)
    return {path: path.read_bytes() for path in files}


async def test_lost_data_is_restored(instance: Instance, saved: Saved, server: ApiServer, tmp_path: Path) -> None:
    lines: list[str] = []
    async with access(server, instance.kubelet) as reached:
        component = await reached.component("storage")
        lose(instance)
        async with reached.storage(component) as service:
            for place in saved.objects:
                bucket, _, key = place.partition("/")
                await service.delete(bucket, key)
            await store(service, "logs", "of the new application", b"x", {})
        content = read_content(open_folder(saved.folder), PASSPHRASE)
        await Restore(reached, content, True, 30, lines.append).run()
        assert instance.sql(CONTENT) == saved.content
        async with reached.storage(component) as service:
            assert await listed(service) == saved.objects
            await service.create_bucket("backups")
            await upload(service, BucketPlace("backups", "daily/1"), saved.folder)
            await download(service, BucketPlace("backups", "daily/1"), tmp_path / "copy")
        open_folder(tmp_path / "copy").check()
    assert "Restored and verified the database: 2 tables, 502 rows." in lines


class OtherCluster:
    """A cluster with an empty namespace of another name, and an operator that starts the programs of new Cryostats."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        directory.chmod(0o755)
        self.server = ApiServer()
        self.server.put(f"/api/v1/namespaces/{OTHER}", {"kind": "Namespace"})
        self.server.hook = self.operate
        self.kubelet = new_kubelet()
        self.instances: list[Instance] = []
        self._directory = directory
        self._stack = stack

    def operate(self, method: str, path: str, body: Any) -> None:
        keys = {key: self.values(key) for key in (Key("Secret", OTHER, f"{NAME}-{of}") for of in ("db", "storage"))}
        if method == "POST" and path.endswith(f"/{constants.PLURAL}") and all(keys.values()):  # not in a dry run
            self.start(keys)
        operate(self.server, OTHER)

    def access(self) -> AbstractAsyncContextManager[InstanceAccess]:
        """The access of the commands to the new instance."""
        return access(self.server, self.kubelet, OTHER)

    def values(self, secret: Key) -> dict[str, bytes]:
        data = (self.server.find(secret) or {}).get("data") or {}
        return {name: base64.b64decode(value) for name, value in data.items()}

    def start(self, keys: Mapping[Key, Mapping[str, bytes]]) -> None:
        """Start the programs with these keys, and serve their objects."""
        instance = Instance(self._directory, OTHER, keys)
        self._stack.enter_context(running_database(instance))
        self._stack.enter_context(seaweedfs.running(instance.storage))
        instance.serve_on(self.kubelet)
        first_tables(instance)
        serve_workloads(self.server, OTHER, database=instance.database.spec, storage=instance.storage.spec)
        serve_pod(self.server, OTHER, "cryostat")
        generated = {key.name: data for key, data in instance.secrets.items() if key not in keys}
        serve_secrets(self.server, generated, OTHER)
        self.instances.append(instance)


async def test_a_backup_is_restored_into_another_namespace_of_another_cluster(saved: Saved) -> None:
    lines: list[str] = []
    with TemporaryDirectory() as directory, ExitStack() as stack:
        cluster = OtherCluster(Path(directory), stack)
        content = read_content(open_folder(saved.folder), PASSPHRASE)
        async with cluster.access() as reached:
            await Restore(reached, content, False, 60, lines.append).run()
            [instance] = cluster.instances
            assert instance.sql(CONTENT) == saved.content
            async with reached.storage(await reached.component("storage")) as service:
                assert await listed(service) == saved.objects
    assert "Restored and verified the database: 2 tables, 502 rows." in lines
    for secret in content.secrets:
        stored = cluster.server.find(Key("Secret", OTHER, str(secret["name"])))
        assert stored
        assert stored["data"] == secret["data"]


def lose(instance: Instance) -> None:
    """Replace the database by a new one with the tables of a newer application."""
    variables = instance.environment
    name, user = variables["POSTGRESQL_DATABASE"], variables["POSTGRESQL_USER"]
    for statement in (f"DROP DATABASE {name}", f"CREATE DATABASE {name} OWNER {user}"):
        run("psql", "-h", instance.database.root, "-p", variables["PGPORT"], "-U", "postgres", "-c", statement)
    first_tables(instance)


def first_tables(instance: Instance) -> None:
    """Create what image and application create in an empty database."""
    instance.sql("CREATE EXTENSION pgcrypto;", user="postgres")  # the image can do this
    instance.sql("CREATE TABLE credential (other text); CREATE TABLE newer (id int); INSERT INTO newer VALUES (1)")


def dumped(instance: Instance) -> bytes:
    command = as_user([BIN / "pg_dump", "-Fc", "-U", instance.environment["POSTGRESQL_USER"], "cryostat"])
    return subprocess.run(command, env=instance.environment, capture_output=True, check=True).stdout


@pytest.mark.parametrize("damage", ["broken connection", "wrong count", "damaged dump"])
async def test_a_failed_restore_changes_nothing(
    instance: Instance, server: ApiServer, tmp_path: Path, damage: str
) -> None:
    lose(instance)
    before = instance.sql("SELECT * FROM newer; SELECT count(*) FROM credential")
    dump = dumped(instance)
    sql = checks({"public.newer": 2 if damage == "wrong count" else 1})
    if damage == "damaged dump":
        dump = dump[: len(dump) // 2] + b"\0" * (len(dump) - len(dump) // 2)
    instance.kubelet.cut_after = len(sql) + len(dump) // 2 if damage == "broken connection" else None
    halves = [sql, dump[: len(dump) // 2], dump[len(dump) // 2 :]]
    try:
        async with access(server, instance.kubelet) as reached:
            component = await reached.component("database")
            assert not await succeeds(reached, component, shell(RESTORE, len(sql), len(dump)), halves)
    finally:
        instance.kubelet.cut_after = None
    assert instance.sql("SELECT * FROM newer; SELECT count(*) FROM credential") == before


async def succeeds(reached: InstanceAccess, component: Component, script: list[str], stdin: list[bytes]) -> bool:
    try:
        return read_report(await reached.run_script(component, script, stdin=stdin)).done
    except BackupError:
        return False


def test_the_commands_use_a_bucket(
    instance: Instance, weed: Child, server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The application of the double has no content, so the database is the one of the fixture, empty or not."""
    variables = instance.storage.environment
    (tmp_path / "foreign").mkdir()
    authority = tmp_path / "ca.crt"
    authority.write_bytes(instance.secrets[Key("Secret", NAMESPACE, f"{NAME}-storage-tls")]["ca.crt"])
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority))
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://{NAME}-storage:{instance.storage.ports[names.PORT_STORAGE]}")
    resolve = socket.getaddrinfo  # the certificate has the name of the Service, which no DNS has here
    monkeypatch.setattr(socket, "getaddrinfo", lambda _, *rest, **options: resolve("127.0.0.1", *rest, **options))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", variables["CRYOSTAT_ACCESS_KEY"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", variables["CRYOSTAT_SECRET_KEY"])
    monkeypatch.setenv("CRYOSTAT_BACKUP_PASSPHRASE", PASSPHRASE.decode())
    asyncio.run(new_bucket(variables["CRYOSTAT_BUCKETS"].split(","), "archive"))
    foreign = {"AWS_CA_BUNDLE": str(write_serving_certificate(tmp_path / "foreign", "localhost").ca)}

    async def log_in(context: str | None = None) -> Login:
        return Login(UserConnection("http://127.0.0.1:1", ssl.create_default_context(), {}), NAMESPACE)

    monkeypatch.setattr(login, "log_in", log_in)
    monkeypatch.setattr(client, "Client", lambda *_: server)
    monkeypatch.setattr(ApiServer, "connection", None)
    with instance.kubelet.in_thread(None) as port:
        monkeypatch.setattr(pod_streams, "PodStreams", lambda *_: PodStreams(connections(f"http://127.0.0.1:{port}")))
        made = CliRunner().invoke(main, ["backup", NAME, "--to", "s3://archive/daily/1"])
        assert (made.exit_code, made.stderr) == (0, ""), made.output
        checked = CliRunner().invoke(main, ["restore", "--from", "s3://archive/daily/1", "--check"])
        assert (checked.exit_code, checked.stderr) == (0, ""), checked.output
        for target, setting, message in (
            ("s3://archive/daily/1", {}, "already contains objects. Choose another prefix."),
            ("s3://absent/daily/1", {}, "Bucket absent does not exist. Create it, or correct s3://absent/daily/1."),
            ("s3://archive/2", {"AWS_SECRET_ACCESS_KEY": "wrong"}, "refuses the credentials (SignatureDoesNotMatch)."),
            ("s3://archive/2", {"AWS_ACCESS_KEY_ID": "other"}, "refuses the credentials (InvalidAccessKeyId)."),
            ("s3://archive/2", foreign, "The certificate of the S3 service is not trusted (unable to get local issuer"),
            ("s3://archive/2", foreign, "Set AWS_CA_BUNDLE to a file with the certificate of its authority."),
        ):
            failed = CliRunner().invoke(main, ["backup", NAME, "--to", target], env=setting)
            assert (failed.exit_code, message in failed.stderr) == (2, True), failed.output
        missing = CliRunner().invoke(main, ["restore", "--from", "s3://archive/2"])
        assert missing.stderr == "Error: There is no complete backup at s3://archive/2.\n"


async def new_bucket(others: list[str], name: str) -> None:
    service = open_service(os.environ)
    await seaweedfs.ready(service, others)
    await service.create_bucket(name)
    await service.aclose()
