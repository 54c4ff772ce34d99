"""A scheduled backup of an instance, and its restoration after the instance was deleted with its data."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cryostat_operator.api import constants
from tests.cluster.api import Object
from tests.cluster.operator_process import ROOT
from tests.docs.commands import blocks
from tests.node.commands import PASSPHRASE, cryostat_operator
from tests.node.instance import HOME, TARGET, Running, wait_until

# The instance becomes Ready within minutes, also after the changes of each test.
pytestmark = pytest.mark.timeout(900)


KINDS_OF_AN_INSTANCE = (
    ("apps/v1", "Deployment"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Pod"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
)


OTHER_OBJECTS = {  # kinds and namespaces of further objects of the instance, which have its ownership labels
    ("ConfigMap", HOME),
    ("ServiceAccount", HOME),
    ("RoleBinding", HOME),
    ("CronJob", HOME),
    ("RoleBinding", TARGET),
    ("Service", TARGET),
    ("Secret", TARGET),
}


def test_a_backup_restores_an_instance_that_was_deleted_with_its_data(instance: Running, tmp_path: Path) -> None:
    user = instance.login()
    value = "a saved value"
    put = ("--request", "PUT", "--data-binary", value)
    wait_until(lambda: instance.request("/kept/saved", user, *put)[0] == 204, "the application stores the value")
    secret = schedule_backups(instance)
    run_scheduled_backup(instance, tmp_path / "backup")
    kubeconfig = grant_restore(instance)
    existing = cryostat_operator(kubeconfig, "restore", "-n", HOME, "--from", str(tmp_path / "backup"))
    assert (existing.returncode, "already exists" in existing.stderr) == (2, True), existing.stderr

    owned = {(each["kind"], each["metadata"].get("namespace", "")) for each in instance.owned_objects()}
    assert owned >= OTHER_OBJECTS
    instance.api.delete(instance.cryostat)
    for kind, each in (("PersistentVolumeClaim", "backups"), ("Secret", "backup-target")):
        instance.api.delete(instance.api.get("v1", kind, each, HOME))

    def left() -> list[Object]:
        listed = [obj for version, kind in KINDS_OF_AN_INSTANCE for obj in instance.api.list(version, kind, HOME)]
        return listed or instance.owned_objects()

    wait_until(lambda: not left(), "the instance has left nothing")

    instance.api.create(secret)  # The Cryostat refers to this Secret, which is not part of the backup.
    restored = cryostat_operator(kubeconfig, "restore", "-n", HOME, "--from", str(tmp_path / "backup"))
    assert restored.returncode == 0, restored.stdout + restored.stderr
    wait_until(lambda: instance.is_ready, "the restored instance is Ready")
    new_user = instance.login()
    kept = wait_until(lambda: instance.stored_values("saved", new_user), "the restored application answers")
    assert kept == {"database": value, "storage": value}


def schedule_backups(instance: Running) -> Object:
    """Let the instance ask for scheduled backups in a claim. Returns the Secret with the passphrase."""
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "backups", "namespace": HOME},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    metadata = {"name": "backup-target", "namespace": HOME}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {PASSPHRASE[0]: PASSPHRASE[1]}}
    instance.api.create(claim)
    instance.api.create(secret)
    annotations = {
        constants.ANNOTATION_BACKUP_SCHEDULE: "@yearly",
        constants.ANNOTATION_BACKUP_TARGET: "pvc:backups",
        constants.ANNOTATION_BACKUP_SECRET: "backup-target",
    }
    instance.api.patch(instance.cryostat, {"metadata": {"annotations": annotations}})
    return secret


def run_scheduled_backup(instance: Running, target: Path) -> None:
    """Run the Job of the schedule now, and copy its backup to `target`."""
    api, kubectl = instance.api, instance.node.kubectl
    name = f"{instance.name}-backup"
    wait_until(lambda: api.find("batch/v1", "CronJob", name, HOME), "the CronJob is created")
    kubectl("create", "job", "backup-now", f"--from=cronjob/{name}", "-n", HOME)

    def ended() -> bool:
        status = api.get("batch/v1", "Job", "backup-now", HOME).get("status") or {}
        return bool(status.get("succeeded") or status.get("failed"))

    wait_until(ended, "the Job of the backup ends")
    assert "written: /backups/backup-now-" in kubectl("logs", "-n", HOME, "job/backup-now")
    volume = api.get("v1", "PersistentVolumeClaim", "backups", HOME)["spec"]["volumeName"]
    path = api.get("v1", "PersistentVolume", volume)["spec"]["local"]["path"]
    [saved] = Path(path).glob("backup-now-*")
    shutil.copytree(saved, target)


def grant_restore(instance: Running) -> Path:
    """A kubeconfig of a ServiceAccount with the Role of docs/backup.md and the roles of authors."""
    documents = [
        each for block in blocks(ROOT / "docs/backup.md") if block.language == "yaml" for each in block.documents
    ]
    role = next(each for each in documents if each["kind"] == "Role")
    role["metadata"]["namespace"] = HOME
    instance.api.create(role)
    bind(instance, HOME, "Role", role["metadata"]["name"])
    for namespace in (HOME, TARGET):
        bind(instance, namespace, "ClusterRole", "cryostat-operator-author")
    return instance.node.kubeconfig_for("default", HOME)


def bind(instance: Running, namespace: str, kind: str, name: str) -> None:
    """Grant a role to the default ServiceAccount of the instance's namespace."""
    instance.api.create(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": name, "namespace": namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": HOME}],
        }
    )
