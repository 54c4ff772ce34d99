"""The finalizer: its addition, the deletions before its removal, and problems that block its removal."""

from __future__ import annotations

import datetime

import pytest

from cryostat_operator.api import constants
from cryostat_operator.kube.errors import ApiError, ApiUnavailable
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.kinds import Key, Obj
from cryostat_operator.plan.model.times import LASTING_SECONDS
from cryostat_operator.reconcile.adoption import adoption_marker
from cryostat_operator.reconcile.work_queue import Result
from tests.unit.reconcile.conftest import CRYOSTAT_PATH, INSTANCE, OWNERSHIP_LABELS, Cluster

BINDING = Key("ClusterRoleBinding", "", names.instance_hash_name("here", "sample"))
CLAIM = Key("PersistentVolumeClaim", "here", "sample")
OWNER = {"kind": constants.KIND, "apiVersion": constants.API_VERSION, "name": "sample", "uid": "u", "controller": True}
LABELED = {"labels": OWNERSHIP_LABELS}


def deleting(cluster: Cluster, *others: str, **metadata: object) -> Obj:
    """A Cryostat that is being deleted, without objects of the Go operator."""
    cluster.put(adoption_marker(INSTANCE), metadata={**LABELED, "ownerReferences": [OWNER]})
    finalizers = [*others, constants.FINALIZER]
    return cluster.cryostat(finalizers=finalizers, deletionTimestamp="2020-01-01T00:00:00Z", **metadata)


@pytest.mark.parametrize("others", [[], ["other"]])
async def test_the_finalizer_is_added_to_those_of_others(cluster: Cluster, others: list[str]) -> None:
    body = cluster.cryostat(**({"finalizers": others} if others else {}))
    assert not cluster.finalizer.is_set(body)
    await cluster.finalizer.add(body)
    assert cluster.live_cryostat()["metadata"]["finalizers"] == [*others, constants.FINALIZER]
    cached = cluster.cryostats.get(INSTANCE)
    assert cached
    assert cluster.finalizer.is_set(cached)


async def test_the_finalizer_is_not_added_to_a_cryostat_that_changed(cluster: Cluster) -> None:
    body = dict(cluster.cryostat())
    cluster.server.put(CRYOSTAT_PATH, {**cluster.live_cryostat(), "spec": {"changed": True}})
    stale = {**body, "metadata": {**body["metadata"], "resourceVersion": "0"}}
    with pytest.raises(ApiError) as error:
        await cluster.finalizer.add(stale)
    assert error.value.status == 422


async def test_objects_without_owner_are_deleted_before_the_finalizer_is_removed(cluster: Cluster) -> None:
    cluster.put(BINDING, metadata=LABELED)
    body = deleting(cluster)
    assert await cluster.finalizer.finalize(INSTANCE, body) == Result()
    assert [method for method, _ in cluster.server.writes] == ["DELETE", "PATCH"]
    assert cluster.server.find(BINDING) is None
    assert cluster.server.find(CRYOSTAT_PATH) is None
    assert cluster.server.find(adoption_marker(INSTANCE))  # left for garbage collection


async def test_finalizers_of_others_are_kept(cluster: Cluster) -> None:
    await cluster.finalizer.finalize(INSTANCE, deleting(cluster, "other"))
    assert cluster.live_cryostat()["metadata"]["finalizers"] == ["other"]


FINISHED = (
    "The Cryostat is being deleted: "
    "the operator has finished, and other controllers have not removed the finalizer other."
)


async def test_finalizers_of_others_are_reported_after_the_removal_of_the_own_one(cluster: Cluster) -> None:
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = cluster.cryostat(finalizers=["other"], deletionTimestamp=now)
    result = await cluster.finalizer.finalize(INSTANCE, body)
    assert result.requeue_after
    assert 0 < result.requeue_after <= LASTING_SECONDS
    ready = cluster.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", "Deleting")
    assert ready["message"] == FINISHED
    assert cluster.events() == []
    written = len(cluster.server.writes)
    await cluster.finalizer.finalize(INSTANCE, cluster.live_cryostat())
    assert len(cluster.server.writes) == written


async def test_finalizers_of_others_that_remain_are_a_problem(cluster: Cluster) -> None:
    body = cluster.cryostat(finalizers=["other"], deletionTimestamp="2020-01-01T00:00:00Z")
    assert await cluster.finalizer.finalize(INSTANCE, body) == Result()
    assert cluster.condition("Ready")["reason"] == "DeletionBlocked"
    [(reason, message)] = cluster.events()
    assert reason == "DeletionBlocked"
    assert message == f"{FINISHED} Check these controllers."
    written = len(cluster.server.writes)
    await cluster.finalizer.finalize(INSTANCE, cluster.live_cryostat())
    assert len(cluster.server.writes) == written


async def test_objects_for_which_a_foreground_deletion_waits_are_named(cluster: Cluster) -> None:
    """As Argo CD deletes: the garbage collector keeps the Cryostat until its objects are gone."""
    body = cluster.cryostat(finalizers=["foregroundDeletion"], deletionTimestamp="2020-01-01T00:00:00Z")
    deleted = {**LABELED, "deletionTimestamp": "2020-01-01T00:00:00Z"}
    cluster.put(Key("Deployment", "here", "sample"), metadata=deleted)
    cluster.put(Key("Service", "here", "sample"), metadata={**deleted, "finalizers": ["example.com/load-balancer"]})
    await cluster.finalizer.finalize(INSTANCE, body)
    [(reason, text)] = cluster.events()
    assert (reason, text) == (
        "DeletionBlocked",
        "The Cryostat is being deleted: the operator has finished, and the garbage collector waits for objects that "
        "other controllers keep by finalizers: Service here/sample (example.com/load-balancer). "
        "Check these controllers.",
    )
    cluster.put(CLAIM, metadata={**deleted, "finalizers": ["kubernetes.io/pvc-protection"]})
    await cluster.finalizer.finalize(INSTANCE, body)
    assert (
        "PersistentVolumeClaim here/sample (kubernetes.io/pvc-protection) and 1 more."
        in cluster.condition("Ready")["message"]
    )


@pytest.mark.parametrize(
    ("status", "text", "remedy"),
    [
        (403, "not today", "Correct the cause of the refusal"),
        (504, "the request timed out", "If this lasts, check the API server of the cluster"),
        (
            500,
            'failed calling webhook "v.example.com": no endpoints',
            "Start the program behind webhook v.example.com, or delete its webhook configuration if it is no longer "
            "installed",
        ),
    ],
)
async def test_a_finalizer_that_cannot_be_removed_is_reported(
    cluster: Cluster, status: int, text: str, remedy: str
) -> None:
    body = deleting(cluster)
    body["status"] = {"applicationUrl": "https://x", "conditions": [{"type": "Ready", "status": "True"}, {"type": "Y"}]}

    def refuse(_: str, path: str, __: object) -> ApiError | None:
        return ApiError(status, "Reason", text) if path == CRYOSTAT_PATH else None

    cluster.server.hook = refuse
    for _ in range(2):
        assert await cluster.finalizer.finalize(INSTANCE, body) == Result(failed=True)
        body = cluster.live_cryostat()
    [ready] = body["status"]["conditions"]
    assert (ready["type"], ready["status"], ready["reason"]) == ("Ready", "False", "DeletionBlocked")
    assert body["status"]["applicationUrl"] == ""
    assert ready["message"] == (
        f"The finalizer {constants.FINALIZER} cannot be removed: {text}. {remedy}. The operator tries again by itself."
    )
    assert [reason for reason, _ in cluster.events()] == ["DeletionBlocked"]
    assert cluster.server.find(CRYOSTAT_PATH)


async def test_an_error_of_the_deletion_is_logged(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    body = deleting(cluster)
    cluster.server.hook = lambda method, path, _: ApiError(403, "Forbidden", "no") if path == CRYOSTAT_PATH else None
    assert await cluster.finalizer.finalize(INSTANCE, body) == Result(failed=True)
    assert caplog.messages == ["Deletion failed, retrying: no"]


async def test_a_refused_deletion_blocks_the_finalizer_and_is_reported(cluster: Cluster) -> None:
    cluster.put(BINDING, metadata=LABELED)
    body = deleting(cluster)
    cluster.server.hook = lambda method, *_: ApiError(403, "Forbidden", "not allowed") if method == "DELETE" else None
    assert await cluster.finalizer.finalize(INSTANCE, body) == Result(failed=True)
    assert cluster.finalizer.is_set(cluster.live_cryostat())
    [(reason, message)] = cluster.events()
    assert reason == "DeletionBlocked"
    assert f"{BINDING} cannot be deleted: not allowed" in message
    ready = cluster.condition("Ready")
    assert (ready["status"], ready["reason"], ready["message"]) == ("False", "DeletionBlocked", message)
    assert cluster.metrics.reconcile_errors.labels("Forbidden")._value.get() == 1


async def test_kinds_that_are_no_longer_served_do_not_block_deletion(cluster: Cluster) -> None:
    key = Key("ConsoleLink", "", names.instance_hash_name("here", "sample"))
    cluster.put(key, metadata=LABELED)
    body = deleting(cluster)
    cluster.server.hook = lambda _, path, __: (
        ApiError(404, "NotFound", "not served") if "consolelinks" in path else None
    )
    assert await cluster.finalizer.finalize(INSTANCE, body) == Result()
    assert cluster.server.find(CRYOSTAT_PATH) is None


@pytest.mark.parametrize("collected", [False, True], ids=["before the garbage collector", "after it"])
async def test_an_orphaned_instance_keeps_the_objects_of_its_namespace(cluster: Cluster, collected: bool) -> None:
    """`kubectl delete --cascade=orphan`: the garbage collector removes owner references, then its own finalizer."""
    own = Key("RoleBinding", "here", names.instance_hash_name("here", "sample"))
    there = Key("RoleBinding", "there", names.instance_hash_name("here", "sample"))
    for key in (BINDING, own, there):
        cluster.put(key, metadata=LABELED)
    body = deleting(cluster, *([] if collected else ["orphan"]))
    if collected:
        cluster.put(adoption_marker(INSTANCE), metadata=LABELED)
    assert await cluster.finalizer.finalize(INSTANCE, body) == Result()
    assert cluster.server.find(own)
    assert [cluster.server.find(key) for key in (BINDING, there)] == [None, None]


@pytest.mark.parametrize("retained", [True, False])
async def test_the_owner_reference_of_retained_volumes_is_removed(cluster: Cluster, retained: bool) -> None:
    cluster.put(CLAIM, metadata={**LABELED, "ownerReferences": [OWNER]})
    annotations = {constants.ANNOTATION_DATA_RETENTION: "Retain"} if retained else {}
    await cluster.finalizer.finalize(INSTANCE, deleting(cluster, annotations=annotations))
    claim = cluster.server.find(CLAIM)
    assert claim
    assert claim["metadata"]["ownerReferences"] == ([] if retained else [OWNER])


async def test_a_failed_adoption_does_not_block_deletion(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    body = cluster.cryostat(finalizers=[constants.FINALIZER], deletionTimestamp="2020-01-01T00:00:00Z")
    cluster.server.hook = lambda method, *_: ApiError(403, "Forbidden", "no lists") if method == "GET" else None
    assert await cluster.finalizer.finalize(INSTANCE, body) == Result()
    assert caplog.messages == ["Objects of the Go operator could not be adopted and may remain: no lists"]
    assert cluster.server.find(CRYOSTAT_PATH) is None


async def test_an_api_server_that_does_not_respond_blocks_deletion(cluster: Cluster) -> None:
    body = cluster.cryostat(finalizers=[constants.FINALIZER], deletionTimestamp="2020-01-01T00:00:00Z")
    cluster.server.hook = lambda method, *_: ApiUnavailable(0, "Unavailable", "down") if method == "GET" else None
    with pytest.raises(ApiUnavailable):
        await cluster.finalizer.finalize(INSTANCE, body)
    assert cluster.server.find(CRYOSTAT_PATH)


def since(seconds: float) -> str:
    """The time so many seconds ago."""
    time = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(("age", "reason"), [(0, "Deleting"), (2 * LASTING_SECONDS, "DeletionBlocked")])
@pytest.mark.parametrize("refused", ["DELETE", "PATCH"])
async def test_an_api_server_that_answers_with_503_is_reported(
    cluster: Cluster, refused: str, age: float, reason: str
) -> None:
    cluster.put(BINDING, metadata=LABELED)
    deleting(cluster)
    body = cluster.live_cryostat()
    body["metadata"]["deletionTimestamp"] = since(age)
    body["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}
    cluster.server.put(CRYOSTAT_PATH, body)

    def refuse(method: str, path: str, _: object) -> ApiError | None:
        is_status = path.endswith("/status") or "/events" in path
        return None if is_status or method != refused else ApiUnavailable(503, "ServiceUnavailable", "no quorum")

    cluster.server.hook = refuse
    for _ in range(2):
        assert await cluster.finalizer.finalize(INSTANCE, body) == Result(failed=True)
        body = cluster.live_cryostat()
    ready = cluster.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", reason)
    assert "no quorum" in ready["message"]
    assert "tries again by itself" in ready["message"]
    assert [reason for reason, _ in cluster.events()] == (["DeletionBlocked"] if age else [])
    assert cluster.server.find(CRYOSTAT_PATH)


async def test_a_cryostat_without_status_that_the_schema_refuses_gets_one(cluster: Cluster) -> None:
    """Rules about names do not apply to objects with a status."""
    body = deleting(cluster)

    def refuse(method: str, path: str, _: object) -> ApiError | None:
        is_removal = (method, path) == ("PATCH", CRYOSTAT_PATH)
        return ApiError(422, "Invalid", "metadata.name is too long") if is_removal else None

    cluster.server.hook = refuse
    assert await cluster.finalizer.finalize(INSTANCE, body) == Result(failed=True)
    assert cluster.live_cryostat()["status"] == {"observedGeneration": 1}
    assert cluster.events() == []
    assert await cluster.finalizer.finalize(INSTANCE, cluster.live_cryostat()) == Result(failed=True)
    [(reason, message)] = cluster.events()
    assert reason == "DeletionBlocked"
    assert "metadata.name is too long" in message


async def test_a_concurrent_change_of_finalizers_is_not_a_problem(cluster: Cluster) -> None:
    body = deleting(cluster, "example.com/removed")
    body["status"] = {"observedGeneration": 1}
    cluster.server.put(CRYOSTAT_PATH, {**body, "metadata": {**body["metadata"], "finalizers": [constants.FINALIZER]}})

    def refuse(method: str, path: str, __: object) -> ApiError | None:
        is_removal = (method, path) == ("PATCH", CRYOSTAT_PATH)
        return ApiError(422, "Invalid", "the server rejected our request") if is_removal else None

    cluster.server.hook = refuse
    assert await cluster.finalizer.finalize(INSTANCE, body) == Result(failed=True)
    assert cluster.events() == []
    assert cluster.condition("Ready") == {}


async def test_the_finalizer_of_a_cryostat_that_was_created_again_stays(cluster: Cluster) -> None:
    """The watch may be late, for example after a change of the leader."""
    body = deleting(cluster)
    again = {"name": "sample", "uid": "another", "finalizers": [constants.FINALIZER]}
    cluster.server.put(CRYOSTAT_PATH, {**body, "metadata": again})
    assert await cluster.finalizer.finalize(INSTANCE, body) == Result(failed=True)
    assert cluster.live_cryostat()["metadata"]["finalizers"] == [constants.FINALIZER]
    assert cluster.events() == []
