"""The watch of the type of authentication of an OpenShift cluster."""

from __future__ import annotations

from typing import Any

from cryostat_operator.observe.authentication import AuthenticationStore, authentication_type


def authentication(kind: str, name: str = "cluster") -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"type": kind}}


def test_each_change_of_the_type_is_reported_once() -> None:
    changes: list[str] = []
    store = AuthenticationStore(lambda: changes.append(store.type))
    for _ in range(2):
        store.begin_list()
        store.upsert(authentication("OIDC"))
        store.upsert(authentication("None", "other"))
        store.end_list()
    assert (store.type, changes) == ("OIDC", ["OIDC"])
    store.upsert(authentication(""))
    store.upsert(authentication("None"))
    store.remove(authentication("None", "other"))
    store.remove(authentication("None"))
    assert changes == ["OIDC", "", "None", ""]


def test_an_object_that_is_no_longer_listed_is_deleted() -> None:
    store = AuthenticationStore(lambda: None)
    store.upsert(authentication("OIDC"))
    store.begin_list()
    assert (store.type, store.is_missing) == ("OIDC", False)
    store.end_list()
    assert (store.type, store.is_missing) == ("", True)


def test_whether_the_object_exists_is_reported() -> None:
    changes: list[bool] = []
    store = AuthenticationStore(lambda: changes.append(store.is_missing))
    assert not store.is_missing, "nothing was listed yet"
    for _ in range(2):
        store.begin_list()
        store.end_list()
    store.upsert(authentication(""))
    store.remove(authentication(""))
    assert changes == [True, False, True]


def test_without_a_type_the_built_in_server_is_assumed() -> None:
    assert [authentication_type(obj) for obj in (None, {}, {"spec": None}, authentication("OIDC"))] == [
        "",
        "",
        "",
        "OIDC",
    ]


def test_only_the_object_cluster_is_watched() -> None:
    assert AuthenticationStore.PATH == "/apis/config.openshift.io/v1/authentications/cluster"
