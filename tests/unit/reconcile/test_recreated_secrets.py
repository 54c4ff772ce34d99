"""An immutable Secret is deleted and created again, and its values are never lost in between."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable

import pytest

from cryostat_operator.kube.errors import NOT_LEADING, ApiError, ApiUnavailable
from cryostat_operator.plan.diff.plan_diff import Change
from cryostat_operator.plan.model.kinds import Key, Obj
from cryostat_operator.plan.model.requests import SecretRequest
from cryostat_operator.reconcile import recreated_secrets
from cryostat_operator.reconcile.outcomes import Outcome
from cryostat_operator.reconcile.secret_provider import SecretContent
from cryostat_operator.reconcile.writer import Writer
from tests.unit.reconcile.conftest import INSTANCE, OWNERSHIP_LABELS, Cluster
from tests.unit.reconcile.secret_data import encoded

SECRET = Key("Secret", "here", "sample-db")
REQUEST = SecretRequest(SECRET, {"a": "generated", "b": "new"})
IMMUTABLE = ApiError(422, "Invalid", "data: is immutable")
BOTH = {"a": "kept", "b": "new"}


@pytest.fixture
def live(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Obj:
    """An immutable Secret that lacks a value."""
    monkeypatch.setattr(recreated_secrets, "RECREATE_DELAYS", (0.0, 0.0))
    return cluster.put(SECRET, metadata={"labels": OWNERSHIP_LABELS}, data=encoded(a="kept"), immutable=True)


def stored_values(cluster: Cluster) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in cluster.live(SECRET)["data"].items()}


async def replace(writer: Writer, live: Obj) -> Outcome:
    desired = {k: v for k, v in live.items() if k not in ("data", "immutable")}
    return await writer.write(INSTANCE, Change("replace", SECRET, desired, REQUEST), SecretContent(REQUEST, None))


async def create(writer: Writer, live: Obj) -> Outcome:
    obj = {"apiVersion": "v1", "kind": "Secret", "metadata": {**live["metadata"], "uid": ""}}
    return await writer.write(INSTANCE, Change("create", SECRET, obj, REQUEST), SecretContent(REQUEST, None))


def refuse(cluster: Cluster, after: Callable[[str], ApiError | None] = lambda _: None) -> None:
    """Refuse every update, and the other requests as `after` decides by their method."""
    cluster.server.hook = lambda method, *_: IMMUTABLE if method == "PUT" else after(method)


async def test_an_immutable_secret_that_lacks_values_is_replaced_by_a_new_one(cluster: Cluster, live: Obj) -> None:
    refuse(cluster)
    await replace(Writer(cluster.server, cluster.owned), live)
    assert stored_values(cluster) == BOTH
    assert cluster.live(SECRET)["metadata"]["uid"] != live["metadata"]["uid"]


@pytest.mark.parametrize("method", ["DELETE", "POST"])
async def test_a_recreation_is_finished_when_its_reconcile_is_canceled(
    cluster: Cluster, live: Obj, method: str
) -> None:
    """The reconcile is canceled when the leadership is lost, before or after the deletion."""
    desired = {k: v for k, v in live.items() if k not in ("data", "immutable")}

    def cancel(sent: str) -> None:
        if sent == method:
            write.cancel()

    refuse(cluster, cancel)
    change = Change("replace", SECRET, desired, REQUEST)
    write = asyncio.create_task(cluster.applier.write_all(INSTANCE, [change]))
    with pytest.raises(asyncio.CancelledError):
        await write
    await cluster.applier.wait_idle()
    assert stored_values(cluster) == BOTH


async def test_a_deleted_secret_is_created_without_leadership(
    cluster: Cluster, live: Obj, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The creation overwrites nothing, and no other replica has the values."""
    led: list[tuple[str, bool]] = []
    request = cluster.server.request

    async def recorded(method: str, path: str, *, must_lead: bool = True, **more: object) -> Obj:
        led.append((method, must_lead))
        return await request(method, path, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(cluster.server, "request", recorded)
    refuse(cluster)
    await replace(Writer(cluster.server, cluster.owned), live)
    assert led == [("GET", True), ("PUT", True), ("DELETE", True), ("POST", False)]


async def test_nothing_is_created_if_the_deletion_was_not_sent(cluster: Cluster, live: Obj) -> None:
    refused = ApiUnavailable(0, NOT_LEADING, "another replica may be writing")
    refuse(cluster, lambda method: refused if method == "DELETE" else None)
    with pytest.raises(ApiUnavailable):
        await replace(Writer(cluster.server, cluster.owned), live)
    assert cluster.live(SECRET) == live
    assert "POST" not in {method for method, _ in cluster.server.requests}


@pytest.mark.parametrize("lost", ["POST", "DELETE"])
async def test_the_creation_is_retried(
    cluster: Cluster, live: Obj, caplog: pytest.LogCaptureFixture, lost: str
) -> None:
    errors = [ApiError(403, "Forbidden", "exceeded quota"), ApiUnavailable(0, "Unavailable", "down")]

    def fail(method: str) -> ApiError | None:
        if method == lost == "DELETE":
            cluster.server.remove(SECRET)
            return ApiUnavailable(0, "Unavailable", "no response")
        return errors.pop() if errors and method == "POST" else None

    refuse(cluster, fail)
    await replace(Writer(cluster.server, cluster.owned), live)
    assert stored_values(cluster) == BOTH
    assert caplog.messages == [
        f"{SECRET} cannot be created again, retrying in 0.0 s: {cause}" for cause in ("down", "exceeded quota")
    ]


async def test_a_later_creation_has_the_values_of_one_that_failed(cluster: Cluster, live: Obj) -> None:
    writer, quota = Writer(cluster.server, cluster.owned), ApiError(403, "Forbidden", "exceeded quota")
    refuse(cluster, lambda method: quota if method == "POST" else None)
    with pytest.raises(ApiError, match="quota"):
        await replace(writer, live)
    assert cluster.server.find(SECRET) is None
    cluster.owned.remove(INSTANCE, SECRET)
    assert cluster.owned.deletions.by_others(INSTANCE) == {}, "no event says that another client deleted it"
    cluster.server.hook = None
    await create(writer, live)
    assert stored_values(cluster) == BOTH

    cluster.server.remove(SECRET)
    await create(writer, live)
    assert stored_values(cluster) == {"a": "generated", "b": "new"}, "the values are kept until they are stored"


async def test_the_values_are_forgotten_with_the_instance(cluster: Cluster, live: Obj) -> None:
    writer, quota = Writer(cluster.server, cluster.owned), ApiError(403, "Forbidden", "exceeded quota")
    refuse(cluster, lambda method: quota if method == "POST" else None)
    with pytest.raises(ApiError, match="quota"):
        await replace(writer, live)
    writer.recreated_secrets.forget(INSTANCE)
    cluster.server.hook = None
    await create(writer, live)
    assert stored_values(cluster) == {"a": "generated", "b": "new"}


async def interrupted(cluster: Cluster, live: Obj, monkeypatch: pytest.MonkeyPatch) -> Writer:
    """A writer whose recreation of the Secret was canceled after the deletion, and creates it at the second attempt."""
    writer, posts = Writer(cluster.server, cluster.owned), [ApiError(403, "Forbidden", "exceeded quota")]
    monkeypatch.setattr(recreated_secrets, "RECREATE_DELAYS", (0.01,))
    refuse(cluster, lambda method: posts.pop() if posts and method == "POST" else None)
    write = asyncio.create_task(replace(writer, live))
    while cluster.server.find(SECRET):
        await asyncio.sleep(0)
    write.cancel()
    return writer


async def test_a_creation_waits_for_a_recreation(cluster: Cluster, live: Obj, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a short loss of leadership the Secret is missing, and must not get other values."""
    writer = await interrupted(cluster, live, monkeypatch)
    outcome = await create(writer, live)
    assert outcome.problem
    assert outcome.problem.message == f"{SECRET} was created meanwhile"
    assert stored_values(cluster) == BOTH


async def test_a_secret_whose_deletion_is_delayed_gets_its_values_afterwards(cluster: Cluster, live: Obj) -> None:
    delayed = cluster.put(SECRET, metadata={**live["metadata"], "finalizers": ["x"]}, data=live["data"], immutable=True)
    writer = Writer(cluster.server, cluster.owned)
    refuse(cluster)
    with pytest.raises(ApiError) as error:
        await replace(writer, delayed)
    assert error.value.reason == "AlreadyExists"
    assert "deletionTimestamp" in cluster.live(SECRET)["metadata"]
    cluster.server.remove(SECRET)
    await create(writer, delayed)
    assert stored_values(cluster) == BOTH


async def test_the_values_of_another_client_replace_those_that_were_kept(cluster: Cluster, live: Obj) -> None:
    writer, quota = Writer(cluster.server, cluster.owned), ApiError(403, "Forbidden", "exceeded quota")
    refuse(cluster, lambda method: quota if method == "POST" else None)
    with pytest.raises(ApiError, match="quota"):
        await replace(writer, live)
    cluster.server.hook = None
    cluster.put(SECRET, cached=False, metadata={"labels": OWNERSHIP_LABELS}, data=encoded(a="other"))
    await create(writer, live)
    cluster.server.remove(SECRET)
    await create(writer, live)
    assert stored_values(cluster) == {"a": "generated", "b": "new"}


async def test_a_secret_that_is_not_deleted_is_an_error(cluster: Cluster, live: Obj) -> None:
    down = ApiUnavailable(0, "Unavailable", "down")
    refuse(cluster, lambda method: down if method == "DELETE" else None)
    with pytest.raises(ApiError) as error:
        await replace(Writer(cluster.server, cluster.owned), live)
    assert error.value.reason == "AlreadyExists"
    assert cluster.live(SECRET) == live


@pytest.mark.parametrize("by_other", [False, True])
@pytest.mark.parametrize("delays", [(0.01,), ()], ids=["first-attempt", "last-attempt"])
async def test_values_of_a_secret_that_exists_are_not_kept(
    cluster: Cluster, live: Obj, by_other: bool, delays: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user who deletes the Secret later gets new values, not those from before."""
    monkeypatch.setattr(recreated_secrets, "RECREATE_DELAYS", delays)
    writer = Writer(cluster.server, cluster.owned)

    def fail(method: str) -> ApiError | None:
        if method == "POST" and by_other:
            cluster.server.hook = None
            cluster.put(SECRET, cached=False, metadata={"labels": OWNERSHIP_LABELS}, data=encoded(a="other"))
        return ApiUnavailable(0, "Unavailable", "down") if method == "DELETE" and not by_other else None

    refuse(cluster, fail)
    with pytest.raises(ApiError) as error:
        await replace(writer, live)
    assert error.value.reason == "AlreadyExists"
    cluster.server.hook = None
    cluster.server.remove(SECRET)
    await create(writer, live)
    assert stored_values(cluster) == {"a": "generated", "b": "new"}


async def test_an_update_waits_for_a_recreation(cluster: Cluster, live: Obj, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a short loss of leadership the cache still has the deleted Secret."""
    writer = await interrupted(cluster, live, monkeypatch)
    with pytest.raises(ApiError, match="deleted and created again"):
        await replace(writer, live)
    assert stored_values(cluster) == BOTH
