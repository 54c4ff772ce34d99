"""A restore checks everything before it makes changes, and undoes them after a failure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.backup import restore
from cryostat_operator.backup.checked_backup import read_content
from cryostat_operator.backup.folder import open_folder
from cryostat_operator.backup.manifest import BackupError
from cryostat_operator.backup.restore import Restore
from cryostat_operator.kube.errors import ApiError
from cryostat_operator.plan.model.kinds import Obj
from tests.unit.api_server import ApiServer
from tests.unit.backup.instance import (
    ACCESS,
    CRYOSTAT,
    KEYS,
    NAME,
    Storage,
    Streams,
    encoded,
    filled,
    operate,
    serve_instance,
    serve_pod,
    serve_workloads,
)
from tests.unit.backup.saved import PASSPHRASE, access

PAUSE = constants.ANNOTATION_PAUSE


class Target:
    """A cluster for a restore, with a simulated operator."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, backup: Path, namespace: str = "there") -> None:
        self.server = ApiServer()
        self.server.put(f"/api/v1/namespaces/{namespace}", {"kind": "Namespace"})
        self.namespace = namespace
        self.streams = Streams(dump=b"")
        self.storage = Storage({"logs": {"new": b"of the application"}})
        self.lines: list[str] = []
        self.access = access(self.server, monkeypatch, self.streams, self.storage, namespace)
        self.content = read_content(open_folder(backup), PASSPHRASE)
        self.server.hook = self.operate
        self.refuse: Callable[[str, str], ApiError | None] = lambda method, path: None
        monkeypatch.setattr(restore, "_POLL_SECONDS", 0)

    def operate(self, method: str, path: str, body: Any) -> ApiError | None:
        """Simulate the operator: create the workloads of a new Cryostat and stop its pods."""
        if method == "POST" and path.endswith(f"/{constants.PLURAL}"):
            serve_workloads(self.server, self.namespace)
            serve_pod(self.server, self.namespace, "cryostat")
        operate(self.server, self.namespace)
        return self.refuse(method, path)

    async def run(self, *, overwrite: bool = False) -> None:
        await Restore(self.access, self.content, overwrite, 0, self.lines.append).run()

    def cryostat(self) -> Obj:
        found = self.server.find(CRYOSTAT.format(self.namespace))
        assert found
        return found

    def secret(self, name: str) -> Obj:
        found = self.server.find(f"/api/v1/namespaces/{self.namespace}/secrets/{name}")
        assert found
        return found


async def test_a_backup_is_restored_into_another_namespace(monkeypatch: pytest.MonkeyPatch, backup: Path) -> None:
    target = Target(monkeypatch, backup)
    await target.run()
    assert target.cryostat()["spec"] == {"targetNamespaces": ["there", "apps"]}
    assert target.cryostat()["metadata"]["annotations"] == {}
    keys = target.secret("sample-db")
    assert (keys["data"], keys["immutable"]) == (encoded(KEYS), True)
    assert keys["metadata"]["labels"] == {constants.LABEL_NAME: NAME, constants.LABEL_NAMESPACE: "there"}
    assert target.secret("sample-storage")["data"] == encoded(ACCESS)
    assert target.streams.restored == b"dump-1"
    assert target.storage.content == filled().content
    assert target.storage.all_tags["archivedrecordings", "jvm/one.jfr"] == {"label": "a&b"}
    order = [path.rpartition("/")[2] for method, path in target.server.writes if method == "POST"]
    assert order == ["secrets", "secrets", constants.PLURAL]
    tried = [path.rpartition("/")[2] for method, path in target.server.dry_runs]
    assert tried == order
    assert target.lines[-4:] == [
        "Restored and verified 2 objects.",
        "Restored and verified the database: 1 tables, 3 rows.",
        "Removed 1 objects that are not in the backup.",
        "Started the application.",
    ]
    assert not [line for line in target.lines if "marker" in line]


async def test_an_existing_instance_needs_overwrite(monkeypatch: pytest.MonkeyPatch, backup: Path) -> None:
    target = Target(monkeypatch, backup)
    serve_instance(target.server, "there")
    with pytest.raises(BackupError, match=EXISTS):
        await target.run()
    assert target.server.writes == []
    await target.run(overwrite=True)
    assert target.storage.content == filled().content
    assert [path for method, path in target.server.writes if method == "POST"] == []


async def test_a_retained_volume_needs_overwrite(monkeypatch: pytest.MonkeyPatch, backup: Path) -> None:
    target = Target(monkeypatch, backup)
    target.server.put(f"/api/v1/namespaces/there/persistentvolumeclaims/{NAME}-storage", {})
    with pytest.raises(BackupError, match="PersistentVolumeClaim there/sample-storage already exists"):
        await target.run()
    assert target.server.writes == []


async def test_other_keys_are_refused(monkeypatch: pytest.MonkeyPatch, backup: Path) -> None:
    target = Target(monkeypatch, backup)
    serve_instance(target.server, "there", secrets={"sample-db": {**KEYS, "ENCRYPTION_KEY": "other"}})
    with pytest.raises(BackupError, match=OTHER_KEYS) as caught:
        await target.run(overwrite=True)
    assert "marker" not in str(caught.value)
    assert target.server.writes == []


async def test_other_credentials_of_the_storage_are_kept(monkeypatch: pytest.MonkeyPatch, backup: Path) -> None:
    target = Target(monkeypatch, backup)
    other = {**ACCESS, "SECRET_KEY": "other"}
    serve_instance(target.server, "there", secrets={"sample-db": KEYS, "sample-storage": other})
    await target.run(overwrite=True)
    assert target.secret("sample-storage")["data"] == encoded(other)


async def test_a_missing_namespace_is_reported(monkeypatch: pytest.MonkeyPatch, backup: Path) -> None:
    target = Target(monkeypatch, backup)
    target.server.remove("/api/v1/namespaces/there")
    with pytest.raises(BackupError, match="Namespace there does not exist"):
        await target.run()
    assert target.server.writes == []


async def test_an_older_database_is_refused(monkeypatch: pytest.MonkeyPatch, backup: Path) -> None:
    target = Target(monkeypatch, backup)
    target.streams.version = 150012
    with pytest.raises(BackupError, match=POSTGRESQL):
        await target.run()
    assert target.streams.restored is None
    assert PAUSE not in (target.cryostat()["metadata"].get("annotations") or {})
    assert target.lines[-1] == (
        "Cryostat there/sample was created without the data. Delete it, or run the same command again with --overwrite."
    )


EXISTS = (
    r"^Cryostat there/sample already exists\. --overwrite replaces all data of the instance by that of the backup\.$"
)
OTHER_KEYS = (
    r"^Secret there/sample-db has other values of ENCRYPTION_KEY than the backup, so the restored data could not be "
    r"read\. Delete the Cryostat, its PersistentVolumeClaims and this Secret, or restore into another namespace\.$"
)
POSTGRESQL = (
    r"^The backup was made with PostgreSQL 16, and the target runs PostgreSQL 15\. "
    r"Restore into an instance whose database image has the same version or a newer one\.$"
)


async def test_an_older_database_on_a_volume_is_refused_before_any_change(
    monkeypatch: pytest.MonkeyPatch, backup: Path
) -> None:
    target = Target(monkeypatch, backup)
    serve_instance(target.server, "there")
    annotations = {constants.ANNOTATION_DATABASE_RELEASE: "cryostat=3.0,postgresql=15"}
    claim = f"/api/v1/namespaces/there/persistentvolumeclaims/{NAME}-database"
    target.server.put(claim, {"kind": "PersistentVolumeClaim", "metadata": {"annotations": annotations}})
    with pytest.raises(BackupError, match=POSTGRESQL):
        await target.run(overwrite=True)
    assert target.server.writes == []


NO_POD = (
    r"^After 0 s, Deployment there/sample-database has no ready pod\. "
    r"`kubectl cryostat status sample -n there` shows the cause\.$"
)


async def test_a_cluster_without_operator_is_reported(monkeypatch: pytest.MonkeyPatch, backup: Path) -> None:
    target = Target(monkeypatch, backup)
    target.server.hook = None
    with pytest.raises(BackupError, match=NO_POD):
        await target.run()


@pytest.mark.parametrize("step", ["database", "objects"])
@pytest.mark.parametrize("overwrite", [False, True])
async def test_a_failed_restore_removes_what_it_created(
    monkeypatch: pytest.MonkeyPatch, backup: Path, step: str, overwrite: bool
) -> None:
    target = Target(monkeypatch, backup)
    if overwrite:
        serve_instance(target.server, "there")
    if step == "database":
        target.streams.error = "ERROR: a table has another number of rows than the backup"
    target.storage.damaged = step == "objects"
    error = "ERROR: a table has another number of rows than the backup"
    unchanged = f"The database is unchanged, because the restore failed: {error}"
    expected = unchanged if step == "database" else "differs from the backup"
    with pytest.raises(BackupError, match=expected):
        await target.run(overwrite=overwrite)
    annotations = target.cryostat()["metadata"].get("annotations") or {}
    assert (PAUSE in annotations) == overwrite
    if not overwrite:
        assert target.storage.content["archivedrecordings"] == {}
    assert target.storage.content["logs"] == {"new": b"of the application"}
    assert ("stays stopped" in " ".join(target.lines)) == overwrite


@pytest.mark.parametrize("step", ["database", "first object", "storage"])
async def test_an_overwriting_restore_that_changed_nothing_starts_the_application(
    monkeypatch: pytest.MonkeyPatch, backup: Path, step: str
) -> None:
    async def refuse(*_: Any, **__: Any) -> Any:
        raise BackupError("no")

    target = Target(monkeypatch, backup)
    serve_instance(target.server, "there")
    if step == "database":
        manifest = replace(target.content.manifest, buckets=None)
        target.content = replace(target.content, manifest=manifest)
        target.streams.error = "ERROR: no"
    monkeypatch.setattr(target.storage, "write" if step == "first object" else "buckets", refuse)
    with pytest.raises(BackupError, match="no"):
        await target.run(overwrite=True)
    is_started = PAUSE not in target.cryostat()["metadata"]["annotations"]
    assert is_started == (step != "first object")  # the error may follow its replacement
    assert ("Started the application." in target.lines) == is_started


async def test_a_connection_that_breaks_during_the_restore_of_the_database(
    monkeypatch: pytest.MonkeyPatch, backup: Path
) -> None:
    """The database may have been committed, so objects are not removed, and the application is not started."""
    target = Target(monkeypatch, backup)
    execute = target.streams.execute

    async def broken(*arguments: Any, **named: Any) -> str:
        log = await execute(*arguments, **named)
        if target.streams.restored is not None:
            raise BackupError("The connection broke.")
        return log

    monkeypatch.setattr(target.streams, "execute", broken)
    with pytest.raises(BackupError, match="The connection broke"):
        await target.run()
    assert target.storage.content["archivedrecordings"] == filled().content["archivedrecordings"]
    assert PAUSE in target.cryostat()["metadata"]["annotations"]
    assert target.lines[-1] == (
        "The application stays stopped, and annotation operator.cryostat.io/pause-reconciliation stays on the Cryostat,"
        " because some data may have been replaced. Run the same command again with --overwrite."
    )
    assert "without the data" not in " ".join(target.lines)


@pytest.mark.parametrize("fails", [False, True])
async def test_a_pause_that_cannot_be_removed_is_reported(
    monkeypatch: pytest.MonkeyPatch, backup: Path, fails: bool
) -> None:
    target = Target(monkeypatch, backup)
    target.streams.error = "ERROR: x" if fails else ""

    def refuse(method: str, path: str) -> ApiError | None:
        is_patch = method == "PATCH" and path.endswith(f"{constants.PLURAL}/{NAME}")
        return ApiError(503, "Unavailable", "gone") if is_patch and stopped() else None

    def stopped() -> bool:
        return "Stopped the application." in target.lines

    target.refuse = refuse
    with pytest.raises(BackupError if fails else ApiError, match="The database is unchanged" if fails else "gone"):
        await target.run()
    how = f"`kubectl annotate cryostat sample -n there {PAUSE}- {constants.ANNOTATION_PAUSED_BY}-`"
    state = "The restore failed" if fails else "All data is restored"
    assert f"{state}, but the application stays stopped. To start it: {how}" in target.lines
    assert ("without the data" in target.lines[-1]) == fails


async def test_reconciliation_is_paused_after_the_application_exists(
    monkeypatch: pytest.MonkeyPatch, backup: Path
) -> None:
    target = Target(monkeypatch, backup)
    serve_instance(target.server, "there")
    target.server.remove(f"/apis/apps/v1/namespaces/there/deployments/{NAME}")
    with pytest.raises(BackupError, match="Deployment there/sample does not exist"):
        await target.run(overwrite=True)
    assert target.server.writes == []


@pytest.mark.parametrize("refused", ["secrets", constants.PLURAL])
async def test_missing_permissions_are_reported_before_any_change(
    monkeypatch: pytest.MonkeyPatch, backup: Path, refused: str
) -> None:
    target = Target(monkeypatch, backup)
    target.refuse = lambda _, path: ApiError(403, "Forbidden", "no") if path.endswith(refused) else None
    with pytest.raises(ApiError, match="no"):
        await target.run()
    assert target.server.find(CRYOSTAT.format("there")) is None
    assert target.server.find("/api/v1/namespaces/there/secrets/sample-db") is None
    assert target.lines == []


async def test_namespaces_need_not_be_readable(monkeypatch: pytest.MonkeyPatch, backup: Path) -> None:
    target = Target(monkeypatch, backup)
    target.refuse = lambda _, path: ApiError(403, "Forbidden", "no") if path.endswith("namespaces/there") else None
    await target.run()
