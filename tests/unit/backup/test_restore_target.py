"""Older programs are refused before anything is changed. tests/unit/backup/test_restore.py has the other checks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.backup.checked_backup import Content, read_content
from cryostat_operator.backup.folder import open_folder
from cryostat_operator.backup.instance_access import InstanceAccess
from cryostat_operator.backup.manifest import BackupError
from cryostat_operator.backup.restore import Restore
from cryostat_operator.backup.restore_target import RestoreTarget
from cryostat_operator.plan.upgrades import Versions
from tests.unit.api_server import ApiServer
from tests.unit.backup.instance import NAME, NAMESPACE, serve_instance
from tests.unit.backup.saved import PASSPHRASE

DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{NAME}"
REFUSAL = (
    r"^The backup was made with Cryostat 4\.2, and the target runs Cryostat 4\.1, which may fail to read its data\. "
    r"Restore with an operator for Cryostat 4\.2 or later, or confirm with --allow-downgrade\.$"
)


def content(backup: Path) -> Content:
    """A backup of release 4.2."""
    read = read_content(open_folder(backup), PASSPHRASE)
    return replace(read, manifest=replace(read.manifest, images={"cryostat": "quay.io/cryostat/cryostat:4.2.0"}))


def instance(image: str) -> InstanceAccess:
    server = ApiServer()
    serve_instance(server)
    deployment = server.find(DEPLOYMENT)
    assert deployment
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] = image
    server.put(DEPLOYMENT, deployment)
    streams: Any = None
    return InstanceAccess(server, streams, NAMESPACE, NAME)


async def test_an_older_release_is_refused_unless_a_flag_confirms_it(backup: Path) -> None:
    access = instance("quay.io/cryostat/cryostat:4.1.0")
    restores = [Restore(access, content(backup), True, 0, print, allow_downgrade=each) for each in (False, True)]
    with pytest.raises(BackupError, match=REFUSAL):
        await RestoreTarget(access, content(backup), True, restores[0]._saved).missing_objects()
    assert await RestoreTarget(access, content(backup), True, restores[1]._saved).missing_objects() == []


@pytest.mark.parametrize("image", ["quay.io/cryostat/cryostat:4.2.1", "quay.io/cryostat/cryostat:latest"])
async def test_other_releases_are_accepted(backup: Path, image: str) -> None:
    target = RestoreTarget(instance(image), content(backup), True, Versions((4, 2), 16))
    assert await target.missing_objects() == []


async def test_the_operator_gets_the_versions_of_the_backup(backup: Path) -> None:
    server = ApiServer()
    server.put(f"/api/v1/namespaces/{NAMESPACE}", {"kind": "Namespace"})
    streams: Any = None
    access = InstanceAccess(server, streams, NAMESPACE, NAME)
    missing = await RestoreTarget(access, content(backup), False, Versions((4, 2), 16)).missing_objects()
    annotations = missing[-1]["metadata"]["annotations"]
    assert annotations[constants.ANNOTATION_RESTORED_RELEASE] == "cryostat=4.2,postgresql=16"
