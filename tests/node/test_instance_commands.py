"""`must-gather` from the operator's image, and `status`, about an instance whose pods run."""

from __future__ import annotations

import base64
import io
import json
import tarfile

import pytest

from tests.cluster.api import Object
from tests.cluster.operator_process import NAMESPACE
from tests.node.applications import container, deployment
from tests.node.commands import cryostat_operator
from tests.node.conftest import NamespaceFactory
from tests.node.instance import HOME, TARGET, UNPRIVILEGED, Running, wait_until
from tests.node.operator_image import REFERENCE
from tests.node.pods import start
from tests.node.replicas import replicas
from tests.node.shell import Shell

pytestmark = pytest.mark.timeout(900)
FOLDER = "/must-gather"  # `oc adm must-gather` copies this folder
PREFIX = "cryostat-must-gather/"
PUBLIC = ("tls.crt", "ca.crt", "username", "ACCESS_KEY")


def gatherer(namespace: str) -> Object:
    """A pod of the operator's image that waits for commands, as `oc adm must-gather` creates one."""
    main = {
        "name": "gather",
        "image": REFERENCE,
        "command": ["sleep", "infinity"],
        "securityContext": UNPRIVILEGED,
        "volumeMounts": [{"name": "output", "mountPath": FOLDER}],
    }
    spec = {"containers": [main], "volumes": [{"name": "output", "emptyDir": {}}], "terminationGracePeriodSeconds": 0}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "gather", "namespace": namespace}, "spec": spec}


def gathered(running: Running, namespace: str) -> dict[str, str]:
    """Path → content of the archive that the entry point of the image writes as a cluster administrator."""
    node, account = running.node, f"system:serviceaccount:{namespace}:default"
    node.kubectl("create", "clusterrolebinding", namespace, "--clusterrole=cluster-admin", f"--user={account}")
    try:
        start(node, gatherer(namespace))
        with Shell(node, namespace, "gather", "gather") as shell:
            shell.run("/usr/bin/gather", FOLDER)
            read = "import base64, sys; print(base64.b64encode(open(sys.argv[1], 'rb').read()).decode())"
            archive = base64.b64decode(shell.run("python3", "-c", read, f"{FOLDER}/cryostat-must-gather.tar.gz"))
    finally:
        node.kubectl("delete", "clusterrolebinding", namespace)
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        return {
            entry.name.removeprefix(PREFIX): content.read().decode()
            for entry in files
            if (content := files.extractfile(entry))
        }


def forms(stored: str) -> set[str]:
    """The texts by which a value of a Secret is recognized: as stored, decoded, encoded again, and each line of PEM.

    Args:
        stored: the value in base64, as the API server returns it.
    """
    content = base64.b64decode(stored)
    text = content.decode(errors="ignore").strip()
    keys = text.splitlines() if "PRIVATE KEY-----" in text else []
    lines = {line for line in keys if len(line) >= 32 and not line.startswith("-----")}  # the last one may be short
    return {stored, text, base64.b64encode(text.encode()).decode(), *lines} - {""}


def secret_values(running: Running) -> dict[str, set[str]]:
    """The forms of the values of all Secrets of the instance that are not public, by Secret and key."""
    return {
        f"{secret['metadata']['name']}/{key}": forms(value)
        for namespace in (HOME, TARGET)
        for secret in running.api.list("v1", "Secret", namespace)
        for key, value in (secret.get("data") or {}).items()
        if key not in PUBLIC
    }


def test_must_gather_has_logs_and_metrics_and_no_secret(instance: Running, namespace: NamespaceFactory) -> None:
    stored = "a value in database and storage"
    put = ("--request", "PUT", "--data-binary", stored)
    wait_until(lambda: instance.request("/kept/gathered", instance.login(), *put)[0] == 204, "the value is stored")
    pods = {pod["metadata"]["name"] for pod in replicas(instance.node)}
    files = gathered(instance, namespace())
    logs = {path: text for path, text in files.items() if "/logs/" in path and text}
    application = [path for path in logs if path.startswith(f"{HOME}/{instance.name}/logs/{instance.name}-")]
    assert [path for path in application if path.endswith(f"-{instance.name}.log")], sorted(files)
    for pod in pods:
        assert f"operator/{NAMESPACE}/logs/{pod}-operator.log" in logs
        assert "cryostat_operator_queue_depth" in files[f"operator/{NAMESPACE}/metrics/{pod}.txt"]
    assert "## Not collected" not in files["README.md"]
    values = {**secret_values(instance), "stored value": forms(base64.b64encode(stored.encode()).decode())}
    assert any(place.endswith("/htpasswd") and ":$2" in "".join(found) for place, found in values.items()), list(values)
    assert any(place.endswith("/tls.key") and len(found) > 3 for place, found in values.items()), list(values)
    for place, found in values.items():
        assert [path for path, text in files.items() if any(form in text for form in found)] == [], place


def test_status_shows_the_number_of_pods_with_an_agent(instance: Running) -> None:
    workload = instance.api.create(deployment(instance, "counted", container("main")))

    def counts() -> dict[str, int]:
        done = cryostat_operator(instance.node.kubeconfig, "status", "-n", HOME, "-o", "json")
        assert done.returncode == 0, done.stdout + done.stderr
        [shown] = json.loads(done.stdout)["instances"]
        return {each["namespace"]: each["podsWithAgent"] for each in shown["targetNamespaces"]}

    try:
        wait_until(lambda: counts() == {HOME: 0, TARGET: 1}, "the pod with an agent is counted")
    finally:
        instance.api.delete(workload)
    wait_until(lambda: counts()[TARGET] == 0, "the pod has ended")
