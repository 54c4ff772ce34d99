"""Failures of single containers, and the states that each container passes through."""

from __future__ import annotations

import math

import pytest

from cryostat_operator.plan.container_failures import _request, resource_field
from cryostat_operator.plan.model.reasons import Reason
from cryostat_operator.plan.pod_failures import pod_failure
from tests.unit.plan.test_pod_failures import OOM, TIME, crashed, failure, pod


def test_the_termination_message_is_quoted_unless_it_may_have_a_credential() -> None:
    assert '"no space left"' in failure(pod(crashed(1, "no space left"))).cause
    assert "hunter2" not in failure(pod(crashed(1, "password: hunter2"))).cause


def test_memory_of_a_container_that_is_not_the_operators() -> None:
    status = {"name": "istio-proxy", "ready": False, "state": {"terminated": OOM}}
    found = failure(pod(status))
    assert found.reason == Reason.OUT_OF_MEMORY
    assert "more memory than its node has" in found.cause
    assert found.remedy == "Raise its memory limit"


@pytest.mark.parametrize(("probes", "words"), [((), "ended with exit code 137"), (("startupProbe",), "startup probe")])
def test_a_killed_container_with_probes_may_have_failed_them(probes: tuple[str, ...], words: str) -> None:
    found = pod(crashed(137))
    found["spec"]["containers"][0] |= {probe: {"exec": {}} for probe in probes}
    assert words in failure(found).cause


def test_a_completed_init_container_is_not_a_failure() -> None:
    found = pod({"name": "x-db", "state": {"waiting": {"reason": "PodInitializing"}}})
    done = {"name": "copy", "ready": True, "state": {"terminated": {"exitCode": 0}}}
    for ready in (True, False):
        found["status"]["initContainerStatuses"] = [{**done, "ready": ready}]
        assert pod_failure(found) is None
    found["status"]["initContainerStatuses"] = [{**done, "ready": False, "state": {"terminated": {"exitCode": 2}}}]
    assert failure(found).cause.startswith("init container copy ended with exit code 2")


def test_an_init_container_that_is_not_created() -> None:
    """In a pod with init containers, the kubelet writes `PodInitializing` before it creates the first one."""
    waiting = {"ready": False, "state": {"waiting": {"reason": "PodInitializing"}}}
    found = pod({"name": "x-db", **waiting})
    found["status"] |= {"startTime": TIME, "initContainerStatuses": [{"name": name, **waiting} for name in ("a", "b")]}
    first = failure(found)
    assert (first.container, first.reason, first.reported_from) == ("a", Reason.POD_NOT_RUNNING, 160.0)
    done = {"name": "a", "ready": True, "state": {"terminated": {"exitCode": 0}}}
    found["status"]["initContainerStatuses"][0] = done
    assert pod_failure(found) is None, "the next one is created now"


def test_a_state_that_every_pod_passes_through_is_not_reported_at_first() -> None:
    running = {"name": "x-db", "ready": False, "started": True, "state": {"running": {"startedAt": TIME}}}
    found = failure(pod(running))
    assert (found.reason, found.transient, found.reported_from) == (Reason.POD_NOT_READY, True, 160.0)
    assert failure(pod({**running, "state": {"running": {}}})).reported_from == math.inf


def test_a_container_that_ended_in_an_unknown_way() -> None:
    looping = {"name": "x-db", "ready": False, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    assert failure(pod(looping)).cause == "container x-db ends repeatedly"
    found = pod()
    running = {"name": "copy", "ready": False, "state": {"running": {"startedAt": TIME}}}
    found["status"]["initContainerStatuses"] = [running]
    assert failure(found).cause == "init container copy has not finished"


def test_the_request_of_a_probe() -> None:
    assert _request({"httpGet": {"path": "/health", "port": 8181}}) == " (GET /health on port 8181)"


@pytest.mark.parametrize(
    ("container", "field"),
    [("x", "resources.coreResources"), ("x-db", "resources.databaseResources"), ("istio-proxy", ""), ("x-other", "")],
)
def test_the_field_with_the_resources_of_a_container(container: str, field: str) -> None:
    assert resource_field("x", container) == field


def test_the_image_of_a_container_is_named_by_its_variable() -> None:
    waiting = {"waiting": {"reason": "ErrImagePull", "message": "not found"}}
    assert "RELATED_IMAGE_DATABASE of the operator" in failure(pod({"name": "x-db", "state": waiting})).remedy
    proxy = failure(pod({"name": "x-auth-proxy", "state": waiting})).remedy
    assert "RELATED_IMAGE_OAUTH2_PROXY or RELATED_IMAGE_OPENSHIFT_OAUTH_PROXY of the operator" in proxy
    other = failure(pod({"name": "istio-proxy", "state": waiting})).remedy
    assert other == "Set the image of the container to an image that exists"
    waiting["waiting"]["message"] = "401 Unauthorized"
    denied = failure(pod({"name": "x-db", "state": waiting})).remedy
    assert denied == "Add a pull secret for this image to ServiceAccount default, or correct the one that it has"
    waiting["waiting"] = {"reason": "InvalidImageName", "message": "no such thing"}
    invalid = failure(pod({"name": "x-db", "state": waiting})).remedy
    assert invalid == "Set RELATED_IMAGE_DATABASE of the operator to a valid name of an image"


@pytest.mark.parametrize(
    ("container", "words", "remedy"),
    [
        ("x-db", "something else", "Create or correct what the message names; the kubelet tries again by itself"),
        ("x-db", 'secret "s" not found', "Create Secret s"),
        ("x-db", "couldn't find key k.1 in Secret a/s", "Add key k.1 to Secret s"),
        ("x-db", "couldn't find key k_1 in ConfigMap a/c.d", "Add key k_1 to ConfigMap c.d"),
        (
            "x-db",
            'secret "x-storage" not found',
            "The operator creates Secret x-storage again; if it is still missing, another condition has the cause",
        ),
        (
            "x-db",
            'configmap "x-lock" not found',
            "The operator creates ConfigMap x-lock again; if it is still missing, another condition has the cause",
        ),
        (
            "x-db",
            "container's runAsUser breaks non-root policy",
            "Set runAsUser in spec.securityOptions to a number other than 0, or use an image with such a user",
        ),
        (
            "x-db",
            'exec: "a": no such file or directory',
            "Set RELATED_IMAGE_DATABASE of the operator to an image of this release",
        ),
        (
            "istio-proxy",
            'secret "s" not found',
            "Create Secret s; a webhook or policy of the cluster added this container",
        ),
        (
            "istio-proxy",
            "couldn't find key k in Secret a/s",
            "Add key k to Secret s; a webhook or policy of the cluster added this container",
        ),
        (
            "istio-proxy",
            "something else",
            "Correct what the message names; a webhook or policy of the cluster added this container",
        ),
    ],
)
def test_the_remedy_for_a_container_that_cannot_be_started_follows_its_message(
    container: str, words: str, remedy: str
) -> None:
    waiting = {"reason": "CreateContainerConfigError", "message": words}
    assert failure(pod({"name": container, "state": {"waiting": waiting}})).remedy == remedy


def test_a_full_volume_and_the_container_of_another_owner() -> None:
    full = failure(pod(crashed(1, "write: No space left on device"))).remedy
    assert full.startswith(
        "If its volume is full, raise the size in spec.storageOptions.database; otherwise see kubectl logs"
    )
    assert "A webhook" not in full
    other = failure(pod({**crashed(1, "write"), "name": "istio-proxy"})).remedy
    assert other.startswith("A webhook or policy of the cluster added this container; see kubectl logs")
    assert other.endswith("-c istio-proxy")
