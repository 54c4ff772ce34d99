"""Pods and workloads with the agent's labels, on a real API server."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.injection.java_options import INHERITED_OPTIONS
from cryostat_operator.plan.model import names
from tests.cluster.agent_pods import STRICT, STRICT_CONTAINER, agents, labels_of, pod
from tests.cluster.api import Api, ApiError, Object, eventually
from tests.cluster.operator_process import ROOT
from tests.cluster.webhooks import MUTATING, WebhookPlane

MakeNamespace = Callable[..., str]
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


def workload(kind: str, namespace: str, labels: dict[str, str]) -> Object:
    template = pod(namespace, {})
    spec = {
        "selector": {"matchLabels": {"app": "a"}},
        "template": {"metadata": {"labels": {"app": "a"}}, "spec": template["spec"]},
        **({"serviceName": "a"} if kind == "StatefulSet" else {}),
    }
    metadata = {"name": "app", "namespace": namespace, "labels": labels}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec}


@pytest.fixture
def home(webhooks: WebhookPlane, namespace: MakeNamespace) -> str:
    return namespace(webhooks.plane, "apps", labels=RESTRICTED)


@pytest.fixture
def instance(webhooks: WebhookPlane, home: str) -> Object:
    """An instance without TLS in a namespace that enforces the `restricted` level."""
    metadata = {"name": "sample", "namespace": home, "annotations": {constants.ANNOTATION_PAUSE: "true"}}
    spec = {"enableCertManager": False}
    return webhooks.api.create(
        {"apiVersion": constants.API_VERSION, "kind": "Cryostat", "metadata": metadata, "spec": spec}
    )


@pytest.fixture
def labels(instance: Object) -> dict[str, str]:
    metadata = instance["metadata"]
    return {constants.AGENT_LABEL_NAME: metadata["name"], constants.AGENT_LABEL_NAMESPACE: metadata["namespace"]}


def events(api: Api, namespace: str) -> list[str]:
    found = api.list("v1", "Event", namespace)
    return [each["message"] for each in found if each["reason"] == "AgentNotAdded"]


def test_a_pod_in_a_restricted_namespace_gets_the_agent(
    webhooks: WebhookPlane, home: str, labels: dict[str, str]
) -> None:
    made = webhooks.api.create(pod(home, labels))
    assert agents(made) == ["cryostat-agent-init"]
    [container] = made["spec"]["containers"]
    assert "JAVA_TOOL_OPTIONS" in [each["name"] for each in container["env"]]
    copied = {**pod(home, labels), "spec": made["spec"]}
    assert webhooks.api.create(copied)["spec"]["containers"] == made["spec"]["containers"]


def test_pods_without_labels_are_not_sent_to_the_operator(
    webhooks: WebhookPlane, home: str, labels: dict[str, str]
) -> None:
    before = webhooks.operator.get("/metrics")[1].count("/mutate--v1-pod")
    for number, given in enumerate([{}, {constants.AGENT_LABEL_NAME: "sample"}]):
        assert agents(webhooks.api.create(pod(home, given))) == [], number
    assert webhooks.operator.get("/metrics")[1].count("/mutate--v1-pod") == before


def test_a_missing_label_is_a_warning(webhooks: WebhookPlane, home: str) -> None:
    half = {constants.AGENT_LABEL_NAME: "sample"}
    said = webhooks.warnings(pod(home, {**half, "cryostat.io/namespce": home}))
    assert "Warning: Cryostat agent: not added: pods need the label cryostat.io/namespace" in said
    assert "label cryostat.io/namespce is probably misspelled" in said
    assert "pods need the label cryostat.io/namespace, too" in webhooks.warnings(workload("Deployment", home, half))


def test_the_policy_warns_if_both_labels_are_misspelled(webhooks: WebhookPlane, home: str) -> None:
    """The API server does not send such a pod to the operator."""
    wrong = {"cryostat.io/nmae": "sample", "cryostat.io/namspace": home}
    near = {
        "cryostat.io/namspace (did you mean cryostat.io/namespace?)",
        "cryostat.io/nmae (did you mean cryostat.io/name?)",
    }
    assert "Cryostat agent" not in webhooks.warnings(pod(home, wrong))
    policies = ROOT / "manifests/policies/agent-labels.yaml"
    webhooks.plane.kubectl("apply", "-f", policies)
    try:
        said = eventually(lambda: _warning(webhooks.warnings(pod(home, wrong)), _NEEDED), what="the policy is enforced")
        assert _listed(said) == near
        assert _listed(webhooks.warnings(workload("Deployment", home, wrong))) == near
        only_level = workload("StatefulSet", home, {"cryostat.io/log-level": "info"})
        assert _listed(webhooks.warnings(only_level)) == {"cryostat.io/log-level"}
        in_template = workload("DaemonSet", home, {})
        in_template["spec"]["template"]["metadata"]["labels"] |= {"cryostat.io/name": "sample"}
        assert _listed(webhooks.warnings(in_template)) == {"cryostat.io/name"}
        annotated = pod(home, {})
        annotated["metadata"]["annotations"] = labels_of(home, "sample")
        assert _listed(webhooks.warnings(annotated)) == {f"annotation {label}" for label in labels_of(home, "sample")}
        right = workload("Deployment", home, {"cryostat.io/log-level": "info"})
        right["metadata"]["name"] = "right"
        right["spec"]["template"]["metadata"]["labels"] |= labels_of(home, "sample")
        assert "pods need the labels" not in webhooks.warnings(right)
        assert "pods need the labels" not in webhooks.warnings(pod(home, {"app": "a"}))
    finally:
        webhooks.plane.kubectl("delete", "-f", policies)


def test_only_pods_in_target_namespaces_get_the_agent(
    webhooks: WebhookPlane, labels: dict[str, str], namespace: MakeNamespace
) -> None:
    other = namespace(webhooks.plane, "other")
    said = webhooks.warnings(pod(other, labels))
    assert f"namespace {other} is not a target namespace of a Cryostat {labels['cryostat.io/namespace']}/sample" in said
    wrong = webhooks.warnings(pod(other, {**labels, constants.AGENT_LABEL_NAME: "absent"}))
    assert "is not a target namespace of a Cryostat" in wrong
    assert [agents(each) for each in webhooks.api.list("v1", "Pod", other)] == [[], []]


@pytest.mark.parametrize(
    ("label", "says"),
    [
        ({"cryostat.io/container": "none"}, 'no container "none"'),
        ({"cryostat.io/callback-port": "99999"}, "callback-port"),
        ({"cryostat.io/java-options-var": "1A"}, "java-options-var"),
    ],
)
def test_the_reason_for_a_missing_agent_is_reported(
    webhooks: WebhookPlane, home: str, labels: dict[str, str], label: dict[str, str], says: str
) -> None:
    said = webhooks.warnings(pod(home, {**labels, **label}))
    assert "Warning: Cryostat agent: not added" in said
    assert says in said
    assert agents(webhooks.api.list("v1", "Pod", home)[0]) == []
    eventually(lambda: any(says in message for message in events(webhooks.api, home)))


def test_no_event_is_repeated_or_recorded_on_a_dry_run(
    webhooks: WebhookPlane, home: str, labels: dict[str, str]
) -> None:
    wrong = {**labels, "cryostat.io/container": "none"}
    webhooks.api.create(pod(home, wrong), dryRun="All")
    deployment = workload("Deployment", home, labels)
    deployment["metadata"]["labels"] = wrong
    deployment["spec"]["replicas"] = 4
    said = webhooks.warnings(deployment)
    assert 'no container "none"' in said
    eventually(lambda: len(webhooks.api.list("v1", "Pod", home)) == 4)
    eventually(lambda: events(webhooks.api, home))
    [message] = events(webhooks.api, home)
    assert message.startswith(f"Pods of Deployment app in namespace {home}")


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_labels_on_workloads_are_copied_to_pods(
    webhooks: WebhookPlane, home: str, labels: dict[str, str], kind: str
) -> None:
    made = webhooks.api.create(workload(kind, home, labels))
    assert made["spec"]["template"]["metadata"]["labels"] == {"app": "a", **labels}
    if kind != "DaemonSet":  # the cluster has no node
        eventually(lambda: [agents(each) for each in webhooks.api.list("v1", "Pod", home)] == [["cryostat-agent-init"]])
    off = webhooks.api.patch(made, {"metadata": {"labels": dict.fromkeys(labels)}})
    assert off["spec"]["template"]["metadata"]["labels"] == {"app": "a"}
    again = webhooks.api.apply(workload(kind, home, {**labels, "cryostat.io/log-level": "info"}))
    assert again["spec"]["template"]["metadata"]["labels"]["cryostat.io/log-level"] == "info"
    changed = webhooks.api.apply(workload(kind, home, {**labels, "cryostat.io/log-level": "debug"}))
    assert changed["spec"]["template"]["metadata"]["labels"]["cryostat.io/log-level"] == "debug"


def test_options_from_a_config_map(webhooks: WebhookPlane, home: str, labels: dict[str, str]) -> None:
    """It may be created after the pod, and lose the key before the container starts again."""
    data = {"JAVA_TOOL_OPTIONS": "-Xmx1g"}
    metadata = {"name": "options", "namespace": home}
    webhooks.api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    for name in ("options", "missing"):
        container = {"envFrom": [{"configMapRef": {"name": name}}]}
        [made] = webhooks.api.create(pod(home, labels, container))["spec"]["containers"]
        [options] = [each for each in made["env"] if each["name"] == "JAVA_TOOL_OPTIONS"]
        assert options["value"].startswith(f"$({INHERITED_OPTIONS}) -javaagent:")
        given = [each for each in made["env"] if each["name"] == INHERITED_OPTIONS]
        reference = {"name": name, "key": "JAVA_TOOL_OPTIONS", "optional": True}
        assert given == [
            {"name": INHERITED_OPTIONS},
            {"name": INHERITED_OPTIONS, "valueFrom": {"configMapKeyRef": reference}},
        ]


def instrumented(pod: Object) -> list[str]:
    """The containers that have the agent."""
    containers = pod["spec"]["containers"]
    return [each["name"] for each in containers if "-javaagent:" in json.dumps(each.get("env") or [])]


def test_the_default_container_gets_the_agent_unless_others_are_named(
    webhooks: WebhookPlane, home: str, labels: dict[str, str]
) -> None:
    """As Istio and Argo Workflows write pods: their own container first, and an annotation with the user's one."""
    for first in ("istio-proxy", "wait", "helper"):
        containers = [{"name": name, "image": "app:1", "securityContext": STRICT_CONTAINER} for name in (first, "main")]
        given = pod(home, labels, containers=containers)
        given["metadata"]["annotations"] = {"kubectl.kubernetes.io/default-container": "main"}
        assert instrumented(webhooks.api.create(given)) == ["main"]
        assert "Warning: Cryostat agent:" not in webhooks.warnings(given)
        given["metadata"]["labels"] = {**labels, "cryostat.io/container": first}
        assert instrumented(webhooks.api.create(given)) == [first]
        given["metadata"]["annotations"]["cryostat.io/container"] = f"main,{first}"
        assert instrumented(webhooks.api.create(given)) == [first, "main"]
        assert "duplicate port name" not in webhooks.warnings(given)
        bare = pod(home, labels, containers=containers)
        guess = 'the agent is added to container "helper", the first of 2'
        assert (guess in webhooks.warnings(bare)) == (first == "helper")
        assert instrumented(webhooks.api.create(bare)) == ["helper" if first == "helper" else "main"]


def test_a_pod_with_the_agent_does_not_keep_its_node(webhooks: WebhookPlane, home: str, labels: dict[str, str]) -> None:
    key = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"
    for given, expected in (("", "cryostat-agent-init"), ("cache, tmp", "cache,tmp,cryostat-agent-init")):
        made = pod(home, labels)
        made["metadata"]["annotations"] = {key: given} if given else {}
        made = webhooks.api.create(made)
        assert made["metadata"]["annotations"][key] == expected
        volumes = [each["name"] for each in made["spec"]["volumes"] if "emptyDir" in each]
        assert set(volumes) <= set(expected.split(","))


def test_pods_of_a_job_and_with_native_sidecars_get_the_agent(
    webhooks: WebhookPlane, home: str, labels: dict[str, str]
) -> None:
    container = {"readOnlyRootFilesystem": True, **STRICT_CONTAINER}
    sidecar = {"name": "proxy", "image": "proxy:1", "restartPolicy": "Always", "securityContext": container}
    containers = [{"name": "app", "image": "app:1", "securityContext": container}]
    template = {
        "metadata": {"labels": labels},
        "spec": {**STRICT, "restartPolicy": "Never", "containers": containers, "initContainers": [sidecar]},
    }
    head = {"name": "batch", "namespace": home}
    webhooks.api.create({"apiVersion": "batch/v1", "kind": "Job", "metadata": head, "spec": {"template": template}})
    [made] = eventually(lambda: webhooks.api.list("v1", "Pod", home), what="the pod of the Job")
    assert agents(made) == ["proxy", "cryostat-agent-init"]
    assert instrumented(made) == ["app"]
    assert "restartPolicy" not in made["spec"]["initContainers"][1]  # it ends, so the Job can complete


def test_with_tls_the_agent_needs_its_certificate(
    webhooks: WebhookPlane, home: str, instance: Object, labels: Any
) -> None:
    webhooks.api.patch(instance, {"spec": {"enableCertManager": True}})
    said = eventually(lambda: _warning(webhooks.warnings(pod(home, labels)), "certificate"))
    assert "does not exist yet" in said
    secret = names.agent_certificate(home, "sample", home)
    metadata = {"name": secret, "namespace": home}
    webhooks.api.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata})
    made = webhooks.api.create(pod(home, labels))
    assert secret in json.dumps(made["spec"]["volumes"])


_NEEDED = "Cryostat agent: not added: pods need the labels cryostat.io/name and cryostat.io/namespace, but have "


def _listed(said: str) -> set[str]:
    """The keys that a warning of the policy lists, in any order: a map of CEL has none."""
    return set(said.partition(_NEEDED)[2].splitlines()[0].split(", "))


def _warning(said: str, what: str) -> str:
    assert what in said
    return said


def test_limits_of_the_namespace_block_no_pod(webhooks: WebhookPlane, home: str, labels: dict[str, str]) -> None:
    limits = {"type": "Container", "min": {"cpu": "100m", "memory": "100Mi"}, "max": {"cpu": "1", "memory": "1Gi"}}
    default = {"default": {"cpu": "500m", "memory": "200Mi"}, "defaultRequest": {"cpu": "200m", "memory": "150Mi"}}
    metadata = {"name": "limits", "namespace": home}
    spec = {"limits": [{**limits, **default}]}
    webhooks.api.create({"apiVersion": "v1", "kind": "LimitRange", "metadata": metadata, "spec": spec})
    made = eventually(lambda: _limited(webhooks.api.create(pod(home, labels))))
    assert made["spec"]["initContainers"][0]["resources"] == made["spec"]["containers"][0]["resources"]


def _limited(made: Object) -> Object:
    assert made["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "200m"
    return made


def test_a_pod_is_admitted_while_the_operator_does_not_answer(
    webhooks: WebhookPlane, home: str, labels: dict[str, str]
) -> None:
    path = f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{MUTATING}"
    registered = webhooks.api.request("GET", path)["webhooks"]
    assert {each["failurePolicy"] for each in registered if each["name"].startswith("mpod")} == {"Ignore"}
    nowhere = [
        {**each, "clientConfig": {**each["clientConfig"], "url": "https://127.0.0.1:1/x"}, "name": f"x.{each['name']}"}
        for each in registered
        if each["name"].startswith("mpod")
    ]
    metadata = {"name": f"dead-{home}"}
    dead = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration"}
    webhooks.api.create({**dead, "metadata": metadata, "webhooks": nowhere})
    try:
        assert agents(webhooks.api.create(pod(home, labels))) == ["cryostat-agent-init"]
    finally:
        webhooks.api.delete({**dead, "metadata": metadata})


# --- an operator that does not answer, and other instances -----------------------------------------------------------


def test_pods_do_not_wait_for_an_operator_that_hangs_or_is_stopped(
    webhooks: WebhookPlane, home: str, labels: dict[str, str]
) -> None:
    webhooks.operator.process.send_signal(signal.SIGSTOP)
    try:
        assert agents(webhooks.api.create(pod(home, labels))) == []
        made = webhooks.api.create(workload("Deployment", home, labels))
        assert made["spec"]["template"]["metadata"]["labels"] == {"app": "a"}
        with pytest.raises(ApiError):
            webhooks.api.create(
                {"apiVersion": constants.API_VERSION, "kind": "Cryostat", "metadata": {"name": "no", "namespace": home}}
            )
    finally:
        webhooks.operator.process.send_signal(signal.SIGCONT)
    eventually(lambda: agents(webhooks.api.create(pod(home, labels))) == ["cryostat-agent-init"])


def test_a_pod_of_another_namespace_does_not_get_the_agent(
    webhooks: WebhookPlane, home: str, labels: dict[str, str], namespace: MakeNamespace, instance: Object
) -> None:
    """Labels can name any Cryostat. It must exist, and the namespace must be one of its targets."""
    elsewhere = namespace(webhooks.plane, "elsewhere")
    metadata = {"name": "theirs", "namespace": elsewhere, "annotations": {constants.ANNOTATION_PAUSE: "true"}}
    theirs = {"apiVersion": constants.API_VERSION, "kind": "Cryostat", "metadata": metadata}
    webhooks.api.create({**theirs, "spec": {"enableCertManager": False, "targetNamespaces": [home]}})
    forged = labels_of(elsewhere, "theirs")
    made = eventually(lambda: _with_agent(webhooks.api.create(pod(home, forged), dryRun="All")))
    assert f"http://theirs-agent.{elsewhere}.svc:8282" in json.dumps(made)
    assert agents(webhooks.api.create(pod(elsewhere, forged), dryRun="All")) == []
    assert agents(webhooks.api.create(pod(elsewhere, labels), dryRun="All")) == []
    webhooks.api.patch(theirs, {"spec": {"targetNamespaces": [elsewhere]}})
    eventually(lambda: agents(webhooks.api.create(pod(home, forged), dryRun="All")) == [])
    webhooks.api.delete(instance)
    eventually(lambda: agents(webhooks.api.create(pod(home, labels), dryRun="All")) == [])


def _with_agent(made: Object) -> Object:
    assert agents(made)
    return made
