"""One instance with real pods: it becomes Ready, and its login, network, storage and database do what they should."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.model import names
from cryostat_operator.settings import IMAGES
from tests.cluster.api import ApiError, Object, condition, eventually
from tests.cluster.kubectl import KubectlError
from tests.cluster.operator_process import ROOT
from tests.docs.commands import blocks
from tests.node.installation import restarts, sample
from tests.node.instance import HOME, PATIENCE, TARGET, Running, container_of

# The instance and what each test changes in it become ready within minutes.
pytestmark = pytest.mark.timeout(900)


def test_it_is_ready_without_a_restart_in_a_restricted_namespace(instance: Running) -> None:
    assert [pod["status"]["phase"] for pod in instance.pods] == ["Running"] * 3
    assert restarts(instance.pods) == 0


def test_only_the_right_password_logs_in(instance: Running) -> None:
    user, password = instance.login()
    assert instance.ask("/api/v4/targets")[0] in (401, 403)
    assert instance.ask("/api/v4/targets", (user, "wrong"))[0] in (401, 403)
    assert instance.ask("/api/v4/targets", (user, password)) == (200, "[]")
    assert instance.ask("/grafana/", (user, password))[0] == 200


def test_a_user_cannot_take_another_name(instance: Running) -> None:
    forged = ("--header", "X-Forwarded-User: boss", "--header", "X-Cryostat-Agent-Proxy: true", "--request", "POST")
    status, body = instance.ask("/api/v4/auth", instance.login(), *forged)
    assert (status, json.loads(body)) == (200, {"username": "cryostat"})
    assert instance.ask("/api/v4/discovery", instance.login(), *forged)[0] == 403


FLOWS = [  # port of which pods, whether it is open to pods of another namespace that is no target
    ("", names.PORT_AUTH_PROXY, True),
    ("", names.PORT_AGENT_GATEWAY, False),
    ("", names.PORT_APPLICATION, False),
    ("", names.PORT_GRAFANA, False),
    ("", names.PORT_DATASOURCE, False),
    ("-database", names.PORT_DATABASE, False),
    ("-storage", names.PORT_STORAGE, False),
    ("-storage", 9333, False),
    ("-storage", 8888, False),
]
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)"


@pytest.mark.parametrize(("component", "port", "is_open"), FLOWS)
def test_network_policies(instance: Running, component: str, port: int, is_open: bool) -> None:
    [pod] = [pod for pod in instance.pods if owner(pod) == f"{instance.name}{component}"]

    def connects() -> bool:
        try:
            instance.run("python3", "-c", CONNECT, pod["status"]["podIP"], str(port))
        except KubectlError:
            return False
        return True

    # Policies are enforced some time after they were created.
    eventually(lambda: connects() == is_open, 60, f"port {port} is {'open' if is_open else 'closed'}")


def owner(pod: Object) -> str:
    """The name of a pod's Deployment."""
    return str(pod["metadata"]["name"].rsplit("-", 2)[0])


def test_storage_and_database_ask_for_keys_password_and_tls(instance: Running) -> None:
    name = "QUARKUS_S3_AWS_CREDENTIALS_STATIC_PROVIDER_SECRET_ACCESS_KEY"
    wrong_keys = f"""
        import os
        from pathlib import Path
        from tests.operands.backends import Storage
        storage = Storage.from_env({{**os.environ, "{name}": "wrong"}}, Path("/tmp/authorities.pem"))
        storage.request("GET", "")
    """
    assert "SignatureDoesNotMatch" in refused(instance, "python3", "-c", textwrap.dedent(wrong_keys))
    host = f"host={instance.name}-database user=cryostat dbname=cryostat"
    assert "no encryption" in refused(instance, "psql", f"{host} sslmode=disable", "-c", "SELECT 1")
    wrong = ("env", "PGPASSWORD=wrong", "psql", f"{host} sslmode=require", "-c", "SELECT 1")
    assert "password authentication failed" in refused(instance, *wrong)


def refused(instance: Running, *command: str) -> str:
    """The errors of a command in the application's container that must fail."""
    with pytest.raises(KubectlError) as error:
        instance.run_in(instance.name, instance.name, *command)
    return str(error.value.stderr)


def test_data_outlives_the_pods(instance: Running) -> None:
    user = instance.login()
    put = ("--request", "PUT", "--data-binary", "a secret value")
    assert instance.ask("/kept/first", user, *put)[0] == 204
    before = {pod["metadata"]["uid"] for pod in instance.pods}
    for pod in instance.pods:
        instance.api.delete(pod)

    def replaced() -> bool:
        pods = instance.pods
        return len(pods) == 3 and not before & {pod["metadata"]["uid"] for pod in pods} and instance.is_ready

    eventually(replaced, PATIENCE, "all pods are new")
    value = "a secret value"
    kept = eventually(lambda: instance.kept("first", user), PATIENCE, "the application answers")
    assert kept == {"database": value, "storage": value}
    table = "SELECT name, value FROM kept"
    stored = instance.run_in(f"{instance.name}-database", f"{instance.name}-db", "psql", "-U", "postgres",
                             "-d", "cryostat", "-Atc", table)  # fmt: skip
    assert "first" in stored
    assert value.encode().hex() not in stored, "it is encrypted"


def database(instance: Running) -> Object:
    """The pod of the database, once its container has started."""

    def started() -> Object | None:
        pods = [pod for pod in instance.pods if owner(pod) == f"{instance.name}-database"]
        statuses = [status for pod in pods for status in pod["status"].get("containerStatuses") or ()]
        return pods[0] if len(pods) == 1 and statuses and "running" in statuses[0]["state"] else None

    return eventually(started, PATIENCE, "the database runs") or {}


def set_resources(instance: Running, resources: Object) -> None:
    # A merge patch keeps the keys that it does not name.
    spec = {"resources": {"databaseResources": {"limits": None, **resources}}}
    instance.api.patch(instance.cryostat, {"spec": spec})


def ask_for_too_much(instance: Running) -> None:
    set_resources(instance, {"requests": {"cpu": "100", "memory": "64Mi"}})


def hide_image(instance: Running) -> None:
    instance.node.rename(IMAGES["database"][1], HIDDEN)
    former = database(instance)
    instance.api.delete(former)
    # Two servers at the same data would destroy it.
    eventually(lambda: not instance.api.find("v1", "Pod", former["metadata"]["name"], HOME), PATIENCE, "it has ended")


def crash_twice(instance: Running) -> None:
    """The kubelet restarts a container at once the first time only."""
    killed = ""
    for _ in range(2):
        eventually(lambda: container_of(database(instance)) != killed, PATIENCE, "a new container runs")  # noqa: B023
        killed = container_of(database(instance))
        instance.node.signal(killed, signal.SIGKILL)


def repair(instance: Running) -> None:
    set_resources(instance, sample(HOME)["spec"]["resources"]["databaseResources"])


def show_image(instance: Running) -> None:
    """The kubelet waits up to a minute before it pulls again for the same pod."""
    instance.node.rename(HIDDEN, IMAGES["database"][1])
    [waiting] = [pod for pod in instance.pods if owner(pod) == f"{instance.name}-database"]
    instance.api.delete(waiting)


HIDDEN = "cryostat.test/hidden:1"
Change = Callable[[Running], None]
FAILURES: list[tuple[Change, str, Change]] = [  # how the database fails, what the status says, the repair
    (ask_for_too_much, "Insufficient cpu", repair),
    (hide_image, f'cannot pull image "{IMAGES["database"][1]}" (', show_image),
    (crash_twice, "(exit code 137)", lambda instance: None),
]


@pytest.mark.parametrize(("fail", "words", "undo"), FAILURES)
def test_the_status_says_why_the_database_fails(instance: Running, fail: Change, words: str, undo: Change) -> None:
    fail(instance)
    try:
        eventually(lambda: words in condition(instance.cryostat, "Ready")["message"], PATIENCE, "the status says why")
    except TimeoutError:
        print(json.dumps([instance.cryostat["status"]["conditions"], instance.pods], indent=1))
        raise
    finally:
        undo(instance)
    eventually(lambda: instance.is_ready, PATIENCE, "the instance is Ready again")


def test_a_new_login_reaches_the_proxy(instance: Running) -> None:
    former = instance.login()
    metadata = {"name": instance.cryostat["status"]["basicAuthSecret"], "namespace": HOME}
    instance.api.delete({"apiVersion": "v1", "kind": "Secret", "metadata": metadata})

    def generated() -> bool:
        with suppress(ApiError):
            return instance.login() != former
        return False

    eventually(generated, PATIENCE, "the login is generated again")
    path = "/api/v4/targets"
    eventually(lambda: instance.ask(path, instance.login())[0] == 200, PATIENCE, "the new login works")
    assert instance.ask(path, former)[0] in (401, 403)


PASSPHRASE = ("CRYOSTAT_BACKUP_PASSPHRASE", "correct horse battery")
KINDS_OF_AN_INSTANCE = (
    ("apps/v1", "Deployment"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Pod"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
)


def test_a_backup_restores_an_instance_that_was_deleted_with_its_data(instance: Running, tmp_path: Path) -> None:
    user = instance.login()
    value = "a saved value"
    put = ("--request", "PUT", "--data-binary", value)
    assert instance.ask("/kept/saved", user, *put)[0] == 204
    secret = schedule_backups(instance)
    run_scheduled_backup(instance, tmp_path / "backup")
    kubeconfig = grant_restore(instance)
    existing = cryostat_operator(kubeconfig, "restore", "-n", HOME, "--from", str(tmp_path / "backup"))
    assert (existing.returncode, "already exists" in existing.stderr) == (2, True), existing.stderr

    instance.api.delete(instance.cryostat)
    for kind, each in (("PersistentVolumeClaim", "backups"), ("Secret", "backup-target")):
        instance.api.delete(instance.api.get("v1", kind, each, HOME))

    def left() -> list[str]:
        return [
            obj["metadata"]["name"]
            for version, kind in KINDS_OF_AN_INSTANCE
            for obj in instance.api.list(version, kind, HOME)
        ]

    eventually(lambda: not left(), PATIENCE, "the instance has left nothing")

    instance.api.create(secret)  # The Cryostat names it, and it is not part of the backup.
    restored = cryostat_operator(kubeconfig, "restore", "-n", HOME, "--from", str(tmp_path / "backup"))
    assert restored.returncode == 0, restored.stdout + restored.stderr
    eventually(lambda: instance.is_ready, PATIENCE, "the restored instance is Ready")
    new_user = instance.login()
    kept = eventually(lambda: instance.kept("saved", new_user), PATIENCE, "the restored application answers")
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
    eventually(lambda: api.find("batch/v1", "CronJob", name, HOME), PATIENCE, "the CronJob is created")
    kubectl("create", "job", "backup-now", f"--from=cronjob/{name}", "-n", HOME)

    def ended() -> bool:
        status = api.get("batch/v1", "Job", "backup-now", HOME).get("status") or {}
        return bool(status.get("succeeded") or status.get("failed"))

    eventually(ended, PATIENCE, "the Job of the backup ends")
    assert "written: /backups/backup-now-" in kubectl("logs", "-n", HOME, "job/backup-now")
    volume = api.get("v1", "PersistentVolumeClaim", "backups", HOME)["spec"]["volumeName"]
    path = api.get("v1", "PersistentVolume", volume)["spec"]["local"]["path"]
    [saved] = Path(path).glob("backup-now-*")
    shutil.copytree(saved, target)


def grant_restore(instance: Running) -> Path:
    """A kubeconfig of a ServiceAccount with the Role of docs/backup.md and what authors of Cryostats need."""
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


def cryostat_operator(kubeconfig: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command with this kubeconfig and a passphrase."""
    env = {**os.environ, PASSPHRASE[0]: PASSPHRASE[1], "KUBECONFIG": str(kubeconfig)}
    program = Path(sys.executable).parent / "cryostat-operator"
    return subprocess.run([program, *arguments], env=env, capture_output=True, text=True)
