"""The keystore that cert-manager wrote, compared with its password whenever one of them changes."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from cryostat_operator.observe.keystores import has_other_password, keys
from cryostat_operator.observe.observer import Observer
from cryostat_operator.plan.model.kinds import Key, Obj, path_of
from tests.unit.api_server import ApiServer
from tests.unit.observe.keystores import BY_CERT_MANAGER, keystore
from tests.unit.observe.objects import INSTANCE, owned
from tests.unit.observe.triggers import RecordedTriggers

KEYSTORE, PASSWORD = keys(INSTANCE)


def with_password(password: str, uid: str = "p", **metadata: Any) -> Obj:
    data = {"KEYSTORE_PASS": base64.b64encode(password.encode()).decode()}
    return owned("x-keystore", uid=uid, data=data, metadata=metadata)


class Cluster:
    """An observer of one instance, and the API server that it reads from."""

    def __init__(self) -> None:
        self.server = ApiServer()
        self.exists = True  # the Cryostat
        self.observer = Observer(self.server, RecordedTriggers().triggers, lambda _: self.exists)

    def put(self, obj: Obj) -> None:
        key = Key("Secret", "here", obj["metadata"]["name"])
        self.observer.owned.handle_event("Secret", self.server.put(path_of(key), obj))

    def delete(self, key: Key) -> None:
        self.server.remove(key)
        self.observer.owned.remove(INSTANCE, key)

    async def has_other_password(self) -> bool:
        """Whether a new snapshot says so. `server.requests` has only the requests for it then."""
        self.server.requests.clear()
        found = await self.observer.snapshot(INSTANCE, "u", [])
        return found.certificates[KEYSTORE].has_other_password

    @property
    def kept(self) -> list[bytes | None]:
        return [record.value for _, record in sorted(self.observer.owned.records(INSTANCE).items())]


ORDERS = [(keystore, with_password), (with_password, keystore)]


@pytest.mark.parametrize("order", ORDERS)
async def test_both_secrets_are_compared_when_they_arrive(order: list[Callable[[str], Obj]]) -> None:
    cluster = Cluster()
    for obj in order:
        cluster.put(obj("former"))
    assert not await cluster.has_other_password()
    assert (cluster.server.requests, cluster.kept) == ([], [b"", b""])
    broken = Cluster()
    for obj, password in zip(order, ("former", "new"), strict=True):
        broken.put(obj(password))
    assert await broken.has_other_password()
    assert (broken.server.requests, broken.kept) == ([], [b"", b""])


@pytest.mark.parametrize("uid", ["p", "another"])
async def test_a_new_password_does_not_open_the_keystore(uid: str) -> None:
    """It was edited, or deleted and created again, at whatever time."""
    cluster = Cluster()
    cluster.put(with_password("former"))
    cluster.put(keystore("former"))
    if uid != "p":
        cluster.delete(PASSWORD)
        assert not await cluster.has_other_password()
    cluster.put(with_password("new", uid))
    assert await cluster.has_other_password()
    assert cluster.server.requests == [("GET", path_of(KEYSTORE))]
    assert await cluster.has_other_password()
    assert cluster.server.requests == []
    cluster.put(keystore("new"))
    assert not await cluster.has_other_password()
    assert cluster.server.requests == [("GET", path_of(PASSWORD))]


async def test_a_restored_password_opens_the_keystore() -> None:
    cluster = Cluster()
    cluster.put(with_password("former"))
    cluster.put(keystore("former"))
    cluster.delete(PASSWORD)
    cluster.put(with_password("former", "restored"))
    assert not await cluster.has_other_password()
    assert cluster.kept == [b"", b""]


async def test_a_change_of_metadata_reads_nothing_again() -> None:
    cluster = Cluster()
    cluster.put(with_password("new"))
    issued = keystore("former")
    cluster.put(issued)
    cluster.put(with_password("new", annotations={"a": "b"}))
    issued["metadata"]["annotations"] = {**BY_CERT_MANAGER, "a": "b"}
    cluster.put(issued)
    assert await cluster.has_other_password()
    assert (cluster.server.requests, cluster.kept) == ([], [b"", b""])


async def test_a_password_of_another_owner_is_not_compared() -> None:
    """The operator does not write it, and the keystore would be deleted again and again."""
    cluster = Cluster()
    cluster.put(keystore("former"))
    cluster.put(owned("x-keystore", labels={}, data=with_password("new")["data"]))
    assert not await cluster.has_other_password()
    assert cluster.server.requests == []


async def test_a_keystore_of_the_operator_is_not_compared() -> None:
    """An annotation says which password it has."""
    cluster = Cluster()
    cluster.put(with_password("new"))
    cluster.put(keystore("former", {}))
    assert not await cluster.has_other_password()
    assert (cluster.server.requests, cluster.kept) == ([], [b"", None])


async def test_an_unreadable_keystore_or_password_is_not_read_again_and_again() -> None:
    cluster = Cluster()
    cluster.put(with_password("\U0001f511"))
    cluster.put(keystore("former"))
    assert not await cluster.has_other_password()
    empty = Cluster()
    empty.put(with_password(""))
    empty.put(keystore("former"))
    assert not await empty.has_other_password()
    assert cluster.server.requests == empty.server.requests == []


@pytest.mark.parametrize("order", ORDERS)
async def test_secrets_that_exist_before_their_cryostat_are_compared_at_once(order: list[Callable[[str], Obj]]) -> None:
    """As after a restore. No event follows their first read."""
    cluster = Cluster()
    cluster.exists = False
    for obj, password in zip(order, ("former", "new"), strict=True):
        cluster.put(obj(password))
    cluster.exists = True
    assert await cluster.has_other_password()
    assert (sorted(cluster.server.requests), cluster.kept) == (
        [("GET", path_of(PASSWORD)), ("GET", path_of(KEYSTORE))],
        [b"", b""],
    )


async def test_nothing_is_kept_without_a_cryostat() -> None:
    cluster = Cluster()
    cluster.put(keystore("former"))
    assert len(cluster.kept[0] or b"") > 500
    cluster.observer.owned.discard_bodies(INSTANCE)
    assert cluster.kept == [None]


def test_values_are_not_in_the_text_of_a_record() -> None:
    cluster = Cluster()
    cluster.put(with_password("former"))
    [record] = cluster.observer.owned.records(INSTANCE).values()
    assert record.value == b"former"
    assert "former" not in repr(record)


@pytest.mark.parametrize(("password", "expected"), [("former", False), ("new", True)])
def test_two_secrets_that_were_read_once(password: str, expected: bool) -> None:
    secrets = {KEYSTORE: keystore("former"), PASSWORD: with_password(password)}
    assert has_other_password(INSTANCE, secrets) is expected
    assert not has_other_password(INSTANCE, {KEYSTORE: secrets[KEYSTORE]})
    assert not has_other_password(INSTANCE, {PASSWORD: secrets[PASSWORD]})
