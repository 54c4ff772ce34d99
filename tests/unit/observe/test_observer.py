"""The observer and its informers: the watched kinds, and the snapshot."""

from __future__ import annotations

import asyncio
import base64
import math
import time
from collections.abc import AsyncIterator

import pytest

from cryostat_operator.api import constants
from cryostat_operator.api.v1beta2 import Cryostat
from cryostat_operator.observe.ingress_classes import IngressClassStore
from cryostat_operator.observe.observer import Observer
from cryostat_operator.pki import signing
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.kinds import KINDS, InstanceKey, Key, Obj, path_of
from cryostat_operator.plan.model.snapshot import IngressClasses
from tests.unit.observe.objects import INSTANCE
from tests.unit.observe.triggers import RecordedTriggers
from tests.unit.observe.watched_cluster import SERVICE, Apis, put, running_watches


@pytest.fixture
def server() -> Apis:
    return Apis()


@pytest.fixture
def triggers() -> RecordedTriggers:
    return RecordedTriggers()


@pytest.fixture
async def observer(server: Apis, triggers: RecordedTriggers) -> AsyncIterator[Observer]:
    server.put("/api/v1/namespaces/here", {"metadata": {"name": "here", "uid": "n"}})
    put(server, SERVICE)
    put(server, Key("Service", "here", "other"), labels={})
    found = Observer(server, triggers.triggers, lambda _: True)
    await found.start()
    yield found
    await found.stop()


def cryostat(ingress: Obj | None = None, **annotations: str) -> Cryostat:
    spec: Obj = {"networkOptions": {"coreConfig": {"ingressSpec": ingress}}} if ingress else {}
    return Cryostat.model_validate({"metadata": {"annotations": annotations}, "spec": spec})


CLASSES = IngressClassStore.PATH
RULES: Obj = {"rules": [{"host": "a"}]}


def put_class(server: Apis, name: str, controller: str) -> None:
    server.put(f"{CLASSES}/{name}", {"metadata": {"name": name}, "spec": {"controller": controller}})


async def test_ingress_classes_are_listed_from_the_first_ingress_on(
    server: Apis, observer: Observer, triggers: RecordedTriggers
) -> None:
    put_class(server, "web", "k8s.io/ingress-nginx")
    await observer.watch_on_demand(INSTANCE, cryostat())
    assert not [each for each in server.requests if CLASSES in str(each)]
    assert (await observer.snapshot(INSTANCE, "u", [])).ingress_classes is None
    for _ in range(2):
        await observer.watch_on_demand(INSTANCE, cryostat(RULES))
    found = (await observer.snapshot(INSTANCE, "u", [])).ingress_classes
    assert found == IngressClasses({"web": "k8s.io/ingress-nginx"})
    assert len([each for each in server.requests if CLASSES in str(each)]) == 1


async def test_with_routes_ingress_classes_are_not_listed(server: Apis, triggers: RecordedTriggers) -> None:
    server.openshift = True
    observer = Observer(server, triggers.triggers, lambda _: True)
    await observer.start()
    await observer.watch_on_demand(INSTANCE, cryostat(RULES))
    await observer.stop()
    assert not [each for each in server.requests if CLASSES in str(each)]


async def test_optional_kinds_are_watched_after_the_first_instance_needs_them(server: Apis, observer: Observer) -> None:
    key = Key("CronJob", "here", "x-backup")
    put(server, key)
    path = path_of(key).rpartition("/")[0].replace("/namespaces/here", "")
    await observer.watch_on_demand(INSTANCE, cryostat(team="x"))
    assert not [each for each in server.requests if path in str(each)]
    assert key not in (await observer.snapshot(INSTANCE, "u", [])).live
    for _ in range(2):
        await observer.watch_on_demand(INSTANCE, cryostat(None, **{constants.ANNOTATION_BACKUP_SCHEDULE: "@daily"}))
        assert key in (await observer.snapshot(INSTANCE, "u", [])).live


async def test_the_cron_job_of_a_removed_schedule_is_observed(server: Apis, observer: Observer) -> None:
    account, key = Key("ServiceAccount", "here", "x-backup"), Key("CronJob", "here", "x-backup")
    put(server, key)
    observer.owned.handle_event("ServiceAccount", _account(server, account))
    await observer.watch_on_demand(INSTANCE, cryostat())
    assert key in (await observer.snapshot(INSTANCE, "u", [])).live


def _account(server: Apis, key: Key) -> Obj:
    put(server, key)
    found = server.find(key)
    assert found
    return found


async def test_the_snapshot_has_owned_objects_and_namespaces(observer: Observer) -> None:
    snapshot = await observer.snapshot(INSTANCE, "u", ["gone"])
    assert set(snapshot.live) == {SERVICE}
    assert set(snapshot.namespaces) == {"here"}
    assert set(snapshot.apis or ()) == {name for name, kind in KINDS.items() if not kind.optional}
    assert not snapshot.openshift


async def test_the_first_uids_of_target_namespaces_are_those_at_the_change_of_the_cryostat(observer: Observer) -> None:
    body = {"metadata": {"name": "x", "namespace": "here", "uid": "u"}, "spec": {"targetNamespaces": ["shop"]}}
    observer._namespaces.upsert({"metadata": {"name": "shop", "uid": "s1"}})
    observer.cryostat_changed(INSTANCE, body)
    observer._namespaces.upsert({"metadata": {"name": "shop", "uid": "s2"}})
    snapshot = await observer.snapshot(INSTANCE, "u", ["shop"])
    assert (snapshot.first_uids, snapshot.namespaces["shop"].uid) == ({"shop": "s1"}, "s2")
    assert observer.cached_snapshot(INSTANCE, "v", ["shop"]).first_uids == {}
    observer.cryostat_changed(INSTANCE, None)
    assert observer.cached_snapshot(INSTANCE, "u", ["shop"]).first_uids == {}


async def test_objects_of_an_earlier_cryostat_are_terminating(observer: Observer) -> None:
    snapshot = await observer.snapshot(INSTANCE, "new", [])
    assert not snapshot.live
    assert set(snapshot.terminating) == {SERVICE}


async def test_events_enqueue_the_instance(observer: Observer, server: Apis, triggers: RecordedTriggers) -> None:
    triggers.clear()
    put(server, Key("ConfigMap", "here", "x"))
    async with asyncio.timeout(60):
        while Key("ConfigMap", "here", "x") not in (await observer.snapshot(INSTANCE, "u", [])).live:
            await asyncio.sleep(0)
    assert triggers.now == [INSTANCE]


async def test_openshift_is_known_by_its_routes(server: Apis, triggers: RecordedTriggers) -> None:
    server.openshift = True
    observer = Observer(server, triggers.triggers, lambda _: True)
    await observer.start()
    try:
        snapshot = await observer.snapshot(INSTANCE, "u", [])
        assert (observer.openshift, snapshot.openshift) == (True, True)
        assert {"Route", "ConsoleLink"} <= (snapshot.apis or frozenset())
    finally:
        await observer.stop()


async def test_openshift_can_be_forced(server: Apis, triggers: RecordedTriggers) -> None:
    assert Observer(server, triggers.triggers, lambda _: True, force_openshift=True).openshift
    assert not Observer(server, triggers.triggers, lambda _: True).openshift


async def test_a_kind_that_is_no_longer_served_has_no_objects(server: Apis, triggers: RecordedTriggers) -> None:
    server.openshift = True
    route = Key("Route", "here", "x")
    put(server, route)
    observer = Observer(server, triggers.triggers, lambda _: True)
    await observer.start()
    try:
        assert route in (await observer.snapshot(INSTANCE, "u", [])).live
        server.openshift = False
        before = triggers.all
        await observer._informers.discovery.discover()
        assert route not in (await observer.snapshot(INSTANCE, "u", [])).live
        assert triggers.all == before + 1
    finally:
        await observer.stop()


async def test_in_chosen_namespaces_no_object_of_another_one_is_observed(
    server: Apis, triggers: RecordedTriggers
) -> None:
    for name in ("here", "there", "elsewhere"):
        server.put(f"/api/v1/namespaces/{name}", {"metadata": {"name": name, "uid": name}})
    server.put("/api/v1/namespaces/ends", {"metadata": {"name": "ends", "uid": "e", "deletionTimestamp": "now"}})
    put(server, SERVICE)
    put(server, Key("RoleBinding", "elsewhere", names.instance_hash_name(*INSTANCE)), ownerReferences=[])
    observer = Observer(server, triggers.triggers, lambda _: True, watch_namespaces=("here", "there"))
    await observer.start()
    await observer.watch_on_demand(INSTANCE, cryostat(None, **{constants.ANNOTATION_BACKUP_SCHEDULE: "@daily"}))
    snapshot = await observer.snapshot(INSTANCE, "u", ["here", "there", "elsewhere"])
    assert set(snapshot.live) == {SERVICE}
    assert snapshot.not_served == {"elsewhere"}
    assert observer.serves_namespace("there")
    assert not observer.serves_namespace("elsewhere")
    assert [observer.is_terminating(name) for name in ("here", "ends", "absent")] == [False, True, False]
    read = {path for method, path in server.requests if method == "GET"}
    plurals = ["pods", *(kind.plural for kind in KINDS.values() if kind.namespaced and not kind.optional)]
    for plural in plurals:
        lists = {path for path in read if path.endswith(f"/{plural}")}
        assert {path.split("/namespaces/")[-1] for path in lists} == {f"here/{plural}", f"there/{plural}"}
    await observer.stop()
    assert running_watches() == set()


async def test_every_watch_is_stopped(observer: Observer) -> None:
    assert running_watches()
    await observer.stop()
    assert running_watches() == set()


# --- certificates ----------------------------------------------------------------------------------------------------

NOW, DAY = 1_800_000_000.0, signing.DAY
LATER = NOW + 10 * DAY  # when the second certificate was issued


def put_certificate(server: Apis, name: str, issued: float) -> signing.SigningPair:
    """Store a Secret of the instance with a certificate that was issued at this time."""
    key = signing.new_key()
    found = signing.sign_certificate(signing.CertificateTemplate(name), key, issued)
    data = {"tls.crt": signing.certificates_pem([found]), "tls.key": signing.key_pem(key)}
    secret = Key("Secret", "here", name)
    put(server, secret)
    stored = server.find(secret)
    assert stored
    server.put(path_of(secret), {**stored, "data": {k: base64.b64encode(v).decode() for k, v in data.items()}})
    return signing.SigningPair(key, found)


@pytest.fixture
async def with_certificates(server: Apis, triggers: RecordedTriggers) -> AsyncIterator[Observer]:
    put_certificate(server, "x-tls", NOW)
    put_certificate(server, "x-storage-tls", LATER)
    junk = Key("Secret", "here", "x-reports-tls")
    put(server, junk)
    server.put(path_of(junk), {**(server.find(junk) or {}), "data": {"tls.crt": "AA=="}})
    found = Observer(server, triggers.triggers, lambda _: True)
    await found.start()
    yield found
    await found.stop()


async def test_the_next_certificate_that_expires(with_certificates: Observer, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = [
        record.certificate.valid_until
        for record in with_certificates.owned.records(INSTANCE).values()
        if record.certificate and record.certificate.valid_until < math.inf
    ]
    first, second = sorted(ends)
    assert second - first == 10 * DAY
    due = with_certificates.expiry_due
    for now, expected in (
        (first - 5.0, 5.0),
        (first, second - first),  # the first one has expired already
        (second - 1.0, 1.0),
        (second, None),
    ):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        assert due(INSTANCE) == expected
    assert due(InstanceKey("here", "other")) is None


async def test_the_next_certificate_that_cert_manager_should_have_renewed(
    with_certificates: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [record.certificate for record in with_certificates.owned.records(INSTANCE).values()]
    first = min(each.overdue_at for each in found if each)
    assert first < min(each.valid_until for each in found if each)
    monkeypatch.setattr(time, "time", lambda: first - 5.0)
    assert with_certificates.expiry_due(INSTANCE) == 5.0


async def test_the_next_certificate_that_is_renewed(
    with_certificates: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [record.certificate for record in with_certificates.owned.records(INSTANCE).values()]
    first, second = sorted(each.renew_at for each in found if each and each.renew_at)
    due = with_certificates.renewal_due
    for now, expected in ((first - 5.0, 5.0), (first, second - first), (second, None)):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        assert due(INSTANCE) == expected


async def test_an_expired_certificate_is_reported_in_the_snapshot(
    with_certificates: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = Key("Secret", "here", "x-tls"), Key("Secret", "here", "x-storage-tls")
    record = with_certificates.owned.records(INSTANCE)[one].certificate
    assert record
    monkeypatch.setattr(time, "time", lambda: record.valid_until)
    found = (await with_certificates.snapshot(INSTANCE, "u", [])).certificates
    assert (found[one].expired, found[two].expired) == (True, False)
