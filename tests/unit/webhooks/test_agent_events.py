"""Events about pods that do not get the agent."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from cryostat_operator.kube.events import MAX_MESSAGE
from cryostat_operator.metrics import InjectionCounts
from cryostat_operator.settings import Settings
from cryostat_operator.webhooks.agent_admission import AgentAdmission
from cryostat_operator.webhooks.agent_events import MAX_EVENTS, AgentEvents, creator_of
from tests.unit.webhooks.agent_requests import CRYOSTAT, Reader, request

EVENT = (
    'Pod p in namespace n: the agent was not added, because there is no container "none0", '
    "which cryostat.io/container names"
)


async def test_events_are_bounded() -> None:
    reader = Reader()
    admission = AgentAdmission(reader, Settings(service_tls=False), InjectionCounts())
    for number in range(MAX_EVENTS + 20):
        await admission.pod(request(label=f"none{number}"))
    await asyncio.sleep(0)
    assert len(reader.events) == MAX_EVENTS
    assert EVENT in reader.events


async def test_pods_of_other_namespaces_do_not_use_the_events_of_a_target_namespace() -> None:
    reader = Reader()
    reader.stored = {**CRYOSTAT, "spec": {"targetNamespaces": ["n", "shop"], "enableCertManager": False}}
    admission = AgentAdmission(reader, Settings(service_tls=False), InjectionCounts())
    for number in range(3 * MAX_EVENTS):
        await admission.pod(replace(request(), namespace=f"other-{number}"))
        await admission.pod(replace(request(label=f"none{number}"), namespace="shop"))
    await asyncio.sleep(0)
    assert len(reader.events) == 2 * MAX_EVENTS, "one limit for all other namespaces, one for the target namespace"
    reader.events.clear()
    await admission.pod(request(label="none"))
    await asyncio.sleep(0)
    assert len(reader.events) == 1


async def test_a_dry_run_and_a_workload_cause_no_event() -> None:
    reader = Reader()
    events = AgentEvents(reader)
    events.record_not_added(replace(request(), dry_run=True), CRYOSTAT, "cause")
    events.record_not_added(replace(request(), obj={**request().obj, "kind": "Deployment"}), CRYOSTAT, "cause")
    await asyncio.sleep(0)
    assert reader.events == []


def test_the_event_names_the_deployment_of_a_pod() -> None:
    given = request()
    labels = {**given.obj["metadata"]["labels"], "pod-template-hash": "5d4"}
    owner = {"kind": "ReplicaSet", "name": "shop-5d4", "controller": True}
    obj = {**given.obj, "metadata": {"name": "p", "labels": labels, "ownerReferences": [owner]}}
    assert creator_of(replace(given, obj=obj)) == "Pods of Deployment shop"
    owner |= {"kind": "Job", "name": "shop"}
    assert creator_of(replace(given, obj=obj)) == "Pods of Job shop"
    assert creator_of(given) == "Pod p"


async def test_long_names_of_owners_are_stored_in_bounded_memory() -> None:
    reader = Reader()
    events = AgentEvents(reader)
    given = request()
    for number in range(MAX_EVENTS):
        owner = {"kind": "Job", "name": f"{number}-{'x' * 100_000}", "controller": True}
        obj = {**given.obj, "metadata": {**given.obj["metadata"], "ownerReferences": [owner]}}
        events.record_not_added(replace(given, obj=obj), CRYOSTAT, "cause")
    await asyncio.sleep(0)
    assert len(reader.events) == MAX_EVENTS
    assert max(map(len, reader.events)) == MAX_MESSAGE
    [remembered] = events._recorded.values()
    assert sum(map(len, remembered)) == 32 * MAX_EVENTS
