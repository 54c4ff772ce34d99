"""What is remembered of pods, without a cluster."""

from __future__ import annotations

import math

from cryostat_operator.observe.pods import PodStore
from cryostat_operator.plan.model.kinds import InstanceKey
from tests.cluster.api import Object

OWNER = InstanceKey("here", "x")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def pod(name: str = "a", *, going: bool = False, **status: object) -> Object:
    labels = {"app": "x", "component": "database"}
    metadata = {"name": name, "namespace": "here", "labels": labels, **({"deletionTimestamp": "t"} if going else {})}
    return {"metadata": metadata, "status": status}


def test_pods_of_a_deployment_that_is_gone_are_waited_for_while_they_go() -> None:
    enqueued: list[InstanceKey] = []
    clock = Clock()
    pods = PodStore(enqueued.append, clock)
    pods.upsert(pod())
    assert not pods.is_terminating(OWNER, "database", orphaned=False)
    assert pods.recheck_after(OWNER) == math.inf
    assert pods.is_terminating(OWNER, "database", orphaned=True)  # garbage collection may not have found it yet
    assert pods.recheck_after(OWNER) == 5.0
    pods.upsert(pod(going=True))
    clock.now += 60
    assert pods.is_terminating(OWNER, "database", orphaned=True)
    assert not pods.is_terminating(OWNER, "storage", orphaned=True)
    pods.remove(pod())
    assert enqueued == [OWNER]
    assert not pods.is_terminating(OWNER, "database", orphaned=True)


def test_pods_that_do_not_go_are_there_to_stay() -> None:
    clock = Clock()
    pods = PodStore(lambda _: None, clock)
    pods.upsert(pod())
    assert pods.is_terminating(OWNER, "database", orphaned=True)
    clock.now += 5.1
    assert not pods.is_terminating(OWNER, "database", orphaned=True)
    assert pods.recheck_after(OWNER) == math.inf


def test_pods_that_have_ended_hold_no_volume() -> None:
    pods = PodStore(lambda _: None, Clock())
    pods.upsert(pod(going=True))
    pods.upsert(pod(going=True, phase="Failed"))
    assert not pods.is_terminating(OWNER, "database", orphaned=True)


def test_what_a_list_no_longer_shows_is_gone() -> None:
    enqueued: list[InstanceKey] = []
    pods = PodStore(enqueued.append, Clock())
    blocked = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}, "name": "c"}
    pods.upsert(pod("ill", containerStatuses=[blocked]))
    assert pods.failures(OWNER) == {"database": "container c: ImagePullBackOff no such image"}
    pods.begin_list()
    pods.end_list()
    assert pods.failures(OWNER) == {}
    assert enqueued == [OWNER, OWNER]
