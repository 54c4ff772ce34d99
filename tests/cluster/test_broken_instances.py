"""Clusters that are broken in twelve ways: `kubectl cryostat status` names the cause and the next command of each.

All are broken at the same time, each in its own namespace.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cryostat_operator import cli
from cryostat_operator.api import constants
from tests.cluster import webhooks
from tests.cluster.api import Object, eventually
from tests.cluster.controlplane import ControlPlane
from tests.cluster.operator_process import DEPLOYMENT, LEASES, NAMESPACE, manifests
from tests.cluster.processes import free_ports
from tests.cluster.router import Router
from tests.cluster.scenario import Scenario
from tests.unit.inspect.instance import certificate

KEYS = {"CONNECTION_KEY": "one", "ENCRYPTION_KEY": "two"}
NOT_READY = [{"type": kind, "status": "False", "reason": "x"} for kind in ("Ready", "ContainersReady")]
OLDER = {"DISABLE_SERVICE_TLS": "false", "RELATED_IMAGE_CORE": "quay.io/cryostat/cryostat:4.1.0"}
HOST = "taken.example.com"


@pytest.fixture
def scenario(openshift_plane: ControlPlane, tmp_path: Path) -> Iterator[Scenario]:
    """An operator that encrypts the traffic between components."""
    scenario = Scenario(openshift_plane, tmp_path, {"DISABLE_SERVICE_TLS": "false"})
    scenario.start()
    yield scenario
    scenario.clean()
    scenario.stop()


class User:
    """A user who knows no more about the cluster than `kubectl cryostat status` prints.

    It runs in this process, because the imports take most of the CPU time of the program.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._env = {"KUBECONFIG": str(scenario.plane.kubeconfig)}

    def _status(self, *arguments: str) -> Result:
        return CliRunner().invoke(cli.main, ["status", *arguments], env=self._env)

    def finds(self, where: str, *words: str, next_command: str, among: int = 1) -> str:
        """Check the exit status, and that one of the first `among` causes has these words and this next command."""
        done = self._status("x", "-n", where)
        assert done.exit_code == 1, done.output
        _, *causes = f"{done.stdout}\n".split("\nCause: ")
        wanted = [*words, f"  Next: {next_command}\n"]
        assert any(all(word in cause for word in wanted) for cause in causes[:among]), done.stdout
        return done.stdout

    def refused(self, where: str) -> str:
        """The error of a namespace without Cryostat."""
        done = self._status("-n", where)
        assert (done.exit_code, done.stdout) == (2, "")
        return done.stderr


def test_a_user_finds_the_cause_with_one_command(scenario: Scenario, router: Router) -> None:
    place = {name: scenario.namespace(name) for name in ("secret", "targets", "route", "quota", "claim", "image")}
    place |= {name: scenario.namespace(name) for name in ("expired", "keys", "paused", "policy")}
    break_from_the_start(scenario, place)
    break_later(scenario, place)
    user = User(scenario)
    n = place["secret"]
    user.finds(n, "SecretNotFound", "Secret absent does not exist", next_command=f"kubectl -n {n} get secrets")
    n = place["targets"]
    user.finds(n, "Target namespace absent does not exist. Create it", next_command="kubectl get namespaces")
    user.finds(place["route"], "RouteRejected", f"holds {HOST}", next_command="kubectl get routes --all-namespaces")
    n = place["quota"]
    user.finds(
        n,
        "exceeded quota: few",
        f"Raise pods in spec.hard of ResourceQuota {n}/few",
        next_command=f"kubectl -n {n} describe replicasets,resourcequota",
    )
    n = place["claim"]
    user.finds(
        n,
        "PersistentVolumeClaim x-database is not bound",
        "StorageClass none ",  # `exists` in the first minute, then `does not exist`
        next_command=f"kubectl -n {n} describe persistentvolumeclaim x-database",
    )
    n = place["image"]
    user.finds(
        n,
        "StorageImagePullFailed",
        "registry.example.com/storage:1: not found",
        next_command=f"kubectl -n {n} describe pods -l app=x,kind=cryostat",
    )
    n = place["expired"]
    user.finds(
        n,
        f"The certificate in Secret {n}/x-tls expired",
        next_command=f"kubectl -n {n} annotate cryostat x operator.cryostat.io/pause-reconciliation-",
    )
    n = place["keys"]
    user.finds(
        n,
        "Secret keys does not fit the data of the database: ENCRYPTION_KEY",
        next_command=f"kubectl -n {n} describe secret keys",
    )
    n = place["paused"]
    user.finds(
        n,
        "Reconciliation is paused",
        next_command=f"kubectl -n {n} annotate cryostat x operator.cryostat.io/pause-reconciliation-",
    )
    n = place["policy"]
    user.finds(
        n,
        f"NetworkPolicy {n}/deny-all restricts egress of pods of this instance",
        next_command=f"kubectl -n {n} describe networkpolicies deny-all",
    )
    no_webhook(scenario, user, place)
    no_operator(scenario, user, place)
    an_older_release(scenario, user, place)


def break_from_the_start(scenario: Scenario, place: dict[str, str]) -> None:
    """Cryostats whose spec does not fit the cluster, and those that are ready first."""
    taken = {"networkOptions": {"coreConfig": {"externalHost": HOST}}}
    scenario.wait_until_ready(scenario.cryostat(place["paused"], **taken))
    time.sleep(1.1)  # creation times are whole seconds, and the older Route keeps the host
    scenario.cryostat(place["route"], **taken)
    scenario.cryostat(place["secret"], declarativeCredentials=[{"secretName": "absent"}])
    scenario.cryostat(place["targets"], targetNamespaces=[place["targets"], "absent"])
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few", "namespace": place["quota"]}}
    scenario.api.create({**quota, "spec": {"hard": {"pods": "0"}}})
    scenario.cryostat(place["quota"])
    scenario.cryostat(place["claim"], storageOptions={"database": {"pvc": {"spec": {"storageClassName": "none"}}}})
    scenario.secret(place["keys"], "keys", **KEYS)
    scenario.cryostat(place["keys"], databaseOptions={"secretName": "keys"})
    for name in ("image", "expired", "policy"):
        scenario.cryostat(place[name])
    for name in ("image", "expired", "policy", "keys"):
        scenario.wait_until_ready(cryostat_in(scenario, place[name]))


def break_later(scenario: Scenario, place: dict[str, str]) -> None:
    """Faults that come to an instance that is ready."""
    waiting = {
        "reason": "ErrImagePull",
        "message": 'failed to resolve reference "registry.example.com/storage:1": '
        "registry.example.com/storage:1: not found",
    }
    fail_pod(scenario, place["image"], "storage", {"waiting": waiting}, phase="Pending")
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "deny-all", "namespace": place["policy"]},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"]},
    }
    scenario.api.create(policy)
    fail_pod(scenario, place["policy"], "cryostat", {"running": {}})
    scenario.api.patch(scenario.get("Secret", place["keys"], "keys"), {"stringData": {"ENCRYPTION_KEY": "three"}})
    for name in ("paused", "expired"):
        paused = scenario.annotate(cryostat_in(scenario, place[name]), **{constants.ANNOTATION_PAUSE: "true"})
        scenario.wait_for_reason(paused, "Paused")
    old = scenario.get("Secret", place["expired"], "x-tls")
    scenario.api.delete(old)
    meta = {key: old["metadata"][key] for key in ("name", "namespace", "labels", "ownerReferences")}
    new = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": old["type"]}
    scenario.api.create({**new, "data": {**old["data"], "tls.crt": certificate(-3)}})
    for name, reason in {
        "secret": "SecretNotFound",
        "targets": "NamespaceNotFound",
        "route": "RouteRejected",
        "quota": "DatabaseReplicaFailure",
        "claim": "DatabaseVolumePending",
        "image": "StorageImagePullFailed",
        "keys": "DatabaseKeysMismatched",
        "policy": "MainDeploymentUnavailable",
    }.items():
        scenario.wait_for_reason(cryostat_in(scenario, place[name]), reason)


def no_webhook(scenario: Scenario, user: User, place: dict[str, str]) -> None:
    """The webhook of the operator does not answer: the command reports this with and without a Cryostat."""
    [port] = free_ports(1)
    rule = {
        "apiGroups": [constants.GROUP],
        "apiVersions": ["*"],
        "operations": ["CREATE", "UPDATE"],
        "resources": [constants.PLURAL],
    }
    webhook = {
        "name": "vcryostat.kb.io",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "timeoutSeconds": 2,
        "clientConfig": {"url": f"https://127.0.0.1:{port}/x"},
        "rules": [rule],
    }
    head = {"apiVersion": webhooks.ADMISSION, "kind": "ValidatingWebhookConfiguration"}
    made = scenario.api.create({**head, "metadata": {"name": webhooks.VALIDATING}, "webhooks": [webhook]})
    empty = scenario.namespace("empty")
    eventually(lambda: "vcryostat.kb.io" in user.refused(empty), what="the API server calls the webhook")
    command = f"kubectl -n {NAMESPACE} get pods,services,endpointslices"
    user.finds(place["route"], "WebhookUnreachable", "vcryostat.kb.io", "connection refused", next_command=command)
    assert "There is no Cryostat in namespace" in user.refused(empty)
    scenario.api.delete({**head, **made})
    eventually(lambda: "-A" in user.refused(empty), what="the API server does not call the webhook any more")
    assert "Namespace absent does not exist." in user.refused("absent")


def no_operator(scenario: Scenario, user: User, place: dict[str, str]) -> None:
    """The operator has died and does not start again."""
    assert scenario.operator
    scenario.operator.crash()
    lease = {"apiVersion": LEASES, "kind": "Lease", **scenario.api.get(LEASES, "Lease", constants.LEASE, NAMESPACE)}
    lease = scenario.api.patch(lease, {"spec": {"renewTime": "2024-01-01T00:00:00.000000Z"}})
    scenario.undo(lambda: scenario.api.delete({"apiVersion": LEASES, "kind": "Lease", **lease}))
    [deployment] = [obj for obj in manifests(deployment=True) if obj["kind"] == "Deployment"]
    deployment["spec"]["template"]["spec"]["nodeSelector"] = {"disk": "golden"}
    made = scenario.api.create(deployment)
    scenario.change(cryostat_in(scenario, place["image"]), reportOptions={"replicas": 1})
    user.finds(
        place["image"],
        "OperatorNotRunning",
        f"last renewed Lease {NAMESPACE}/{constants.LEASE}",
        f"No pod of the operator is ready (Deployment {NAMESPACE}/{DEPLOYMENT})",
        "has a change that no operator has read",
        next_command=f"kubectl -n {NAMESPACE} get pods,events",
    )
    scenario.api.delete(made)
    scenario.api.delete({"apiVersion": LEASES, "kind": "Lease", **lease})


def an_older_release(scenario: Scenario, user: User, place: dict[str, str]) -> None:
    """The operator that starts deploys an older release. Images of instances with data stay as they are."""
    assert scenario.operator
    older = Scenario(scenario.plane, scenario.operator.kubeconfig.parent / "older", OLDER)
    older.start()
    where = place["targets"]
    older.wait_for_reason(cryostat_in(scenario, where), "DowngradeNotConfirmed", type="UpgradeAllowed")
    command = f"kubectl -n {where} describe cryostat x"
    shown = user.finds(where, "DowngradeNotConfirmed", "allow-downgrade", next_command=command, among=2)
    assert "Release: Cryostat 4.2, PostgreSQL 16; desired: " in shown
    older.stop()


def cryostat_in(scenario: Scenario, where: str) -> Object:
    return scenario.api.get(constants.API_VERSION, constants.KIND, "x", where)


def fail_pod(scenario: Scenario, where: str, component: str, state: Object, **status: str) -> None:
    """Write the status of a pod as the kubelet does if its container is not ready."""
    [pod] = scenario.api.list("v1", "Pod", where, labelSelector=f"component={component}")
    container = pod["spec"]["containers"][0]["name"]
    containers = [{"name": container, "ready": False, "image": "i", "imageID": "", "restartCount": 0, "state": state}]
    changed = {**status, "containerStatuses": containers, "conditions": NOT_READY}
    scenario.api.patch(pod, {"status": changed}, "strategic", sub="status")
