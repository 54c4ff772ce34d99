"""Probes of an instance fail with their programs, and its status has the cause of a container that does not run."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cryostat_operator.images import IMAGES
from tests.cluster.api import Object, condition
from tests.cluster.kubectl import KubectlError
from tests.node.installation import sample
from tests.node.instance import (
    APPLICATION_MEMORY,
    HOME,
    RESTRICTED,
    Running,
    client,
    container_of,
    deployment_name,
    wait_until,
)

# The instance becomes Ready within minutes, also after the changes of each test.
pytestmark = pytest.mark.timeout(900)


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
        wait_until(all_failed, "a probe of each container fails")
        words = f"container {name} runs, but its readiness probe ("
        wait_until(lambda: words in condition(instance.cryostat, "Ready")["message"], "the status names the probe")
    finally:
        resume(set(stopped))
    wait_until(lambda: instance.is_ready, "the instance is Ready again")


def database(instance: Running) -> Object:
    """The pod of the database, once its container has started."""

    def started() -> Object | None:
        pods = [pod for pod in instance.pods if deployment_name(pod) == f"{instance.name}-database"]
        statuses = [status for pod in pods for status in pod["status"].get("containerStatuses") or ()]
        return pods[0] if len(pods) == 1 and statuses and "running" in statuses[0]["state"] else None

    return wait_until(started, "the database runs") or {}


def set_resources(instance: Running, resources: Object) -> None:
    # A merge patch keeps keys that it does not contain.
    spec = {"resources": {"databaseResources": {"limits": None, **resources}}}
    instance.api.patch(instance.cryostat, {"spec": spec})


def ask_for_too_much(instance: Running) -> None:
    set_resources(instance, {"requests": {"cpu": "100", "memory": "64Mi"}})


def end_database(instance: Running) -> None:
    """Delete the pod of the database, which another one replaces, and wait until it has ended."""
    former = database(instance)
    instance.api.delete(former)
    # Two servers with the same data directory would destroy the data.
    wait_until(lambda: not instance.api.find("v1", "Pod", former["metadata"]["name"], HOME), "it has ended")


def replace_waiting_pod(instance: Running) -> None:
    """Replace a pod of the database that cannot start: the kubelet tries again after up to a minute."""
    [waiting] = [pod for pod in instance.pods if deployment_name(pod) == f"{instance.name}-database"]
    instance.api.delete(waiting)


def hide_image(instance: Running) -> None:
    instance.node.rename(IMAGES["database"][1], HIDDEN)
    end_database(instance)


def crash_twice(instance: Running) -> None:
    """Kill a container twice, because the kubelet restarts it without back-off the first time."""
    killed = ""
    for _ in range(2):
        wait_until(lambda: container_of(database(instance)) != killed, "a new container runs")  # noqa: B023
        killed = container_of(database(instance))
        instance.node.signal(killed, signal.SIGKILL)


def use_too_much_memory(instance: Running) -> None:
    """Send a body that is larger than the memory limit of the application, which keeps it in memory."""
    user = instance.login()
    instance.run("sh", "-c", "head -c 300000000 /dev/zero >/tmp/large")
    for _ in range(2):
        answers = wait_until(lambda: instance.request("/health", user)[0] == 200, "the application answers")
        assert answers
        with suppress(KubectlError):  # the connection ends
            instance.request("/digest", user, "--upload-file", "/tmp/large", "--max-time", "60")


def variable_of_missing_key(instance: Running) -> str:
    """A variable with the value of a key that a Secret does not have."""
    variable, source = "Object.spec.containers.env", "Object.spec.containers.env.valueFrom"
    reference = f"{source}.secretKeyRef{{name: '{instance.name}-db', key: 'absent'}}"
    value = f"{variable}{{name: 'ADDED', valueFrom: {source}{{secretKeyRef: {reference}}}}}"
    return f"JSONPatch{{op: 'add', path: '/spec/containers/0/env/-', value: {value}}}"


def volume_of_missing_secret() -> str:
    """A volume of a Secret that does not exist, and its mount."""
    secret = "Object.spec.volumes.secret{secretName: 'absent'}"
    volume = f"Object.spec.volumes{{name: 'absent', secret: {secret}}}"
    mount = "Object.spec.containers.volumeMounts{name: 'absent', mountPath: '/absent'}"
    paths = {"/spec/volumes/-": volume, "/spec/containers/0/volumeMounts/-": mount}
    return ", ".join(f"JSONPatch{{op: 'add', path: '{path}', value: {value}}}" for path, value in paths.items())


def policy(patches: str) -> list[Object]:
    """A policy that changes new pods of the database."""
    match = {
        "resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": HOME}},
        "objectSelector": {"matchLabels": {"component": "database"}},
    }
    mutations = [{"patchType": "JSONPatch", "jsonPatch": {"expression": f"[{patches}]"}}]
    spec = {"matchConstraints": match, "reinvocationPolicy": "Never", "mutations": mutations}
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": "absent"}}
    return [
        {**head, "kind": "MutatingAdmissionPolicy", "spec": spec},
        {**head, "kind": "MutatingAdmissionPolicyBinding", "spec": {"policyName": "absent"}},
    ]


def wait_for_policy(instance: Running, *, changed: bool) -> None:
    """Wait until the policy changes new pods, or does not change them any more."""
    trial = client(HOME)
    trial["metadata"]["labels"] = {"component": "database"}
    trial["spec"]["volumes"] = [{"name": "first", "emptyDir": {}}]
    trial["spec"]["containers"][0]["env"] = [{"name": "FIRST", "value": "1"}]
    trial["spec"]["containers"][0]["volumeMounts"] = [{"name": "first", "mountPath": "/first"}]

    def is_in_effect() -> bool:
        created = instance.api.create(trial, dryRun="All")
        return ("'absent'" in str(created["spec"])) == changed

    wait_until(is_in_effect, "the policy has an effect" if changed else "the policy has no effect")


def change_database(instance: Running, patches: str) -> None:
    for obj in policy(patches):
        instance.api.create(obj)
    wait_for_policy(instance, changed=True)
    end_database(instance)


def refer_to_missing_key(instance: Running) -> None:
    change_database(instance, variable_of_missing_key(instance))


def mount_missing_secret(instance: Running) -> None:
    change_database(instance, volume_of_missing_secret())


def remove_policy(instance: Running) -> None:
    for obj in policy(""):
        instance.api.delete(obj)
    wait_for_policy(instance, changed=False)
    replace_waiting_pod(instance)


def run_as(instance: Running, user: int | None, level: str) -> None:
    """Set the user of the database, in a namespace of this Pod Security level: `restricted` refuses the pod of root."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOME}}
    instance.api.patch(namespace, {"metadata": {"labels": dict.fromkeys(RESTRICTED, level)}})
    context = None if user is None else {"runAsUser": user}
    instance.api.patch(instance.cryostat, {"spec": {"securityOptions": {"databaseSecurityContext": context}}})


def run_as_root(instance: Running) -> None:
    run_as(instance, 0, "baseline")


def run_as_other_user(instance: Running) -> None:
    run_as(instance, None, "restricted")


def repair(instance: Running) -> None:
    set_resources(instance, sample(HOME)["spec"]["resources"]["databaseResources"])


def show_image(instance: Running) -> None:
    instance.node.rename(HIDDEN, IMAGES["database"][1])
    replace_waiting_pod(instance)


HIDDEN = "cryostat.test/hidden:1"
Change = Callable[[Running], None]
OUT_OF_MEMORY = f"was killed because it used more memory than its limit of {APPLICATION_MEMORY}"
MISSING_SECRET = (
    """event FailedMount of kubelet: "MountVolume.SetUp failed for volume 'absent' : secret 'absent' not found"""
)
FAILURES: list[tuple[Change, str, Change]] = [  # the failure, the expected words of the status, the repair
    (ask_for_too_much, "Insufficient cpu", repair),
    (hide_image, f'cannot pull image "{IMAGES["database"][1]}" (', show_image),
    (refer_to_missing_key, f"couldn't find key absent in Secret {HOME}/", remove_policy),
    (mount_missing_secret, MISSING_SECRET, remove_policy),
    (run_as_root, "container's runAsUser breaks non-root policy", run_as_other_user),
    (crash_twice, "with exit code 137", lambda instance: None),
    (use_too_much_memory, OUT_OF_MEMORY, lambda instance: None),
]


@pytest.mark.parametrize(("fail", "words", "undo"), FAILURES)
def test_the_status_has_the_cause_of_a_failed_container(
    instance: Running, fail: Change, words: str, undo: Change
) -> None:
    fail(instance)
    try:
        wait_until(lambda: words in condition(instance.cryostat, "Ready")["message"], "the status says why")
    except TimeoutError:
        print(json.dumps([instance.cryostat["status"]["conditions"], instance.pods], indent=1))
        raise
    finally:
        undo(instance)

    def recovered() -> bool:
        # The status may not yet have the last of several failures.
        return instance.is_ready and instance.request("/health", instance.login())[0] == 200

    wait_until(recovered, "the instance is Ready again, and answers")
