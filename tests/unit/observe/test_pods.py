"""The store of pods."""

from __future__ import annotations

import math

from cryostat_operator.observe.pods import PodStore
from cryostat_operator.plan.model.kinds import InstanceKey
from cryostat_operator.plan.model.reasons import Reason
from tests.cluster.api import Object
from tests.unit.clock import Clock

OWNER = InstanceKey("here", "x")


def pod(name: str = "a", *, going: bool = False, **status: object) -> Object:
    labels = {"app": "x", "component": "database"}
    metadata = {"name": name, "namespace": "here", "labels": labels, **({"deletionTimestamp": "t"} if going else {})}
    return {"metadata": metadata, "status": status}


def test_terminating_pods_of_a_deleted_deployment_are_reported() -> None:
    enqueued: list[InstanceKey] = []
    clock = Clock(100.0)
    pods = PodStore(enqueued.append, clock)
    pods.upsert(pod())
    assert not pods.is_terminating(OWNER, "database", orphaned=False)
    assert pods.recheck_after(OWNER) == math.inf
    assert pods.is_terminating(OWNER, "database", orphaned=True)  # garbage collection may delete it later
    assert pods.recheck_after(OWNER) == 5.0
    pods.upsert(pod(going=True))
    clock.now += 60
    assert pods.is_terminating(OWNER, "database", orphaned=True)
    assert not pods.is_terminating(OWNER, "storage", orphaned=True)
    pods.remove(pod())
    assert enqueued == [OWNER]
    assert not pods.is_terminating(OWNER, "database", orphaned=True)


def test_pods_that_do_not_terminate_were_orphaned() -> None:
    clock = Clock(100.0)
    pods = PodStore(lambda _: None, clock)
    pods.upsert(pod())
    assert pods.is_terminating(OWNER, "database", orphaned=True)
    clock.now += 5.1
    assert not pods.is_terminating(OWNER, "database", orphaned=True)
    assert pods.recheck_after(OWNER) == math.inf


def evicted(name: str, second: int) -> Object:
    stamp = f"1970-01-01T00:01:{second:02}Z"
    return pod(name, phase="Failed", reason="Evicted", message=name, startTime=stamp)


def test_the_last_eviction_is_reported_for_ten_minutes() -> None:
    enqueued: list[InstanceKey] = []
    clock = Clock(100.0)
    pods = PodStore(enqueued.append, clock, clock)
    pods.upsert(evicted("b", 30))
    pods.upsert(evicted("b", 30))
    pods.upsert(evicted("a", 20))
    assert enqueued == [OWNER]
    assert pods.failures(OWNER)["database"].cause == "its previous pod failed (Evicted: b)"
    assert not pods.is_terminating(OWNER, "database", orphaned=True)
    pods.upsert(pod("c", phase="Pending", containerStatuses=[{"name": "x", "state": {"waiting": {"reason": "Bad"}}}]))
    assert pods.failures(OWNER)["database"].cause == "container x cannot be started (Bad)"
    pods.remove(pod("c"))
    pods.remove(pod("a"))
    clock.now = 690.1
    assert pods.failures(OWNER) == {}
    clock.now = 100.0
    assert pods.failures(OWNER) != {}
    pods.remove(evicted("b", 30))
    assert pods.failures(OWNER) == {}
    pods.upsert(evicted("b", 30))
    pods.begin_list()
    pods.end_list()
    assert pods.failures(OWNER) == {}


def test_the_instance_is_enqueued_when_an_eviction_expires_or_its_pod_is_deleted() -> None:
    enqueued: list[InstanceKey] = []
    clock = Clock(100.0)
    pods = PodStore(enqueued.append, clock, clock)
    pods.upsert(evicted("b", 30))
    clock.now = 650.0
    assert pods.recheck_after(OWNER) == 40.0
    clock.now = 690.0
    assert pods.recheck_after(OWNER) == math.inf
    pods.remove(evicted("b", 30))
    assert enqueued == [OWNER, OWNER]


def test_an_eviction_is_kept_while_the_pods_are_listed_again() -> None:
    enqueued: list[InstanceKey] = []
    clock = Clock(100.0)
    pods = PodStore(enqueued.append, clock, clock)
    pods.upsert(evicted("b", 30))
    pods.begin_list()
    assert pods.failures(OWNER) != {}
    pods.upsert(evicted("b", 30))
    pods.end_list()
    assert pods.failures(OWNER) != {}
    assert enqueued == [OWNER]
    pods.begin_list()
    pods.end_list()
    assert pods.failures(OWNER) == {}
    assert enqueued == [OWNER, OWNER]


def test_pods_of_different_instances_are_distinguished() -> None:
    pods = PodStore(lambda _: None, Clock(100.0))
    pods.upsert(pod())
    assert pods.is_terminating(OWNER, "database", orphaned=True)
    assert pods.recheck_after(InstanceKey("here", "other")) == math.inf


def test_only_pods_are_kept_of_a_deleted_instance() -> None:
    enqueued: list[InstanceKey] = []
    pods = PodStore(enqueued.append, Clock(100.0))
    pods.upsert(pod())
    assert pods.is_terminating(OWNER, "database", orphaned=True)
    assert pods.is_stopping(OWNER, "database", scaled_down=True)
    pods.forget_instance(InstanceKey("here", "other"))
    assert pods.recheck_after(OWNER) == 5.0
    pods.forget_instance(OWNER)
    assert pods.recheck_after(OWNER) == math.inf
    pods.remove(pod())
    assert enqueued == []


def test_pods_that_have_ended_use_no_volume() -> None:
    pods = PodStore(lambda _: None, Clock(100.0))
    pods.upsert(pod(going=True))
    pods.upsert(pod(going=True, phase="Failed"))
    assert not pods.is_terminating(OWNER, "database", orphaned=True)


def test_pods_that_a_list_does_not_contain_were_deleted() -> None:
    enqueued: list[InstanceKey] = []
    pods = PodStore(enqueued.append)
    blocked = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}, "name": "c"}
    pods.upsert(pod("ill", containerStatuses=[blocked]))
    assert "no such image" in pods.failures(OWNER)["database"].cause
    pods.begin_list()
    pods.end_list()
    assert pods.failures(OWNER) == {}
    assert enqueued == [OWNER, OWNER]


def running(name: str, started: str) -> Object:
    """A pod with a container that runs but is not ready."""
    container = {"name": "x-db", "ready": False, "state": {"running": {"startedAt": started}}}
    return pod(name, containerStatuses=[container])


def test_a_container_that_starts_is_a_failure_after_a_minute() -> None:
    clock = Clock(100.0)
    pods = PodStore(lambda _: None, clock, clock)
    pods.upsert(running("a", "1970-01-01T00:01:35Z"))
    assert pods.failures(OWNER) == {}
    assert pods.recheck_after(OWNER) == 55.0
    clock.now += 55
    assert pods.failures(OWNER)["database"].reason == Reason.POD_NOT_READY
    assert pods.recheck_after(OWNER) == math.inf


def test_a_node_with_a_fast_clock_does_not_delay_a_failure_for_long() -> None:
    clock = Clock(100.0)
    pods = PodStore(lambda _: None, clock, clock)
    pods.upsert(running("a", "1970-01-02T00:00:00Z"))
    assert pods.recheck_after(OWNER) == 60.0


def test_a_pod_that_cannot_be_scheduled_is_a_failure_at_once() -> None:
    clock = Clock(100.0)
    pods = PodStore(lambda _: None, clock, clock)
    time = "1970-01-01T00:01:40Z"
    unschedulable = {"type": "PodScheduled", "reason": "Unschedulable", "message": "no", "lastTransitionTime": time}
    pods.upsert(pod(conditions=[unschedulable]))
    assert pods.failures(OWNER)["database"].reason == Reason.POD_UNSCHEDULABLE
    assert pods.recheck_after(OWNER) == 60.0  # the failure then lasts for a minute


def test_the_clearest_cause_of_several_pods_is_reported() -> None:
    pods = PodStore(lambda _: None)
    waiting = {"name": "x-db", "state": {"waiting": {"reason": "ImagePullBackOff"}}}
    pods.upsert(pod("a", containerStatuses=[waiting]))
    pods.upsert(running("b", "1970-01-01T00:00:00Z"))
    assert pods.failures(OWNER)["database"].reason == Reason.IMAGE_PULL_FAILED


def test_back_off_and_restart_of_a_container_are_one_failure() -> None:
    enqueued: list[InstanceKey] = []
    pods = PodStore(enqueued.append)
    ended = {"exitCode": 1, "reason": "Error"}
    backoff = "back-off {} restarting failed container=x-db pod=x-database-6d4b_here(1d2e)"
    crashed = {"name": "x-db", "ready": False, "lastState": {"terminated": ended}}
    states: list[Object] = [
        {"terminated": ended},
        {"waiting": {"reason": "CrashLoopBackOff", "message": backoff.format("10s")}},
        {"running": {"startedAt": "1970-01-01T00:00:00Z"}},
        {"waiting": {"reason": "CrashLoopBackOff", "message": backoff.format("5m0s")}},
    ]
    for state in states:
        pods.upsert(pod(containerStatuses=[{**crashed, "state": state}]))
    assert enqueued == [OWNER]
    assert "exit code 1 " in pods.failures(OWNER)["database"].cause


def test_attempts_to_pull_an_image_and_their_back_off_are_one_failure() -> None:
    enqueued: list[InstanceKey] = []
    pods = PodStore(enqueued.append)
    answer = 'failed to pull and unpack image "a/b:1": failed to resolve reference "a/b:1": a/b:1: not found'
    for reason, message in [
        ("ErrImagePull", f"rpc error: code = NotFound desc = {answer}"),
        ("ImagePullBackOff", 'Back-off pulling image "a/b:1"'),  # in Kubernetes before 1.32
        ("ErrImagePull", answer),
        ("ImagePullBackOff", f'Back-off pulling image "a/b:1": ErrImagePull: {answer}'),
    ]:
        waiting = {"waiting": {"reason": reason, "message": message}}
        pods.upsert(pod(containerStatuses=[{"name": "x-db", "image": "", "state": waiting}]))
        assert "not found" in pods.failures(OWNER)["database"].cause
    assert enqueued == [OWNER]


def test_another_failure_is_not_hidden_by_an_earlier_one() -> None:
    pods = PodStore(lambda _: None)
    for name, message in (("a", "no such image"), ("b", "")):
        waiting = {"waiting": {"reason": "ImagePullBackOff", "message": message}}
        pods.upsert(pod(containerStatuses=[{"name": name, "state": waiting}]))
    assert "container b" in pods.failures(OWNER)["database"].cause


def test_the_end_of_the_last_pod_of_a_scaled_down_deployment_enqueues() -> None:
    enqueued: list[InstanceKey] = []
    pods = PodStore(enqueued.append)
    pods.upsert(pod("a"))
    pods.upsert(pod("b", going=True))
    assert not pods.is_stopping(OWNER, "database", scaled_down=False)
    pods.remove(pod("a"))
    assert enqueued == []
    assert pods.is_stopping(OWNER, "database", scaled_down=True)
    assert not pods.is_stopping(OWNER, "storage", scaled_down=True)
    pods.remove(pod("b"))
    assert enqueued == [OWNER]
    assert not pods.is_stopping(OWNER, "database", scaled_down=True)
    pods.upsert(pod("c"))
    pods.remove(pod("c"))
    assert enqueued == [OWNER]
