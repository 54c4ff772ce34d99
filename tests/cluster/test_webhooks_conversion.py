"""v1beta1 and v1beta2 side by side on a real API server: reading, writing, watching and applying in either version."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cryostat_operator.api import constants, v1beta1, v1beta2
from cryostat_operator.api.conversion import ANNOTATION
from cryostat_operator.plan.model.webhook_definitions import WebhookPaths
from tests.cluster.api import ApiError, Object, eventually
from tests.cluster.memory import limit, peak, reset_peak
from tests.cluster.webhooks import WebhookPlane
from tests.unit.strategies import members

OLD, NEW = v1beta1.API_VERSION, constants.API_VERSION
PAUSED = {"operator.cryostat.io/pause-reconciliation": "true"}
_numbers = itertools.count(1)

MakeNamespace = Callable[..., str]
# Unit tests try many more examples of the conversion. Here, the API server also prunes, validates and merges them.
_SETTINGS = settings(max_examples=12, suppress_health_check=list(HealthCheck), deadline=None)


def cryostat(version: str, namespace: str, spec: Any, name: str = "") -> Object:
    metadata = {"name": name or f"v{next(_numbers)}", "namespace": namespace, "annotations": dict(PAUSED)}
    return {"apiVersion": version, "kind": "Cryostat", "metadata": metadata, "spec": spec}


def get(webhooks: WebhookPlane, version: str, obj: Object) -> Object:
    return webhooks.api.get(version, "Cryostat", obj["metadata"]["name"], obj["metadata"]["namespace"])


def replaced(webhooks: WebhookPlane, version: str, obj: Object, spec: Object, *, annotations: bool = True) -> Object:
    """Replace an object. Retries on a conflict, because the operator may write the status at the same moment."""
    while True:
        now = get(webhooks, version, obj)
        if not annotations:
            now["metadata"]["annotations"] = PAUSED
        try:
            return webhooks.api.replace({**now, "spec": spec})
        except ApiError as error:
            if error.code != 409:
                raise


def plain(spec: Object) -> Object:
    """A spec without nulls, as the API server stores it."""
    return json.loads(json.dumps(spec))  # type: ignore[no-any-return]


def accepted(webhooks: WebhookPlane, obj: Object) -> Object | None:
    """The stored object, or None if the API server refuses the random object."""
    try:
        return webhooks.api.create(obj)
    except ApiError as error:
        if error.code == 422:
            return None
        raise


@_SETTINGS
@given(members(v1beta2.CryostatSpec))
def test_nothing_is_lost_by_writing_v1beta2_through_v1beta1(webhooks: WebhookPlane, spec: Object) -> None:
    made = accepted(webhooks, cryostat(NEW, "default", {**spec, "targetNamespaces": ["default", "other"]}))
    if made is None:
        return
    webhooks.api.patch({**made, "apiVersion": OLD}, {"metadata": {"labels": {"a": "b"}}})
    webhooks.api.patch({**made, "apiVersion": OLD}, {"spec": {"maxWsConnections": 7}})
    after = get(webhooks, NEW, made)
    assert after["spec"] == made["spec"]
    assert get(webhooks, OLD, made)["spec"]["maxWsConnections"] == 7
    webhooks.api.delete(made)


@_SETTINGS
@given(members(v1beta1.CryostatSpec))
def test_nothing_is_lost_by_storing_v1beta1(webhooks: WebhookPlane, spec: Object) -> None:
    made = accepted(webhooks, cryostat(OLD, "default", spec))
    if made is None:
        return
    assert made["spec"] == plain(spec)
    webhooks.api.patch(
        {**made, "apiVersion": NEW}, {"metadata": {"labels": {"a": "b"}}, "spec": {"enableAudit": False}}
    )
    assert get(webhooks, OLD, made)["spec"] == plain(spec)
    assert get(webhooks, NEW, made)["spec"]["enableAudit"] is False
    webhooks.api.delete(made)


@_SETTINGS
@given(st.lists(members(v1beta1.CryostatSpec), min_size=2, max_size=2), st.sampled_from(["merge", "apply", "replace"]))
def test_v1beta1_reads_what_was_written_in_v1beta1(webhooks: WebhookPlane, specs: list[Object], how: str) -> None:
    first, second = specs
    made = accepted(webhooks, cryostat(OLD, "default", first))
    if made is None:
        return
    codes = set()
    try:
        if how == "replace":
            replaced(webhooks, OLD, made, second)
            assert get(webhooks, OLD, made)["spec"] == plain(second)
        elif how == "merge":
            webhooks.api.patch(made, {"spec": {**dict.fromkeys(first), **second}})
        else:
            webhooks.api.apply(cryostat(OLD, "default", second, made["metadata"]["name"]))
    except ApiError as error:
        codes.add(error.code)
    assert codes <= {422}
    assert get(webhooks, NEW, made)["spec"]["targetNamespaces"] == ["default"]
    webhooks.api.delete(made)


def test_a_new_instance_in_v1beta1_keeps_its_audit_default(webhooks: WebhookPlane, namespace: MakeNamespace) -> None:
    made = webhooks.api.create(cryostat(OLD, namespace(webhooks.plane), {"minimal": False}))
    assert made["spec"] == {"minimal": False}
    home = made["metadata"]["namespace"]
    assert get(webhooks, NEW, made)["spec"] == {"enableAudit": True, "targetNamespaces": [home]}


def test_lists_and_watches_in_both_versions(webhooks: WebhookPlane, namespace: MakeNamespace) -> None:
    home = namespace(webhooks.plane)
    for number in range(10):
        version = OLD if number % 2 else NEW
        webhooks.api.create(cryostat(version, home, {"minimal": False} if version == OLD else {}, f"n{number}"))
    for version in (OLD, NEW):
        found = webhooks.api.list(version, "Cryostat", home)
        assert len(found) == 10
        assert {each["apiVersion"] for each in found} == {version}
        seen = set()
        for event in webhooks.api.watch(version, "Cryostat", home, seconds=3):
            if event["type"] == "ADDED":
                assert event["object"]["apiVersion"] == version
                assert ("minimal" in event["object"]["spec"]) == (version == OLD)
                seen.add(event["object"]["metadata"]["name"])
            if len(seen) == 10:
                break
        assert len(seen) == 10


def test_one_invalid_object_does_not_fail_the_conversion_of_others(
    webhooks: WebhookPlane, namespace: MakeNamespace
) -> None:
    """All objects of a list are converted in one review. Invalid annotations of some must not fail it."""
    home = namespace(webhooks.plane)
    texts = ["[" * 9_000, '{"v1beta1":{"spec":{"a":"\\ud800"}}}', '{"v1beta1":{"spec":{"maxWsConnections":"x"}}}']
    for number, text in enumerate(texts):
        obj = cryostat(NEW, home, {"targetNamespaces": [home]}, f"odd{number}")
        obj["metadata"]["annotations"][ANNOTATION] = text
        webhooks.api.create(obj)
    large = cryostat(NEW, home, {"networkPolicies": {"coreConfig": {"ingressDisabled": True}}}, "large")
    large["metadata"]["annotations"]["notes"] = "x" * (262_144 - 150)
    made = webhooks.api.create(large)
    assert len(webhooks.api.list(OLD, "Cryostat", home)) == len(texts) + 1
    seen = (each["object"]["metadata"]["name"] for each in webhooks.api.watch(OLD, "Cryostat", home, seconds=3))
    assert set(itertools.islice(seen, len(texts) + 1)) == {"large", "odd0", "odd1", "odd2"}
    # Fields that v1beta1 does not have must not be lost.
    with pytest.raises(ApiError, match="do not fit into v1beta1; write it in v1beta2"):
        webhooks.api.patch({**made, "apiVersion": OLD}, {"metadata": {"labels": {"a": "b"}}})
    webhooks.api.patch(made, {"metadata": {"labels": {"a": "b"}}})
    assert get(webhooks, NEW, made)["spec"] == made["spec"]


def test_a_large_list_is_converted_in_little_memory(webhooks: WebhookPlane) -> None:
    """160 Cryostats with 250 kB of annotations in one review: 40 MB."""
    obj = cryostat(NEW, "default", {}, "large")
    obj["metadata"]["annotations"]["notes"] = "1," * 125_000
    request = {"uid": "7", "desiredAPIVersion": OLD, "objects": [obj] * 160}
    body = json.dumps({"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "request": request})
    reset_peak(webhooks.operator)  # tests of other files used the same operator
    status, text = asyncio.run(_post(f"{webhooks.url}{WebhookPaths.CONVERT}", body.encode()))
    response = json.loads(text)["response"]
    assert (status, response["result"]) == (200, {"status": "Success"})
    assert len(response["convertedObjects"]) == 160
    assert {each["apiVersion"] for each in response["convertedObjects"]} == {OLD}
    assert {each["metadata"]["annotations"]["notes"] for each in response["convertedObjects"]} == {"1," * 125_000}
    assert peak(webhooks.operator) < limit() * 0.75


def test_the_api_server_lists_many_large_cryostats_in_v1beta1(webhooks: WebhookPlane, namespace: MakeNamespace) -> None:
    """12 Cryostats of 1 MB, stored before there was a limit. The API server sends a review for each."""
    home, count, size = namespace(webhooks.plane), 12, 1_000_000
    # v1beta2 alone has the first field, so the conversion keeps it in an annotation. v1beta1 has the second one, too.
    spec = {"enableAudit": True, "operandMetadata": {"podMetadata": {"annotations": {"notes": "1," * (size // 2)}}}}
    head = {"uid": "", "creationTimestamp": "2026-01-01T00:00:00Z", "generation": 1}
    stored = []
    for number in range(count):
        obj = cryostat(NEW, home, {**spec, "targetNamespaces": [home]}, f"large{number}")
        obj["metadata"] |= {**head, "uid": f"00000000-0000-4000-8000-{number:012}"}
        stored.append(obj)
    webhooks.plane.store(f"{constants.GROUP}/{constants.PLURAL}/{home}", stored)
    eventually(lambda: len(webhooks.api.list_metadata(NEW, "Cryostat", home)) == count, 60, "they are served")
    found = webhooks.api.list(OLD, "Cryostat", home)
    assert {each["metadata"]["name"] for each in found} == {each["metadata"]["name"] for each in stored}
    for each in found:
        assert each["apiVersion"] == OLD
        assert each["spec"]["operandMetadata"] == spec["operandMetadata"]
        assert json.loads(each["metadata"]["annotations"][ANNOTATION]) == {"v1beta2": {"spec": {"enableAudit": True}}}


async def _post(url: str, body: bytes) -> tuple[int, bytes]:
    """Send a body and read the response at the same time, as the API server does."""

    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 1 << 18):
            yield body[start : start + (1 << 18)]

    headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    async with aiohttp.ClientSession() as session, session.post(url, data=parts(), headers=headers, ssl=False) as got:
        return got.status, await got.read()


def test_clients_that_apply_different_versions_keep_their_fields(
    webhooks: WebhookPlane, namespace: MakeNamespace
) -> None:
    home = namespace(webhooks.plane)
    metadata = {"name": "shared", "namespace": home}
    new = {"apiVersion": NEW, "kind": "Cryostat", "metadata": {**metadata, "annotations": PAUSED}}
    old = {"apiVersion": OLD, "kind": "Cryostat", "metadata": metadata}
    webhooks.api.apply({**new, "spec": {"networkPolicies": {"coreConfig": {"ingressDisabled": True}}}}, "a")
    webhooks.api.apply({**old, "spec": {"minimal": False, "jmxCacheOptions": {"targetCacheSize": 3}}}, "b")
    # A client of v1beta2 can add and change fields that v1beta1 does not have while another client applies v1beta1. It
    # cannot remove them: the API server merges in v1beta1, where one annotation contains all these fields.
    changed = {"coreConfig": {"ingressDisabled": False, "egressEnabled": True}}
    webhooks.api.apply({**new, "spec": {"networkPolicies": changed}}, "a")
    spec = get(webhooks, NEW, new)["spec"]
    assert spec["networkPolicies"] == changed
    assert spec["targetConnectionCacheOptions"] == {"targetCacheSize": 3}
    webhooks.api.apply({**old, "spec": {"minimal": False}}, "b")
    after = get(webhooks, NEW, new)["spec"]
    assert "targetCacheSize" not in after.get("targetConnectionCacheOptions", {})
    assert after["networkPolicies"] == changed


def test_repeated_kubectl_apply_in_v1beta1(webhooks: WebhookPlane, namespace: MakeNamespace) -> None:
    home = namespace(webhooks.plane)
    manifest = json.dumps(cryostat(OLD, home, {"minimal": True, "reportOptions": {"replicas": 1}}, "old"))
    assert "created" in webhooks.plane.kubectl("apply", "-f", "-", input=manifest)
    assert "unchanged" in webhooks.plane.kubectl("apply", "-f", "-", input=manifest)
    new = {"apiVersion": NEW, "kind": "Cryostat", "metadata": {"name": "old", "namespace": home}}
    webhooks.api.patch(new, {"spec": {"loggingOptions": {"coreLogLevel": "DEBUG"}}})
    changed = json.dumps(cryostat(OLD, home, {"minimal": True, "reportOptions": {"replicas": 2}}, "old"))
    assert "configured" in webhooks.plane.kubectl("apply", "-f", "-", input=changed)
    spec = get(webhooks, NEW, new)["spec"]
    assert spec["loggingOptions"] == {"coreLogLevel": "DEBUG"}
    assert spec["reportOptions"] == {"replicas": 2}


def test_the_columns_of_v1beta1_show_the_state(webhooks: WebhookPlane, namespace: MakeNamespace) -> None:
    home = namespace(webhooks.plane)
    webhooks.api.create(cryostat(OLD, home, {"minimal": True}, "old"))

    def shown() -> bool:
        table = webhooks.plane.kubectl("get", "cryostats.v1beta1.operator.cryostat.io", "-n", home, "-o", "wide")
        head, line = table.splitlines()
        assert head.split()[:5] == ["NAME", "READY", "STATUS", "APPLICATION", "URL"]
        assert line.split()[:5] == ["old", "False", "Reconciliation", "is", "paused"], line
        return " Paused " in line and "no object is changed until it is removed" in line

    eventually(shown, what="the state in the columns")


def test_a_status_survives_writes_in_v1beta1(webhooks: WebhookPlane, namespace: MakeNamespace) -> None:
    home = namespace(webhooks.plane)
    made = webhooks.api.create(cryostat(NEW, home, {}))
    status = eventually(
        lambda: get(webhooks, NEW, made)["status"]["databaseSecret"] and get(webhooks, NEW, made)["status"]
    )
    answer = replaced(webhooks, OLD, made, {"minimal": False}, annotations=False)  # as with a stored manifest
    for field in ("databaseSecret", "storageSecret", "targetNamespaces", "observedGeneration"):
        assert answer["status"].get(field) == status.get(field), field


def test_the_storage_version_is_v1beta2(webhooks: WebhookPlane, namespace: MakeNamespace) -> None:
    made = webhooks.api.create(cryostat(OLD, namespace(webhooks.plane), {"minimal": False}))
    crd = webhooks.api.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", "cryostats.operator.cryostat.io")
    assert crd["status"]["storedVersions"] == ["v1beta2"]
    assert {v["name"]: v["storage"] for v in crd["spec"]["versions"]} == {"v1beta2": True, "v1beta1": False}
    assert get(webhooks, NEW, made)["apiVersion"] == NEW


def test_instances_stored_by_an_older_release_are_read(webhooks: WebhookPlane, namespace: MakeNamespace) -> None:
    """An older release stored instances in v1beta1."""
    home = namespace(webhooks.plane)
    crd = webhooks.api.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", "cryostats.operator.cryostat.io")

    def store_in(version: str) -> None:
        changes = [
            {"op": "replace", "path": f"/spec/versions/{index}/storage", "value": each["name"] == version}
            for index, each in enumerate(crd["spec"]["versions"])
        ]
        webhooks.api.patch(crd, changes)
        time.sleep(1.5)

    store_in("v1beta1")
    try:
        made = eventually(lambda: webhooks.api.create(cryostat(OLD, home, {"minimal": True})))
    finally:
        store_in("v1beta2")
    assert get(webhooks, NEW, made)["spec"]["targetNamespaces"] == [home]
    eventually(lambda: webhooks.api.list(NEW, "Cryostat", home))
    webhooks.api.patch({**made, "apiVersion": NEW}, {"spec": {"reportOptions": {"replicas": 3}}})
    assert get(webhooks, OLD, made)["spec"] == {"minimal": True, "reportOptions": {"replicas": 3}}
