"""One instance with real pods: it becomes Ready, and its login, storage and database work."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cryostat_operator.api import constants
from cryostat_operator.plan.model import names
from cryostat_operator.settings import IMAGES
from tests.cluster.api import ApiError, Object, condition, eventually
from tests.cluster.kubectl import KubectlError
from tests.cluster.operator_process import ROOT
from tests.docs.commands import blocks
from tests.node.installation import restarts, sample
from tests.node.instance import APPLICATION_MEMORY, HOME, PATIENCE, PODS, TARGET, Running, container_of, owner

# The instance becomes Ready within minutes, also after the changes of each test.
pytestmark = pytest.mark.timeout(900)


def test_it_is_ready_without_a_restart_in_a_restricted_namespace(instance: Running) -> None:
    assert [pod["status"]["phase"] for pod in instance.pods] == ["Running"] * PODS
    assert restarts(instance.pods) == 0


def test_a_login_needs_the_right_password(instance: Running) -> None:
    user, password = instance.login()
    assert instance.request("/api/v4/targets")[0] in (401, 403)
    assert instance.request("/api/v4/targets", (user, "wrong"))[0] in (401, 403)
    assert instance.request("/api/v4/targets", (user, password)) == (200, "[]")
    assert instance.request("/grafana/", (user, password))[0] == 200


def test_a_user_cannot_send_another_name(instance: Running) -> None:
    forged = ("--header", "X-Forwarded-User: boss", "--header", "X-Cryostat-Agent-Proxy: true", "--request", "POST")
    status, body = instance.request("/api/v4/auth", instance.login(), *forged)
    assert (status, json.loads(body)) == (200, {"username": "cryostat"})
    assert instance.request("/api/v4/discovery", instance.login(), *forged)[0] == 403


def test_web_sockets_and_large_bodies_reach_the_application(instance: Running) -> None:
    user = instance.login()
    socket = ("python3", "-m", "tests.operands.websocket", f"{instance.url}/api/notifications")
    assert instance.run(*socket, *user, "hello") == "cryostat: hello\n"
    with pytest.raises(KubectlError, match=r"HTTP/1.1 40[13]"):
        instance.run(*socket, user[0], "wrong", "hello")
    # Far larger than the default limits of nginx and of the operands' servers.
    digest = instance.run("sh", "-c", "head -c 25000000 /dev/urandom >/tmp/body && sha256sum /tmp/body").split()[0]
    status, body = instance.request("/digest", user, "--upload-file", "/tmp/body", "--max-time", "60")
    assert (status, json.loads(body)) == (200, {"sha256": digest})


def probe_failures(instance: Running) -> Counter[str]:
    """How many liveness and readiness probes of each container have failed, by the kubelet's metrics.

    The kubelet's events are not enough: it combines and drops events of one pod if there are many.
    """
    [node] = {pod["spec"]["nodeName"] for pod in instance.pods}
    found: Counter[str] = Counter()
    metrics = instance.api.request("GET", f"/api/v1/nodes/{node}/proxy/metrics/probes")
    samples = [each for family in text_string_to_metric_families(metrics) for each in family.samples]
    for labels, value in ((each.labels, each.value) for each in samples if each.name == "prober_probe_total"):
        if labels["namespace"] == HOME and labels["result"] == "failed" and labels["probe_type"] != "Startup":
            found[labels["container"]] += int(value)
    return found


def test_each_probe_fails_when_its_program_hangs(instance: Running) -> None:
    """Programs are suspended. The kubelet reports each container's probe, and the status that of the database."""
    name = f"{instance.name}-db"
    running = {
        status["name"]: status["containerID"].rpartition("/")[2]
        for pod in instance.pods
        for status in pod["status"]["containerStatuses"]
    }
    stopped = dict(running)
    before = probe_failures(instance)
    for container in running.values():
        instance.node.signal(container, signal.SIGSTOP)

    def resume(containers: set[str]) -> None:
        for each in containers & set(stopped):
            instance.node.signal(stopped.pop(each), signal.SIGCONT)

    def all_failed() -> bool:
        found = set(probe_failures(instance) - before)
        resume(found - {name})
        return found >= set(running)

    try:
        eventually(all_failed, 60, "a probe of each container fails")
        words = f"container {name} runs, but its readiness probe ("
        eventually(lambda: words in condition(instance.cryostat, "Ready")["message"], 90, "the status names the probe")
    finally:
        resume(set(stopped))
    eventually(lambda: instance.is_ready, PATIENCE, "the instance is Ready again")


GET = """
import os, ssl, sys, urllib.request
url, authority = map(os.path.expandvars, sys.argv[1:])
print(urllib.request.urlopen(url, timeout=10, context=ssl.create_default_context(cafile=authority)).status)
"""


def test_report_generators_are_reached_and_reach_the_storage(instance: Running) -> None:
    """Both connections verify the name in the certificate, with the variables of the container only."""
    script = ("python3", "-c", GET)
    address = "$QUARKUS_REST_CLIENT_REPORTS_URL/health"
    assert instance.run_in(instance.name, instance.name, *script, address, "/tmp/authorities.pem") == "200\n"
    reports = f"{instance.name}-reports"
    storage = f"https://{instance.name}-storage:{names.PORT_STORAGE}/healthz"
    assert instance.run_in(reports, reports, *script, storage, "$CRYOSTAT_STORAGE_TLS_CA_PATH") == "200\n"


def test_storage_and_database_require_keys_password_and_tls(instance: Running) -> None:
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


PRESIGNED = """
import datetime, os
from dataclasses import replace
from pathlib import Path
from tests.operands.backends import Storage
storage = Storage.from_env(os.environ, Path("/tmp/authorities.pem"))
path = "archivedrecordings/presigned"
storage.request("PUT", path, b"a recording")
url, now = f"{storage.endpoint}/{path}", datetime.datetime.now(datetime.UTC)
valid = storage.signer.presigned("GET", url, now, 600)
print(valid)
print(storage.signer.presigned("GET", url, now - datetime.timedelta(hours=1), 600))
print(valid[:-8] + "00000000")
print(storage.signer.presigned("GET", f"{url}2", now, 600).replace("/presigned2?", "/presigned?"))
print(replace(storage.signer, secret_key="wrong").presigned("GET", url, now, 600))
print(replace(storage.signer, access_key="wrong").presigned("GET", url, now, 600))
"""


DOWNLOAD = """
import os, ssl, sys, urllib.error, urllib.request
context = ssl.create_default_context(cafile=os.path.expandvars(sys.argv[1]))
for url in sys.argv[2:]:
    try:
        print(urllib.request.urlopen(url, timeout=10, context=context).status)
    except urllib.error.HTTPError as error:
        print(error.code)
"""


def test_presigned_urls_are_valid_for_a_time_and_for_what_was_signed(instance: Running) -> None:
    """The application signs them with its keys; report generators download with them, and verify the certificate."""
    urls = instance.run_in(instance.name, instance.name, "python3", "-c", PRESIGNED).split()
    name = f"{instance.name}-reports"
    answers = instance.run_in(name, name, "python3", "-c", DOWNLOAD, "$CRYOSTAT_STORAGE_TLS_CA_PATH", *urls).split()
    # Valid, expired, forged, for another object, with a wrong secret key, with a wrong access key.
    assert answers == ["200"] + ["403"] * 5


def refused(instance: Running, *command: str) -> str:
    """Run a command in the application's container that must fail, and return its errors."""
    with pytest.raises(KubectlError) as error:
        instance.run_in(instance.name, instance.name, *command)
    return str(error.value.stderr)


SLOW_START = "/var/lib/pgsql/data/slow-start"  # seconds; the entry point of the database's image reads it


def test_new_pods_have_the_former_data_and_do_not_restart_with_a_slow_database(instance: Running) -> None:
    """All pods start at once, and the database needs a minute."""
    user = instance.login()
    put = ("--request", "PUT", "--data-binary", "a secret value")
    assert instance.request("/kept/first", user, *put)[0] == 204
    store = (f"{instance.name}-database", f"{instance.name}-db")
    instance.run_in(*store, "sh", "-c", f"echo 60 >{SLOW_START}")
    before = {pod["metadata"]["uid"] for pod in instance.pods}
    for pod in instance.pods:
        instance.api.delete(pod)

    def replaced() -> bool:
        pods = instance.pods
        return len(pods) == PODS and not before & {pod["metadata"]["uid"] for pod in pods} and instance.is_ready

    eventually(replaced, PATIENCE, "all pods are new")
    assert restarts(instance.pods) == 0
    instance.run_in(*store, "rm", SLOW_START)
    value = "a secret value"
    kept = eventually(lambda: instance.stored_values("first", user), PATIENCE, "the application answers")
    assert kept == {"database": value, "storage": value}
    stored = instance.run_in(*store, "psql", "-U", "postgres", "-d", "cryostat", "-Atc", "SELECT name, value FROM kept")
    assert "first" in stored
    assert value.encode().hex() not in stored, "the value is encrypted"


def database(instance: Running) -> Object:
    """The pod of the database, once its container has started."""

    def started() -> Object | None:
        pods = [pod for pod in instance.pods if owner(pod) == f"{instance.name}-database"]
        statuses = [status for pod in pods for status in pod["status"].get("containerStatuses") or ()]
        return pods[0] if len(pods) == 1 and statuses and "running" in statuses[0]["state"] else None

    return eventually(started, PATIENCE, "the database runs") or {}


def set_resources(instance: Running, resources: Object) -> None:
    # A merge patch keeps keys that it does not contain.
    spec = {"resources": {"databaseResources": {"limits": None, **resources}}}
    instance.api.patch(instance.cryostat, {"spec": spec})


def ask_for_too_much(instance: Running) -> None:
    set_resources(instance, {"requests": {"cpu": "100", "memory": "64Mi"}})


def hide_image(instance: Running) -> None:
    instance.node.rename(IMAGES["database"][1], HIDDEN)
    former = database(instance)
    instance.api.delete(former)
    # Two servers with the same data directory would destroy the data.
    eventually(lambda: not instance.api.find("v1", "Pod", former["metadata"]["name"], HOME), PATIENCE, "it has ended")


def crash_twice(instance: Running) -> None:
    """Kill a container twice, because the kubelet restarts it without back-off the first time."""
    killed = ""
    for _ in range(2):
        eventually(lambda: container_of(database(instance)) != killed, PATIENCE, "a new container runs")  # noqa: B023
        killed = container_of(database(instance))
        instance.node.signal(killed, signal.SIGKILL)


def use_too_much_memory(instance: Running) -> None:
    """Send a body that is larger than the memory limit of the application, which keeps it in memory."""
    user = instance.login()
    instance.run("sh", "-c", "head -c 300000000 /dev/zero >/tmp/large")
    for _ in range(2):
        answers = eventually(lambda: instance.request("/health", user)[0] == 200, PATIENCE, "the application answers")
        assert answers
        with suppress(KubectlError):  # the connection ends
            instance.request("/digest", user, "--upload-file", "/tmp/large", "--max-time", "60")


def repair(instance: Running) -> None:
    set_resources(instance, sample(HOME)["spec"]["resources"]["databaseResources"])


def show_image(instance: Running) -> None:
    """Restore the name of the image, and replace the pod: the kubelet retries a pull after up to a minute."""
    instance.node.rename(HIDDEN, IMAGES["database"][1])
    [waiting] = [pod for pod in instance.pods if owner(pod) == f"{instance.name}-database"]
    instance.api.delete(waiting)


HIDDEN = "cryostat.test/hidden:1"
Change = Callable[[Running], None]
OUT_OF_MEMORY = f"was killed because it used more memory than its limit of {APPLICATION_MEMORY}"
FAILURES: list[tuple[Change, str, Change]] = [  # the failure, the expected words of the status, the repair
    (ask_for_too_much, "Insufficient cpu", repair),
    (hide_image, f'cannot pull image "{IMAGES["database"][1]}" (', show_image),
    (crash_twice, "with exit code 137", lambda instance: None),
    (use_too_much_memory, OUT_OF_MEMORY, lambda instance: None),
]


@pytest.mark.parametrize(("fail", "words", "undo"), FAILURES)
def test_the_status_has_the_cause_of_a_failed_container(
    instance: Running, fail: Change, words: str, undo: Change
) -> None:
    fail(instance)
    try:
        eventually(lambda: words in condition(instance.cryostat, "Ready")["message"], PATIENCE, "the status says why")
    except TimeoutError:
        print(json.dumps([instance.cryostat["status"]["conditions"], instance.pods], indent=1))
        raise
    finally:
        undo(instance)

    def recovered() -> bool:
        # The status may not yet have the last of several failures.
        return instance.is_ready and instance.request("/health", instance.login())[0] == 200

    eventually(recovered, PATIENCE, "the instance is Ready again, and answers")


PEER = """
import hashlib, socket, ssl, sys
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
for address in sys.argv[1:]:
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), 5) as plain:
        if port == "5432":  # PostgreSQL starts TLS on request
            plain.sendall(bytes.fromhex("0000000804d2162f"))
            plain.recv(1)
        with context.wrap_socket(plain) as connection:
            print(hashlib.sha256(connection.getpeercert(True)).hexdigest())
"""


CERTIFICATES = ("", "-agent", "-database", "-storage")


def served_certificates(instance: Running) -> list[str]:
    """The hashes of the certificates that programs of an instance serve. Empty if one does not respond.

    The storage is left out, because it loads a new certificate every five hours.
    """
    addresses = [
        f"localhost:{names.PORT_AUTH_PROXY}",
        f"localhost:{names.PORT_AGENT_GATEWAY}",
        f"{instance.name}-database:{names.PORT_DATABASE}",
    ]
    with suppress(KubectlError):
        return instance.run_in(instance.name, instance.name, "python3", "-c", PEER, *addresses).split()
    return []


def storage_certificate(instance: Running) -> str:
    """The certificate that the storage loads next, in base64 without line breaks."""
    name = f"{instance.name}-storage"
    path = f"{names.SECRETS_DIR}/{name}-tls/tls.crt"
    return instance.run_in(name, name, "base64", "--wrap=0", path)


def test_a_new_login_and_new_certificates_reach_the_programs(instance: Running) -> None:
    former = instance.login()
    certificates = served_certificates(instance)
    assert len(set(certificates)) == 3
    stored = storage_certificate(instance)
    for secret in (f"{instance.name}{part}-tls" for part in CERTIFICATES):
        instance.api.delete({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret, "namespace": HOME}})
    metadata = {"name": instance.cryostat["status"]["basicAuthSecret"], "namespace": HOME}
    instance.api.delete({"apiVersion": "v1", "kind": "Secret", "metadata": metadata})

    def generated() -> bool:
        with suppress(ApiError):
            return instance.login() != former
        return False

    eventually(generated, PATIENCE, "the login is generated again")
    path = "/api/v4/targets"
    eventually(lambda: instance.request(path, instance.login())[0] == 200, PATIENCE, "the new login works")
    # Pods are replaced for new certificates, so a request may get no response.
    eventually(lambda: instance.request(path, former)[0] in (401, 403), PATIENCE, "the former login is refused")

    def renewed() -> bool:
        found = served_certificates(instance)
        return len(found) == len(certificates) and not set(found) & set(certificates)

    eventually(renewed, PATIENCE, "the programs serve new certificates")
    eventually(lambda: storage_certificate(instance) != stored, PATIENCE, "the storage has a new certificate")
    eventually(lambda: instance.is_ready, PATIENCE, "the instance is Ready again")


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
    eventually(
        lambda: instance.request("/kept/saved", user, *put)[0] == 204, PATIENCE, "the application stores the value"
    )
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

    instance.api.create(secret)  # The Cryostat refers to this Secret, which is not part of the backup.
    restored = cryostat_operator(kubeconfig, "restore", "-n", HOME, "--from", str(tmp_path / "backup"))
    assert restored.returncode == 0, restored.stdout + restored.stderr
    eventually(lambda: instance.is_ready, PATIENCE, "the restored instance is Ready")
    new_user = instance.login()
    kept = eventually(lambda: instance.stored_values("saved", new_user), PATIENCE, "the restored application answers")
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


def cryostat_operator(kubeconfig: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command with this kubeconfig and a passphrase."""
    env = {**os.environ, PASSPHRASE[0]: PASSPHRASE[1], "KUBECONFIG": str(kubeconfig)}
    program = Path(sys.executable).parent / "cryostat-operator"
    return subprocess.run([program, *arguments], env=env, capture_output=True, text=True)
