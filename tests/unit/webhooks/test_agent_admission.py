"""Reviews of pods: the objects that are read for a caller, and failures that admit the pod unchanged."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from typing import Any
from unittest.mock import AsyncMock

import orjson
import pytest

from cryostat_operator.api.limits import MAX_POD_TEXT_READ, MAX_VALUES_READ
from cryostat_operator.kube.errors import ApiError
from cryostat_operator.metrics import InjectionCounts
from cryostat_operator.plan.model.snapshot import ContentSummary, NamespaceState, Snapshot
from cryostat_operator.settings import Settings
from cryostat_operator.webhooks.agent_admission import AgentAdmission
from cryostat_operator.webhooks.reviews import AdmissionRequest, Caller
from tests.unit.webhooks.agent_requests import CRYOSTAT, Reader, request


async def review(reader: Reader, given: AdmissionRequest) -> dict[str, Any]:
    answer = await AgentAdmission(reader, Settings(service_tls=False), InjectionCounts()).pod(given)
    response: dict[str, Any] = answer["response"]
    assert response["allowed"] is True
    return response


UNREAD = "Cryostat agent: not added: the cluster could not be read; create the pod again"
LATE = "Cryostat agent: not added: the review took too long; create the pod again"
FROM_SECRET = {"envFrom": [{"secretRef": {"name": "s"}}, {"configMapRef": {"name": "c", "optional": True}}]}


async def test_a_secret_is_read_only_for_the_api_server() -> None:
    reader = Reader()
    response = await review(reader, request(FROM_SECRET))
    assert reader.read == [("ConfigMap", "c")]
    assert b"secretKeyRef" in base64.b64decode(response["patch"])
    proved = Reader()
    await review(proved, replace(request(FROM_SECRET), caller=Caller(is_api_server=True)))
    assert sorted(proved.read) == [("ConfigMap", "c"), ("Secret", "s")]


@pytest.mark.parametrize(
    ("error", "warning", "logged"),
    [
        (ApiError(500, "x", "y"), UNREAD, "Agent not injected into Pod n/p: y"),
        (TimeoutError(), LATE, "Agent not injected into Pod n/p: timed out"),
        (
            RuntimeError("bug"),
            "Cryostat agent: not added: the operator failed; see its log",
            "Agent not injected into Pod n/p",
        ),
    ],
    ids=repr,
)
async def test_on_failure_the_pod_is_admitted_unchanged(
    error: Exception, warning: str, logged: str, caplog: pytest.LogCaptureFixture
) -> None:
    reader = Reader()
    reader.error = error
    response = await review(reader, request())
    assert "patch" not in response
    assert response["warnings"] == [warning]
    assert caplog.messages == [logged]


async def test_a_config_map_with_too_many_keys_counts_as_unread() -> None:
    reader = Reader()
    reader.summary = ContentSummary(frozenset(), "", has_too_many_keys=True)
    response = await review(reader, request({"envFrom": [{"configMapRef": {"name": "many"}}]}))
    assert "patch" in response
    assert "ConfigMap many cannot be read" in response["warnings"][0]
    reader.summary = ContentSummary(frozenset({"OTHER"}), "")
    assert "warnings" not in await review(reader, request({"envFrom": [{"configMapRef": {"name": "few"}}]}))


async def test_an_ordinary_pod_gets_the_agent() -> None:
    response = await review(Reader(), request())
    paths = {operation["path"] for operation in orjson.loads(base64.b64decode(response["patch"]))}
    assert "/spec/initContainers" in paths


async def test_the_agent_is_added_if_the_fips_mode_is_unknown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reader = Reader()
    monkeypatch.setattr(reader, "content", AsyncMock(return_value=ContentSummary(frozenset({"tls.crt"}), "x")))
    reader.stored = {**CRYOSTAT, "spec": {}}
    reader.fips_error = ApiError(403, "Forbidden", "no")
    answer = await AgentAdmission(reader, Settings(), InjectionCounts()).pod(request())
    assert "patch" in answer["response"]
    assert caplog.messages == ["The FIPS mode of the cluster cannot be read, so it is assumed to be off: no"]


async def test_an_unknown_cryostat_is_a_warning() -> None:
    response = await review(Reader(), request(name="other"))
    assert "is not a target namespace of a Cryostat n/other" in response["warnings"][0]


async def test_a_namespace_that_was_created_again_is_no_target_namespace() -> None:
    """Its owner gets the same response as the owner of any other namespace."""
    reader, given = Reader(), request()
    status = {"reviewedNamespaces": [{"name": "shop", "uid": "1"}]}
    reader.stored = {**CRYOSTAT, "spec": {"targetNamespaces": ["shop"], "enableCertManager": False}, "status": status}
    given = replace(given, namespace="shop")
    reader.known = Snapshot(namespaces={"shop": NamespaceState(uid="1")})
    assert "patch" in await review(reader, given)
    reader.known = Snapshot(namespaces={"shop": NamespaceState(uid="2")})
    refused = await review(reader, given)
    assert "patch" not in refused
    never = await review(reader, replace(given, namespace="other"))
    assert refused["warnings"] == [never["warnings"][0].replace("other", "shop")]
    await asyncio.sleep(0)
    assert len(reader.events) == 2


async def test_where_the_operator_does_not_serve_a_namespace_no_agent_is_added() -> None:
    """Otherwise the pod could wait for a Secret that the operator does not create."""
    no_target = "Cryostat agent: not added: namespace n is not a target namespace of a Cryostat n/sample; "
    no_target += "check the labels, and spec.targetNamespaces and the condition TargetNamespacesReady of that Cryostat"
    reader = Reader()
    admission = AgentAdmission(reader, Settings(service_tls=False, watch_namespaces=("m",)), InjectionCounts())
    response = (await admission.pod(request()))["response"]
    assert ("patch" in response, response["warnings"], reader.read, reader.events) == (False, [no_target], [], [])
    reader.known = Snapshot(namespaces={"n": NamespaceState()}, not_served=frozenset({"n"}))
    response = await review(reader, request())
    assert ("patch" in response, response["warnings"]) == (False, [no_target])


async def test_reviews_are_counted_by_result() -> None:
    reader, injections = Reader(), InjectionCounts()
    reader.stored = {**CRYOSTAT, "spec": {"targetNamespaces": ["shop"], "enableCertManager": False}}
    admission = AgentAdmission(reader, Settings(service_tls=False), injections)
    pod = replace(request(), namespace="shop")
    await admission.pod(pod)
    await admission.pod(replace(pod, dry_run=True))
    await admission.pod(replace(request(label="none"), namespace="shop"))
    await admission.pod(replace(pod, namespace="another"))
    await admission.pod(request(name="made-up"))
    reader.error = ApiError(500, "x", "y")
    await admission.pod(pod)
    assert injections.counts == {
        ("n", "sample", "shop", "added"): 1,
        ("n", "sample", "shop", "not_added"): 1,
        ("n", "sample", "", "not_added"): 1,
        ("", "", "", "not_added"): 1,
        ("", "", "", "failed"): 1,
    }


async def test_a_cryostat_that_hibernates_is_a_warning_and_the_agent_is_added() -> None:
    reader = Reader()
    annotations = {"operator.cryostat.io/hibernation": "on"}
    reader.stored = {**CRYOSTAT, "metadata": {**CRYOSTAT["metadata"], "annotations": annotations}}  # type: ignore[dict-item]
    response = await review(reader, request())
    [warning] = [each for each in response["warnings"] if "hibernates" in each]
    assert warning == "Cryostat agent: Cryostat n/sample hibernates; the agent registers when the instance runs again"
    assert "patch" in response
    assert reader.events == []


@pytest.mark.parametrize("field", ["env", "volumeMounts", "ports"])
async def test_a_pod_with_very_many_entries_is_admitted_unchanged(field: str) -> None:
    """To compare and encode them would take seconds, in which the operator reviews no other object."""
    reader, count = Reader(), MAX_VALUES_READ // 3 + 1
    entries = [{"name": f"x{number}", "value": "y", "mountPath": f"/x{number}"} for number in range(count)]
    response = await review(reader, request({field: entries}))
    assert "patch" not in response
    assert "the object has more than 20000 entries in lists and maps" in response["warnings"][0]
    await asyncio.sleep(0)
    assert len(reader.events) == 1
    assert "patch" in await review(reader, request({field: entries[:1000]}))


async def test_a_pod_with_a_very_long_text_is_admitted_unchanged() -> None:
    """Annotations and Java options are split into words, which take many times the memory of the text."""
    for size, changed in ((MAX_POD_TEXT_READ, True), (MAX_POD_TEXT_READ + 1, False)):
        response = await review(Reader(), request({"env": [{"name": "X", "value": "x" * size}]}))
        assert ("patch" in response) == changed
    assert "the object has a text of more than 262144 characters" in response["warnings"][0]


async def test_a_workload_with_very_many_entries_is_admitted_unchanged() -> None:
    many = {"metadata": {"annotations": {f"x{number}": "y" for number in range(MAX_VALUES_READ + 1)}}}
    labels = {"cryostat.io/name": "sample", "cryostat.io/namespace": "n"}
    small = {"metadata": {"labels": labels}, "spec": {"template": {"metadata": {}}}}
    for obj, old, changed in ((small, {}, True), ({**small, **many}, {}, False), (small, many, False)):
        given = AdmissionRequest("1", "CREATE", "n", "p", False, {}, obj, old, False)
        answer = await AgentAdmission(Reader(), Settings(service_tls=False), InjectionCounts()).workload(given)
        assert answer["response"]["allowed"] is True
        assert ("patch" in answer["response"]) == changed


async def test_a_workload_without_an_answer_in_time_is_admitted_unchanged(caplog: pytest.LogCaptureFixture) -> None:
    reader = Reader()
    reader.error = TimeoutError()
    template = {"metadata": request().obj["metadata"], "spec": {"containers": [{"name": "app"}]}}
    given = replace(request(), obj={"kind": "Deployment", "metadata": {"name": "shop"}, "spec": {"template": template}})
    answer = await AgentAdmission(reader, Settings(service_tls=False), InjectionCounts()).workload(given)
    assert answer["response"]["warnings"] == [
        "Cryostat agent: not added: the review took too long; apply this object again"
    ]
    assert caplog.messages == ["Agent not injected into Deployment n/shop: timed out"]


async def test_a_workload_whose_pods_get_no_agent_gets_a_warning() -> None:
    labels = {"cryostat.io/name": "other", "cryostat.io/namespace": "n"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app"}]}}
    given = replace(request(), obj={"kind": "Deployment", "metadata": {}, "spec": {"template": template}})
    answer = await AgentAdmission(Reader(), Settings(service_tls=False), InjectionCounts()).workload(given)
    assert answer["response"]["warnings"] == [
        "Cryostat agent: pods start without the agent: namespace n is not a target namespace of a Cryostat n/other; "
        "check the labels, and spec.targetNamespaces and the condition TargetNamespacesReady of that Cryostat"
    ]


IGNORED = "agent 0.7 ignores smart triggers of ConfigMap n/triggers"


async def test_a_pod_gets_the_agent_also_if_its_smart_triggers_are_ignored() -> None:
    reader, given = Reader(), request()
    given.obj["metadata"]["labels"]["cryostat.io/smart-triggers"] = "triggers"
    reader.triggers = '[{"condition": "ProcessCpuLoad>0.2"}]'
    response = await review(reader, given)
    assert "patch" in response
    assert [warning.startswith(f"Cryostat agent: {IGNORED}") for warning in response["warnings"]] == [True]
    await asyncio.sleep(0)
    assert [event.startswith(f"Pod p in namespace n: {IGNORED}") for event in reader.events] == [True]
    reader.triggers = "[ProcessCpuLoad>0.2]~profile"
    assert "warnings" not in await review(reader, given)


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        (
            {"metadata": {**CRYOSTAT["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}},  # type: ignore[dict-item]
            "Cryostat n/sample is being deleted",
        ),
        ({"spec": {"enableCertManager": "often"}}, "Cryostat n/sample is not valid; see its condition Ready"),
    ],
)
async def test_a_cryostat_that_cannot_have_agents_is_named(changed: dict[str, Any], cause: str) -> None:
    reader = Reader()
    reader.stored = {**CRYOSTAT, **changed}
    refused = await review(reader, request())
    assert "patch" not in refused
    assert refused["warnings"] == [f"Cryostat agent: not added: {cause}"]


async def test_a_workload_is_admitted_without_a_warning_if_the_cryostat_cannot_be_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reader = Reader()
    reader.error = ApiError(403, "Forbidden", "no access")
    workload = {"kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": request().obj}}
    admission = AgentAdmission(reader, Settings(service_tls=False), InjectionCounts())
    with caplog.at_level("INFO"):
        response = (await admission.workload(replace(request(), obj=workload)))["response"]
    assert (response["allowed"], response.get("warnings")) == (True, None)
    assert caplog.messages == ["Cryostat n/sample cannot be read: no access"]


async def test_ignored_smart_triggers_are_a_warning_about_a_workload() -> None:
    reader, pod = Reader(), request().obj
    pod["metadata"]["labels"]["cryostat.io/smart-triggers"] = "triggers"
    reader.triggers = '[{"condition": "ProcessCpuLoad>0.2"}]'
    workload = {"kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": pod}}
    given = replace(request(), obj=workload)
    answer = await AgentAdmission(reader, Settings(service_tls=False), InjectionCounts()).workload(given)
    assert any(IGNORED in warning for warning in answer["response"]["warnings"])
    assert reader.events == []
