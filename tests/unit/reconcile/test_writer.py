"""One write: creation, update, adoption, Secrets, immutable fields."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.kube.errors import ApiError, ApiUnavailable
from cryostat_operator.plan.diff.plan_diff import Change, Verb
from cryostat_operator.plan.model.kinds import PARTIAL, Key, Obj
from cryostat_operator.plan.model.requests import Request, SecretRequest
from cryostat_operator.reconcile.outcomes import Outcome
from cryostat_operator.reconcile.secret_provider import SecretContent
from cryostat_operator.reconcile.writer import Writer, metadata_patch, name_collision
from tests.unit.reconcile.conftest import INSTANCE, OWNERSHIP_LABELS, Cluster
from tests.unit.reconcile.secret_data import encoded

MAP, SECRET = Key("ConfigMap", "here", "sample-lock"), Key("Secret", "here", "sample-db")
OWNER = {"kind": constants.KIND, "apiVersion": constants.API_VERSION, "name": "sample", "uid": "u", "controller": True}


def desired(key: Key, **fields: Any) -> Obj:
    metadata = {"name": key.name, "namespace": key.namespace, "labels": OWNERSHIP_LABELS, "ownerReferences": [OWNER]}
    return {"apiVersion": "v1", "kind": key.kind, "metadata": metadata, **fields}


async def write(
    cluster: Cluster, verb: Verb, key: Key, obj: Obj | None, request: Request | None = None, uid: str = ""
) -> Outcome:
    found = Writer(cluster.server, cluster.owned)
    return await found.write(INSTANCE, Change(verb, key, obj, request, uid), SecretContent(request, None))


async def test_a_created_object_is_cached_without_enqueuing(cluster: Cluster) -> None:
    outcome = await write(cluster, "create", MAP, desired(MAP))
    assert outcome.state == "applied"
    assert MAP in cluster.owned.records(INSTANCE)
    assert cluster.enqueued == []


async def test_a_created_secret_has_the_requested_values(cluster: Cluster) -> None:
    await write(cluster, "create", SECRET, desired(SECRET), SecretRequest(SECRET, {"a": "value"}))
    stored = cluster.server.find(SECRET)
    assert stored
    assert stored["data"] == encoded(a="value")


async def test_the_response_of_an_update_is_in_the_outcome(cluster: Cluster) -> None:
    live = cluster.put(MAP, metadata={"labels": OWNERSHIP_LABELS}, data={"a": "old"})
    outcome = await write(cluster, "replace", MAP, {**live, "data": {"a": "new"}})
    assert outcome.response
    assert outcome.response["data"] == {"a": "new"}
    assert cluster.owned.live(INSTANCE)[MAP]["data"] == {"a": "new"}


async def test_an_existing_object_of_the_instance_is_adopted(cluster: Cluster) -> None:
    cluster.put(MAP, cached=False, metadata={"ownerReferences": [OWNER], "labels": {"others": "1"}}, data={"a": "old"})
    outcome = await write(cluster, "create", MAP, desired(MAP, data={"a": "new"}))
    assert outcome.state == "applied"
    stored = cluster.server.find(MAP)
    assert stored
    assert stored["data"] == {"a": "new"}
    assert stored["metadata"]["labels"] == {"others": "1", **OWNERSHIP_LABELS}


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "was not created for this Cryostat"),
        (
            {"labels": {constants.LABEL_NAME: "other", constants.LABEL_NAMESPACE: "here"}},
            "belongs to Cryostat here/other",
        ),
    ],
)
async def test_an_object_of_others_is_not_changed(cluster: Cluster, metadata: Obj, message: str) -> None:
    before = cluster.put(MAP, cached=False, metadata=metadata, data={"a": "theirs"})
    outcome = await write(cluster, "create", MAP, desired(MAP))
    assert outcome.is_permanent_refusal
    assert outcome.problem
    assert outcome.problem.reason == "NameCollision"
    assert message in outcome.problem.message
    assert cluster.server.find(MAP) == before


async def test_a_secret_that_a_user_restored_is_adopted_with_its_type_and_values(cluster: Cluster) -> None:
    cluster.put(SECRET, cached=False, data=encoded(a="restored"), type="example.com/restored")
    request = SecretRequest(SECRET, {"a": "new", "b": "more"}, restore_only=True)
    outcome = await write(cluster, "create", SECRET, {**desired(SECRET), "type": "Opaque"}, request)
    assert outcome.state == "applied"
    stored = cluster.server.find(SECRET)
    assert stored
    assert stored["data"] == encoded(a="restored", b="more")
    assert stored["type"] == "example.com/restored", "the API server refuses to change it"


async def test_a_write_waits_for_the_deletion_of_an_object(cluster: Cluster) -> None:
    metadata = {"ownerReferences": [OWNER], "finalizers": ["x"], "deletionTimestamp": "2020-01-01T00:00:00Z"}
    cluster.put(MAP, cached=False, metadata=metadata)
    outcome = await write(cluster, "create", MAP, desired(MAP))
    assert outcome.problem
    assert (outcome.problem.reason, outcome.is_permanent_refusal) == ("BeingDeleted", False)
    assert outcome.problem.message == f"{MAP} is being deleted and is created again afterwards"


async def test_an_object_that_the_cache_had_not_received_yet_is_compared_again(cluster: Cluster) -> None:
    cluster.put(MAP, cached=False, metadata={"labels": OWNERSHIP_LABELS, "ownerReferences": [OWNER]})
    outcome = await write(cluster, "create", MAP, desired(MAP))
    assert outcome.problem
    assert (outcome.problem.reason, outcome.is_permanent_refusal) == ("Conflict", False)
    assert outcome.problem.message == f"{MAP} was created meanwhile"
    assert MAP in cluster.owned.records(INSTANCE)
    assert cluster.enqueued == [INSTANCE]


async def test_an_object_that_was_deleted_meanwhile_is_created_later(cluster: Cluster) -> None:
    exists = ApiError(409, "AlreadyExists", "it exists")
    cluster.server.hook = lambda method, *_: exists if method == "POST" else None
    outcome = await write(cluster, "create", MAP, desired(MAP))
    assert outcome.problem
    assert (outcome.problem.reason, outcome.is_permanent_refusal) == ("Conflict", False)
    assert outcome.problem.message == f"{MAP} was deleted meanwhile"


async def test_a_deletion_is_limited_to_the_observed_object(cluster: Cluster) -> None:
    live = cluster.put(MAP)
    with pytest.raises(ApiError):
        await write(cluster, "delete", MAP, None, uid="another")
    outcome = await write(cluster, "delete", MAP, None, uid=live["metadata"]["uid"])
    assert outcome.state == "applied"
    assert cluster.server.find(MAP) is None


async def test_an_object_with_an_immutable_field_is_deleted_and_created_again_later(cluster: Cluster) -> None:
    live = cluster.put(MAP)
    cluster.server.hook = lambda method, *_: ApiError(422, "Invalid", "field is immutable") if method == "PUT" else None
    outcome = await write(cluster, "replace", MAP, live)
    assert (outcome.state, outcome.change.verb) == ("applied", "recreate")  # used by the log and `RevertedChanges`
    assert cluster.server.find(MAP) is None


async def test_a_route_with_an_immutable_field_is_kept(cluster: Cluster) -> None:
    route = Key("Route", "here", "x")
    live = cluster.put(route)
    cluster.server.hook = lambda method, *_: ApiError(422, "Invalid", "field is immutable") if method == "PUT" else None
    with pytest.raises(ApiError):
        await write(cluster, "replace", route, live)
    assert cluster.server.find(route)


async def test_a_change_of_metadata_does_not_read_the_secret(cluster: Cluster) -> None:
    live = cluster.put(SECRET, metadata={"labels": {**OWNERSHIP_LABELS, "gone": "1"}}, data=encoded(a="v"))
    obj = desired(SECRET)
    obj["metadata"] = {**obj["metadata"], **{k: live["metadata"][k] for k in ("uid", "resourceVersion")}}
    await write(cluster, "replace", SECRET, obj)
    assert [method for method, _ in cluster.server.requests] == ["PATCH"]
    stored = cluster.server.find(SECRET)
    assert stored
    assert stored["data"] == encoded(a="v")
    assert stored["metadata"]["labels"] == OWNERSHIP_LABELS


async def test_missing_values_are_added_and_existing_ones_kept(cluster: Cluster) -> None:
    live = cluster.put(SECRET, metadata={"labels": OWNERSHIP_LABELS}, data=encoded(a="kept"))
    obj = {k: v for k, v in live.items() if k != "data"}
    await write(cluster, "replace", SECRET, obj, SecretRequest(SECRET, {"a": "other", "b": "new"}))
    stored = cluster.server.find(SECRET)
    assert stored
    assert stored["data"] == encoded(a="kept", b="new")


async def test_a_secret_that_was_created_again_is_not_overwritten(cluster: Cluster) -> None:
    cluster.put(SECRET, metadata={"labels": OWNERSHIP_LABELS})
    obj = desired(SECRET)
    obj["metadata"] = {**obj["metadata"], "uid": "earlier"}
    with pytest.raises(ApiError) as error:
        await write(cluster, "replace", SECRET, obj, SecretRequest(SECRET, {"a": "x"}))
    assert (error.value.status, error.value.message) == (409, "it was deleted and created again by another client")


async def test_a_deletion_without_a_response_is_the_operators_own(cluster: Cluster) -> None:
    live = cluster.put(MAP, metadata={"labels": OWNERSHIP_LABELS})
    cluster.server.hook = lambda method, *_: ApiUnavailable(0, "Unavailable", "down") if method == "DELETE" else None
    with pytest.raises(ApiUnavailable):
        await write(cluster, "delete", MAP, None, uid=live["metadata"]["uid"])
    cluster.owned.remove(INSTANCE, MAP)
    assert cluster.owned.deletions.by_others(INSTANCE) == {}, "no event says that another client deleted it"


def test_the_metadata_patch_never_contains_data() -> None:
    patch = metadata_patch(desired(SECRET, data={"a": "secret"}, type="Opaque"), desired(SECRET))
    assert "data" not in patch
    assert patch["type"] == "Opaque"


@pytest.mark.parametrize("key", [MAP, SECRET])
async def test_an_object_with_a_partial_body_is_not_written(cluster: Cluster, key: Key) -> None:
    whole = cluster.put(key, metadata={"labels": OWNERSHIP_LABELS}, data={"a": "b"})
    part = {**desired(key), PARTIAL: True}
    with pytest.raises(ValueError, match="is cached without its content"):
        await write(cluster, "replace", key, part, SecretRequest(key, {}) if key == SECRET else None)
    assert cluster.server.find(key) == whole


def test_an_object_of_another_owner_is_named_with_its_owner() -> None:
    key = Key("Service", "here", "x")
    other: Obj = {"metadata": {"labels": {constants.LABEL_NAME: "y", constants.LABEL_NAMESPACE: "there"}}}
    unowned: Obj = {"metadata": {}}
    assert [name_collision(key, live) for live in (other, unowned)] == [
        "Service here/x already exists and belongs to Cryostat there/y, so the operator does not change it. "
        "Delete it, or give the Cryostat another name.",
        "Service here/x already exists and was not created for this Cryostat, so the operator does not change it. "
        "Delete it, or give the Cryostat another name.",
    ]
