"""Options, passphrases and exit statuses of `backup` and `restore`."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import ssl
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cryostat_operator.api.backup_schedule import PASSPHRASE_VARIABLE
from cryostat_operator.backup import bucket_copy, encryption, folder, pod_streams, restore
from cryostat_operator.backup.instance_access import InstanceAccess
from cryostat_operator.cli import main
from cryostat_operator.inspect import login
from cryostat_operator.inspect.login import Login, UserConnection
from cryostat_operator.kube import client
from cryostat_operator.kube.errors import ApiError, ApiUnavailable, LoginError
from tests.unit.api_server import ApiServer
from tests.unit.backup.instance import Storage, Streams, filled, operate, serve_instance

PASSPHRASE = "correct horse battery"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> ApiServer:
    """The API server of the commands, with an instance."""
    server = ApiServer()
    serve_instance(server)
    server.hook = lambda *_: operate(server)

    async def log_in(context: str | None = None) -> Any:
        return Login(UserConnection("https://api.example.com", ssl.create_default_context(), {}), "here")

    @asynccontextmanager
    async def opened(*_: Any) -> Any:
        yield filled()

    monkeypatch.setattr(login, "log_in", log_in)
    monkeypatch.setattr(client, "Client", lambda *_: server)
    monkeypatch.setattr(ApiServer, "connection", None)
    monkeypatch.setattr(pod_streams, "PodStreams", lambda *_: Streams())
    monkeypatch.setattr(InstanceAccess, "storage", opened)
    monkeypatch.setattr(encryption, "COST", 16)
    monkeypatch.setattr(restore, "_POLL_SECONDS", 0)
    monkeypatch.setenv(PASSPHRASE_VARIABLE, PASSPHRASE)
    return server


def invoke(*arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(main, [*arguments], **options)


def test_a_backup_can_be_restored(server: ApiServer, tmp_path: Path) -> None:
    target = str(tmp_path / "b")
    result = invoke("backup", "sample", "--to", target)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    assert result.stdout.endswith(f"written: {target}\n")
    checked = invoke("restore", "--from", target, "--check")
    assert checked.exit_code == 0
    created = checked.stdout.split()[-3]
    assert checked.stdout == f"The backup of Cryostat here/sample from {created} is complete.\n"
    restored = invoke("restore", "--from", target, "--overwrite", "--timeout", "0")
    assert (restored.exit_code, restored.stderr) == (0, ""), restored.output
    assert restored.stdout.endswith("restored: Cryostat sample\n")
    refused = invoke("restore", "--from", target, "-n", "absent")
    assert (refused.exit_code, refused.stderr) == (2, "Error: Namespace absent does not exist. Create it first.\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("absent", "--to", "b"), "There is no Cryostat absent in this namespace."),
        (("sample", "-n", "elsewhere", "--to", "b"), "There is no Cryostat sample in this namespace."),
        (("sample", "--to", "b", "--passphrase-file", "missing"), "missing cannot be read: No such file or directory."),
        (("sample", "--to", "file"), "file already exists and is not an empty folder. Choose another one."),
    ],
)
def test_wrong_options_are_refused(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    result = invoke("backup", *arguments)
    assert (result.exit_code, "Traceback" in result.output) == (2, False)
    assert message in result.stderr
    assert not Path("b").exists()


@pytest.mark.parametrize(
    "error", [ApiError(403, "Forbidden", "you may not"), ApiUnavailable(0, "Unavailable", "connection refused")]
)
def test_refusals_are_one_sentence(server: ApiServer, tmp_path: Path, error: ApiError) -> None:
    server.hook = lambda *_: error
    result = invoke("backup", "sample", "--to", str(tmp_path / "b"))
    assert (result.exit_code, result.stderr) == (2, f"Error: {error}\n")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_cluster_is_reported(server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def log_in(context: str | None = None) -> Any:
        raise LoginError("no cluster: nothing is configured")

    monkeypatch.setattr(login, "log_in", log_in)
    result = invoke("backup", "sample", "--to", str(tmp_path / "b"))
    assert (result.exit_code, result.stderr) == (2, "Error: no cluster: nothing is configured\n")


def test_a_full_disk_is_reported(server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folder.PartWriter, "write", write)
    result = invoke("backup", "sample", "--to", str(tmp_path / "b"))
    assert result.stderr == f"Error: {tmp_path / 'b'} cannot be written: No space left on device.\n"
    assert (result.exit_code, list(tmp_path.iterdir())) == (2, [])


class StoppedStreams(Streams):
    """A command in a pod that runs until this process gets a signal."""

    async def execute(self, *_: Any, **__: Any) -> str:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.Event().wait()
        return ""


def test_an_interrupted_backup_is_removed(server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_streams, "PodStreams", lambda *_: StoppedStreams())
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    result = invoke("backup", "sample", "--to", str(tmp_path / "b"))
    assert result.stderr == "Error: The command was interrupted by SIGTERM and did not finish.\n"
    assert (result.exit_code, list(tmp_path.iterdir())) == (2, [])


def test_an_interrupted_restore_is_reported(server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = str(tmp_path / "b")
    assert invoke("backup", "sample", "--to", target).exit_code == 0

    class Interrupted(Storage):
        async def buckets(self) -> list[str]:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.Event().wait()
            return []

    @asynccontextmanager
    async def opened(*_: Any) -> Any:
        yield Interrupted()

    monkeypatch.setattr(InstanceAccess, "storage", opened)
    result = invoke("restore", "--from", target, "--overwrite", "--timeout", "0")
    assert result.stderr == "Error: The command was interrupted by SIGINT and did not finish.\n"
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (2, "Started the application.")


@pytest.mark.parametrize("command", [("backup", "sample", "--to"), ("restore", "--from")])
def test_a_folder_without_permission_is_reported(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied", "/b")

    monkeypatch.setattr(Path, "exists", refuse)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    result = invoke(*command, "/b")
    assert (result.exit_code, "Permission denied." in result.stderr, "Traceback" in result.stderr) == (2, True, False)


def test_missing_space_for_temporary_files_is_reported(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_copy, "open_service", lambda _: Storage({"backups": {}}))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    result = invoke("backup", "sample", "--to", "s3://backups/1")
    assert (result.exit_code, "No such file or directory" in result.stderr) == (2, True)


def test_the_passphrase_is_that_of_the_backup(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "passphrase"
    file.write_text(f"{PASSPHRASE}\n")
    target = str(tmp_path / "b")
    assert invoke("backup", "sample", "--to", target, "--passphrase-file", str(file)).exit_code == 0
    assert invoke("restore", "--from", target, "--check").exit_code == 0
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "another passphrase")
    wrong = invoke("restore", "--from", target)
    assert wrong.exit_code == 2
    assert "Error: The passphrase is wrong, or secrets.encrypted.json is damaged.\n" in wrong.stderr
    assert server.writes == []


def test_a_broken_archive_is_reported(server: ApiServer, tmp_path: Path) -> None:
    result = invoke("restore", "--from", str(tmp_path))
    assert (result.exit_code, "is not a complete backup" in result.stderr) == (2, True)


def test_a_backup_in_s3_can_be_restored(server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = Storage({"backups": {}})
    monkeypatch.setattr(bucket_copy, "open_service", lambda _: bucket)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    target = "s3://backups/daily/1"
    result = invoke("backup", "sample", "--to", target)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    assert "daily/1/manifest.json" in bucket.content["backups"]
    restored = invoke("restore", "--from", target, "--overwrite", "--timeout", "0")
    assert (restored.exit_code, restored.stderr) == (0, ""), restored.output
    bucket.content["backups"]["daily/1/database.dump"] = b"other"
    damaged = invoke("restore", "--from", target)
    assert (damaged.exit_code, "database.dump of the backup is damaged" in damaged.stderr) == (2, True)
    server.requests.clear()
    again = invoke("backup", "sample", "--to", target)
    assert again.stderr == f"Error: {target} already contains objects. Choose another prefix.\n"
    assert server.requests == []  # the target is checked before the backup is made
    incomplete = invoke("backup", "sample", "--to", "s3://backups")
    assert (
        incomplete.exit_code,
        "s3://backups needs a bucket and a prefix: s3://BUCKET/PREFIX." in incomplete.stderr,
    ) == (2, True)
    assert list(tmp_path.iterdir()) == []
