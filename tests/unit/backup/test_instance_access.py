"""Names of pods and Secrets."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.backup.instance_access import DATABASE, STORAGE, InstanceAccess
from cryostat_operator.backup.manifest import BackupError
from tests.unit.api_server import ApiServer
from tests.unit.backup.instance import ACCESS, NAME, NAMESPACE, Streams, serve_instance, serve_pod, variable


def access(server: ApiServer) -> InstanceAccess:
    streams: Any = Streams()
    return InstanceAccess(server, streams, NAMESPACE, NAME)


async def test_secrets_are_those_of_the_running_containers() -> None:
    server = ApiServer()
    own = {"name": "db", "env": [{"name": "A", "value": "b"}, variable("POSTGRESQL_PASSWORD", "mine")]}
    serve_instance(server, database=own, storage={"name": "store"})
    reached = access(server)
    database, storage = await reached.component(DATABASE), await reached.component(STORAGE)
    assert (database.pod, reached.database_secret(database)) == ("sample-database-pod", "mine")
    assert reached.storage_secret(storage) == "sample-storage"


async def test_a_component_without_a_ready_pod_is_reported() -> None:
    server = ApiServer()
    serve_instance(server)
    serve_pod(server, NAMESPACE, DATABASE, "False")
    with pytest.raises(BackupError, match=r"here/sample-database has no ready pod\. `kubectl cryostat status sample"):
        await access(server).component(DATABASE)


async def test_a_component_that_does_not_exist_is_reported() -> None:
    with pytest.raises(BackupError) as error:
        await access(ApiServer()).component(DATABASE)
    assert str(error.value) == "Deployment here/sample-database does not exist, so its data cannot be read."


async def test_a_terminating_pod_is_not_used() -> None:
    server = ApiServer()
    serve_instance(server)
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{NAME}-{DATABASE}-pod"
    pod = server.find(path)
    assert pod
    pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    server.put(path, pod)
    with pytest.raises(BackupError) as error:
        await access(server).component(DATABASE)
    assert str(error.value) == (
        "Deployment here/sample-database has no ready pod. `kubectl cryostat status sample -n here` shows the cause."
    )


@pytest.mark.parametrize(
    ("secrets", "message"),
    [
        (
            {"sample-storage": {"ACCESS_KEY": "x"}},
            "^Secret here/sample-storage needs the keys ACCESS_KEY and SECRET_KEY.$",
        ),
        (
            {"sample-storage": ACCESS, "sample-storage-tls": {}},
            "^Secret here/sample-storage-tls has no certificate of an authority in ca.crt.$",
        ),
        (
            {"sample-storage": ACCESS, "sample-storage-tls": {"ca.crt": "x"}},
            "storage-tls has no certificate of an authority in ca.crt.$",
        ),
    ],
)
async def test_unusable_secrets_of_the_storage_are_reported(
    secrets: dict[str, dict[str, str | bytes]], message: str
) -> None:
    server = ApiServer()
    serve_instance(server, storage={"name": "storage", "args": ["-s3.cert.file=/x"]}, secrets=secrets)
    reached = access(server)
    with pytest.raises(BackupError, match=message):
        async with reached.storage(await reached.component(STORAGE)):
            pass


async def test_annotations_are_set_and_removed() -> None:
    server = ApiServer()
    serve_instance(server)
    reached = access(server)
    await reached.annotate({"a": "b"})
    await reached.annotate({"a": None})
    await reached.scale_application(0)
    found = server.find(reached.path)
    assert found
    assert found["metadata"]["annotations"] == {"kept": "yes"}
    deployment = server.find(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{NAME}")
    assert deployment
    assert deployment["spec"]["replicas"] == 0
