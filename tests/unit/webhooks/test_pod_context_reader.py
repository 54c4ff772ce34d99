"""What is read for one pod: no more than the limit, and of Secrets only with the right caller."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cryostat_operator.api.v1beta2 import Cryostat
from cryostat_operator.plan.instance import Instance
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.snapshot import Snapshot
from cryostat_operator.settings import Settings
from cryostat_operator.webhooks.pod_context_reader import MAX_SOURCES, PodContextReader
from cryostat_operator.webhooks.reviews import Caller
from tests.unit.webhooks.agent_requests import CRYOSTAT, Reader, request


def instance(*, tls: bool) -> Instance:
    body = CRYOSTAT if not tls else {**CRYOSTAT, "spec": {}}
    return Instance(Cryostat.model_validate(body), Snapshot(), Settings(service_tls=tls))


@pytest.mark.parametrize(("is_api_server", "kinds"), [(False, {"ConfigMap"}), (True, {"ConfigMap", "Secret"})])
async def test_few_sources_are_read(is_api_server: bool, kinds: set[str]) -> None:
    sources = [{"configMapRef": {"name": f"c{number}"}} for number in range(MAX_SOURCES - 1)]
    sources += [{"secretRef": {"name": f"s{number}"}} for number in range(MAX_SOURCES)]
    given = replace(request({"envFrom": sources}), caller=Caller(is_api_server=is_api_server))
    reader = Reader()
    await PodContextReader(reader).read(given, instance(tls=False))
    assert {kind for kind, _ in reader.read} == kinds
    assert len(reader.read) == MAX_SOURCES - (not is_api_server)


async def test_sources_of_each_container_with_the_agent_are_read() -> None:
    given = request({"envFrom": [{"configMapRef": {"name": "a"}}]})
    for name in ("b", "c"):
        container = {"name": name, "envFrom": [{"configMapRef": {"name": name}}]}
        given.obj["spec"]["containers"].append(container)
    given.obj["metadata"]["annotations"] = {"cryostat.io/container": "app,c"}
    reader = Reader()
    await PodContextReader(reader).read(given, instance(tls=False))
    assert set(reader.read) == {("ConfigMap", "a"), ("ConfigMap", "c")}


async def test_sources_of_several_containers_count_once() -> None:
    shared = [{"configMapRef": {"name": f"c{number}"}} for number in range(MAX_SOURCES - 1)]
    given = request({"envFrom": shared})
    container = {"name": "b", "envFrom": [*shared, {"configMapRef": {"name": "own"}}]}
    given.obj["spec"]["containers"].append(container)
    given.obj["metadata"]["annotations"] = {"cryostat.io/container": "app,b"}
    reader = Reader()
    await PodContextReader(reader).read(given, instance(tls=False))
    assert ("ConfigMap", "own") in reader.read
    assert len(reader.read) == MAX_SOURCES


async def test_with_tls_the_certificate_of_the_agent_is_read() -> None:
    reader = Reader()
    context = await PodContextReader(reader).read(request(), instance(tls=True))
    assert reader.read == [("Secret", names.agent_certificate("n", "sample", "n"))]
    assert context.certificate is False
