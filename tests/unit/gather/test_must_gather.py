"""The content of the archive, which has none of the planted secret markers."""

from __future__ import annotations

import asyncio
import base64
import io
import tarfile
from typing import Any

import pytest

from cryostat_operator import __version__
from cryostat_operator.api import constants
from cryostat_operator.gather import pod_logs
from cryostat_operator.gather.archive import archive_bytes
from cryostat_operator.gather.must_gather import gather
from cryostat_operator.inspect import operator_reader
from cryostat_operator.inspect.instance_causes import causes
from cryostat_operator.inspect.instance_reader import InstanceReader
from cryostat_operator.kube.errors import ApiError, ApiUnavailable
from cryostat_operator.plan.model.kinds import Obj
from tests.unit.api_server import ApiServer
from tests.unit.inspect.instance import NOW, condition, cryostat, deployment, owned, pod, serve

MARKER = "MARKERvalue7"
ENCODED = base64.b64encode(MARKER.encode()).decode()
LOG = f"""2024-01-01T00:00:00Z started
2024-01-01T00:00:01Z password={MARKER} token: {MARKER}
2024-01-01T00:00:02Z Authorization: Bearer {MARKER}
2024-01-01T00:00:03Z "Authorization": "Basic {MARKER}"
2024-01-01T00:00:04Z Cookie: _oauth2_proxy={MARKER}; other={MARKER}
2024-01-01T00:00:05Z connecting to postgresql://cryostat:{MARKER}@db:5432/cryostat
2024-01-01T00:00:06Z user:$2y$05${MARKER} admin:$apr1${MARKER}
2024-01-01T00:00:07Z -----BEGIN RSA PRIVATE KEY-----
{MARKER}
-----END RSA PRIVATE KEY-----
2024-01-01T00:00:08Z eyJhbGciOiJSUzI1NiJ9.{MARKER}.{MARKER}
2024-01-01T00:00:08Z Authorization: Digest {MARKER}, sent Bearer {MARKER}
2024-01-01T00:00:08Z sent Bearer {MARKER}
2024-01-01T00:00:08Z password="two {MARKER}" pwd='or {MARKER}' token=a,b;c&{MARKER}
2024-01-01T00:00:08Z {{"message": "body {{\\"password\\": \\"two {MARKER}\\"}}"}}
2024-01-01T00:00:08Z {{"password": "a\\"{MARKER}", "n": 1}} KEYSTORE_PASS={MARKER} passphrase: {MARKER} pass='{MARKER}'
2024-01-01T00:00:08Z GET /x?X-Amz-Date=1&X-Amz-Signature={MARKER} ENCRYPTION_KEY={MARKER} CONNECTION_KEY: {MARKER}
2024-01-01T00:00:09Z {{"aws_secret_access_key": "{MARKER}", "AccessKey":"{MARKER}"}}
2024-01-01T00:00:09Z cut off: password="two {MARKER}"""


class LogServer(ApiServer):
    """An API server with the log `LOG` for all containers."""

    async def request(self, method: str, path: str, **options: Any) -> Obj:
        if path == "/version":
            return {"gitVersion": "v1.34.0"}
        if path.endswith("/log"):
            self.requests.append((method, path))
            return {"text": LOG}
        return await super().request(method, path, **options)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> ApiServer:
    monkeypatch.setattr(operator_reader, "RENEWAL_SECONDS", 0.0)  # the Lease below is old and stays so
    secret = owned("Secret", "sample-db", data={"KEY": ENCODED}, stringData={"KEY": MARKER})
    secret["metadata"]["annotations"] = {"note": MARKER}
    marked = deployment()
    marked["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": MARKER}
    marked["metadata"]["managedFields"] = [{"x": MARKER}]
    [container] = marked["spec"]["template"]["spec"]["containers"]
    container["env"] = [
        {"name": "PLAIN", "value": MARKER},
        {"name": "REF", "valueFrom": {"secretKeyRef": {"key": "k"}}},
    ]
    container["args"] = [f"--cookie-secret={MARKER}", f"--url=https://u:{MARKER}@host"]
    running = pod("cryostat")
    running["spec"]["containers"][0]["env"] = [{"name": "TOKEN", "value": MARKER}]
    config = owned(
        "ConfigMap", "sample-config", data={"users": f"admin:$2y$05${MARKER}", "conf": f"client_secret: {MARKER}"}
    )
    config["data"]["password"] = MARKER
    config["binaryData"] = {"file": ENCODED}
    config["metadata"]["annotations"] = {"example.com/api-token": MARKER}
    broken = cryostat(condition("Ready", "False", "MainContainerCrashed", f"last message: password={MARKER}"))
    server = serve(LogServer(), broken, secret, marked, running, config)
    event = {
        "metadata": {},
        "type": "Warning",
        "involvedObject": {"kind": "Cryostat", "name": "sample"},
        "reason": "SecretNotFound",
        "message": f"token={MARKER}",
    }
    server.put("/api/v1/namespaces/here/events/e", event)
    for name in ("sample-cryostat-1", "other"):
        about = {"kind": "Pod", "name": name}
        server.put(f"/api/v1/namespaces/here/events/{name}", event | {"involvedObject": about, "reason": "BackOff"})
    labels = {"app.kubernetes.io/name": "cryostat-operator"}
    operator: Obj = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "operator"}]}}
    operator["spec"]["containers"][0]["env"] = [{"name": "TOKEN", "value": MARKER}]
    server.put("/api/v1/namespaces/ops/pods/operator-1", operator)
    container = {"name": "operator", "env": [{"name": "TOKEN", "value": MARKER}], "args": [f"--token={MARKER}"]}
    controller = {"spec": {"template": {"spec": {"containers": [container]}}}}
    server.put("/apis/apps/v1/namespaces/ops/deployments/cryostat-operator-controller", controller)
    lease = {"metadata": {"annotations": {"note": f"password={MARKER}"}}, "spec": {"holderIdentity": "operator-1"}}
    server.put(f"/apis/coordination.k8s.io/v1/namespaces/ops/leases/{constants.LEASE}", lease)
    policy = {"metadata": {"annotations": {"note": f"token={MARKER}"}}, "spec": {"podSelector": {}}}
    server.put("/apis/networking.k8s.io/v1/namespaces/here/networkpolicies/deny", policy)
    return server


async def files_of(server: ApiServer) -> dict[str, str]:
    path = "/apis/operator.cryostat.io/v1beta2/namespaces/here/cryostats/sample"
    observed = await InstanceReader(server).observe(await server.request("GET", path))
    return await gather(server, [(observed, causes(observed, NOW))])


async def test_no_planted_marker_is_in_the_archive(server: ApiServer) -> None:
    files = await files_of(server)
    assert [path for path, text in files.items() if MARKER in text or ENCODED in text] == []
    assert {"deployment-cryostat-operator-controller.yaml", f"lease-{constants.LEASE}.yaml", "pod-operator-1.yaml"} <= {
        path.rpartition("/")[2] for path in files
    }


async def test_the_archive_has_objects_logs_versions_and_names_of_keys_and_variables(server: ApiServer) -> None:
    files = await files_of(server)
    assert "KEY: <removed>" in files["here/sample/here/secret-sample-db.yaml"]
    assert "name: PLAIN" in files["here/sample/here/deployment-sample.yaml"]
    assert [name for name, text in files.items() if "Generated by" in text] == []
    assert "started" in files["here/sample/logs/sample-cryostat-1-c.log"]
    assert "started" in files["operator/ops/logs/operator-1-operator.log"]
    assert files["here/sample/events.txt"].splitlines() == [
        " SecretNotFound: token=<removed>",
        " Pod sample-cryostat-1 BackOff: token=<removed>",
    ]
    assert files["version.txt"] == f"kubectl-cryostat {__version__}\nKubernetes v1.34.0\n"
    index = files["README.md"]
    assert "Cryostat here/sample: not ready" in index
    assert all(f"]({path})" in index for path in files if path != "README.md")
    assert server.writes == []


async def test_refused_reads_are_listed_in_the_index(server: ApiServer) -> None:
    server.hook = lambda method, path, body: ApiError(403, "Forbidden", "no") if "secrets" in path else None
    assert "* You may not list secrets in namespace here" in (await files_of(server))["README.md"]


async def test_a_log_that_cannot_be_read_is_listed_in_the_index(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = server.request

    async def without_logs(method: str, path: str, **options: Any) -> Obj:
        if path.endswith("sample-cryostat-1/log"):
            raise ApiUnavailable(0, "Unavailable", "the node is gone")
        if path.endswith("/log"):
            await asyncio.sleep(60)
        return await request(method, path, **options)

    monkeypatch.setattr(server, "request", without_logs)
    monkeypatch.setattr(pod_logs, "LOG_SECONDS", 0.01)
    files = await files_of(server)
    assert [path for path in files if path.endswith(".log")] == []
    assert "container c of pod sample-cryostat-1 cannot be read: the node is gone" in files["README.md"]
    assert "container operator of pod operator-1 cannot be read: no answer within 0 seconds" in files["README.md"]


async def test_the_previous_run_of_a_restarted_container_is_read(server: ApiServer) -> None:
    restarted = pod("cryostat")
    restarted["status"]["containerStatuses"][0]["restartCount"] = 1
    serve(server, restarted)
    assert "here/sample/logs/sample-cryostat-1-c.previous.log" in await files_of(server)


async def test_the_same_files_give_the_same_bytes(server: ApiServer) -> None:
    files = await files_of(server)
    content = archive_bytes(files, "root")
    assert content == archive_bytes(dict(reversed(files.items())), "root")
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        assert archive.getnames() == sorted(f"root/{path}" for path in files)
        assert {(entry.mtime, entry.uid, entry.uname) for entry in archive} == {(0, 0, "")}
