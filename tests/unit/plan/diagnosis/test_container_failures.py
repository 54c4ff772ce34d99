"""Failures of single containers, and the states that each container passes through."""

from __future__ import annotations

import math

import pytest

from cryostat_operator.plan.diagnosis.container_failures import _request
from cryostat_operator.plan.diagnosis.pod_failures import pod_failure
from cryostat_operator.plan.model.reasons import Reason
from tests.unit.plan.diagnosis.pods import OOM, TIME, crashed, failure, pod


def test_the_termination_message_is_quoted_unless_it_may_have_a_credential() -> None:
    assert '"no space left"' in failure(pod(crashed(1, "no space left"))).cause
    assert "hunter2" not in failure(pod(crashed(1, "password: hunter2"))).cause


def test_memory_of_a_container_that_is_not_the_operators() -> None:
    status = {"name": "istio-proxy", "ready": False, "state": {"terminated": OOM}}
    found = failure(pod(status))
    assert found.reason == Reason.OUT_OF_MEMORY
    assert "more memory than its node has" in found.cause
    assert found.remedy == "Raise its memory limit; a webhook or policy of the cluster added this container"


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


def test_a_container_that_is_not_started_has_one_message_at_and_between_the_attempts() -> None:
    words = 'unable to start container process: exec: "a": executable file not found in $PATH: unknown'
    attempt = {"waiting": {"reason": "RunContainerError", "message": words}}
    ended = {"exitCode": 128, "reason": "StartError", "message": words}
    between = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": ended}}
    found = failure(pod({"name": "x-db", "state": attempt}))
    assert found == failure(pod({"name": "x-db", **between}))
    assert found.cause == 'container x-db cannot be started (exec: "a": executable file not found in $PATH)'
    running = {"state": {"running": {"startedAt": TIME}}, "lastState": {"terminated": ended}}
    assert failure(pod({"name": "x-db", **running})).cause == (
        "container x-db runs, but its readiness probe does not succeed"
    )


def test_a_full_volume_and_the_container_of_another_owner() -> None:
    full = failure(pod(crashed(1, "write: No space left on device"))).remedy
    assert full.startswith(
        "If its volume is full, raise the size in spec.storageOptions.database; otherwise see kubectl logs"
    )
    assert "A webhook" not in full
    other = failure(pod({**crashed(1, "write"), "name": "istio-proxy"})).remedy
    assert other.startswith("A webhook or policy of the cluster added this container; see kubectl logs")
    assert other.endswith("-c istio-proxy")
