"""The webhook server: refused requests, load, and changes of its certificate."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
from cryptography import x509

from cryostat_operator.api import constants
from cryostat_operator.packaging import monitoring
from cryostat_operator.plan.model.webhook_definitions import WebhookPaths
from tests.cluster.api import Object, eventually
from tests.cluster.certificates import write_serving_certificate
from tests.cluster.operator_process import CRD, NAMESPACE, OperatorProcess, manifests
from tests.cluster.processes import free_ports
from tests.cluster.webhooks import ADMISSION, MUTATING, VALIDATING, WebhookPlane, asks, served

SECRET = "cryostat-operator-webhook-certificate"
ALL = [value for key, value in vars(WebhookPaths).items() if key.isupper()]


class Caller:
    """Calls the operator as the API server does."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._pool = urllib3.PoolManager(maxsize=64, cert_reqs="CERT_NONE", assert_hostname=False, retries=False)

    def post(self, path: str, body: Any, content_type: str = "application/json", **more: Any) -> tuple[int, str]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self._pool.request("POST", self.url + path, body=data, headers={"Content-Type": content_type}, **more)
        return answer.status, answer.data.decode()

    def review(self, path: str, request: Object) -> Object:
        status, text = self.post(path, review(request))
        assert status == 200, text
        found: Object = json.loads(text)["response"]
        return found


@pytest.fixture(autouse=True)
def _quiet() -> None:
    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)


@pytest.fixture
def caller(webhooks: WebhookPlane) -> Caller:
    return Caller(webhooks.url)


def review(request: Object) -> Object:
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "1", **request}}


def creation(spec: Any = None, **more: Any) -> Object:
    obj = {"apiVersion": constants.API_VERSION, "kind": "Cryostat", "metadata": {"name": "a"}, "spec": spec or {}}
    user = {"username": "jane", "groups": ["system:authenticated"]}
    return {"operation": "CREATE", "namespace": "default", "name": "a", "userInfo": user, "object": obj, **more}


# --- metrics ---------------------------------------------------------------------------------------------------------


def test_metrics_need_a_token_with_the_permission(webhooks: WebhookPlane, caller: Caller) -> None:
    def get(token: str) -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = caller._pool.request("GET", f"{caller.url}/metrics", headers=headers)
        return answer.status, answer.data.decode()

    assert get("") == (401, "")
    assert get("eyJ.eyJ.c2ln") == (401, "")
    for obj in monitoring.metrics_reader(NAMESPACE, {}):
        webhooks.api.create(obj)
    assert get(webhooks.api.token_for("default", "default")) == (403, "")
    token = webhooks.api.token_for("cryostat-operator-metrics-scraper", NAMESPACE)
    eventually(lambda: get(token)[0] == 200, 10)
    assert "cryostat_operator_instances" in get(token)[1]


# --- refused requests ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/", "/x", "/mutate", WebhookPaths.VALIDATE + "/", WebhookPaths.VALIDATE + "x", "//convert"]
)
def test_unknown_paths_allow_nothing(caller: Caller, path: str) -> None:
    status, text = caller.post(path, review(creation()))
    assert status == 404
    assert "allowed" not in text


_NO_REQUESTS: tuple[Any, ...] = (None, [], {}, {"uid": 1}, {"uid": "1"})
_NO_OBJECTS: tuple[Any, ...] = (5, [], "x", {"metadata": []}, {"metadata": None})
MALFORMED: tuple[Any, ...] = (
    *(b"", b"{", b"null", b"[]", b"\xff", b'"x"', {}, {"kind": "AdmissionReview"}, {"kind": "ConversionReview"}),
    *({**review({}), "request": request} for request in _NO_REQUESTS),
    {**review(creation()), "apiVersion": "admission.k8s.io/v1beta1"},
    *(review(creation(object=obj)) for obj in _NO_OBJECTS),
    review(creation(operation="")),
    {"apiVersion": "apiextensions.k8s.io/v1beta1", "kind": "ConversionReview", "request": {"objects": []}},
)


@pytest.mark.parametrize("path", ALL)
@pytest.mark.parametrize("body", MALFORMED, ids=str)
def test_malformed_reviews(caller: Caller, path: str, body: Any) -> None:
    status, text = caller.post(path, body)
    assert status == 400, text
    assert "not a review" in text


@pytest.mark.parametrize("path", ALL)
def test_malformed_objects_cause_no_error(caller: Caller, path: str) -> None:
    """Objects that no API server sends. An error would refuse the write."""
    labels = {constants.AGENT_LABEL_NAME: "a", constants.AGENT_LABEL_NAMESPACE: "../../x"}
    odd: tuple[Object, ...] = (
        {},
        {"metadata": {}},
        {"metadata": {"labels": labels}},
        {"metadata": {"labels": labels}, "spec": {"containers": []}},
        {"metadata": {"labels": labels}, "spec": {"containers": None, "template": []}},
        {"metadata": {}, "spec": []},
        {"metadata": {}, "spec": {"targetNamespaces": "x", "securityOptions": [], "trustedCertSecrets": {"a": 1}}},
    )
    for obj in odd:
        for operation in ("CREATE", "UPDATE", "DELETE", "CONNECT"):
            status, text = caller.post(path, review(creation(object=obj, oldObject=obj, operation=operation)))
            if path == WebhookPaths.CONVERT:
                assert status == 400
                continue
            assert status == 200, (obj, text)
            if path in (
                WebhookPaths.POD,
                WebhookPaths.DEPLOYMENT,
                WebhookPaths.STATEFUL_SET,
                WebhookPaths.DAEMON_SET,
            ):
                assert json.loads(text)["response"]["allowed"] is True


@pytest.mark.parametrize("content_type", ["text/plain", "application/yaml", "application/json-patch+json", ""])
def test_other_content_types(caller: Caller, content_type: str) -> None:
    assert caller.post(WebhookPaths.VALIDATE, review(creation()), content_type)[0] == 415


def test_other_methods(caller: Caller) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        answer = caller._pool.request(method, caller.url + WebhookPaths.VALIDATE)
        assert answer.status == 405


def test_oversized_reviews(caller: Caller) -> None:
    padding = {"metadata": {"name": "a", "annotations": {"a": "x" * (9 << 20)}}}
    try:
        status, _ = caller.post(WebhookPaths.VALIDATE, review(creation(object=padding)))
    except urllib3.exceptions.HTTPError:  # the server may close the connection before it has read everything
        return
    assert status == 413


def test_reviews_of_unknown_length(caller: Caller) -> None:
    pieces = iter([json.dumps(review(creation())).encode()])
    headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    answer = caller._pool.request(
        "POST", caller.url + WebhookPaths.VALIDATE, body=pieces, headers=headers, chunked=True
    )
    assert answer.status == 411


def test_slow_reviews_do_not_delay_others(webhooks: WebhookPlane, caller: Caller) -> None:
    """Connections that never send the rest of a review."""
    host = urlsplit(webhooks.url)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    head = f"POST {WebhookPaths.VALIDATE} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    head += "Content-Length: 9\r\n\r\n{"
    slow = []
    for _ in range(50):
        plain = socket.create_connection((host.hostname, host.port), timeout=15)
        connection = context.wrap_socket(plain, server_hostname="x")
        connection.sendall(head.encode())
        slow.append(connection)
    assert caller.review(WebhookPaths.DEFAULT, creation())["allowed"] is True
    slow[-1].setblocking(False)
    with pytest.raises(ssl.SSLWantReadError):  # not answered yet: its time limit is not reached
        slow[-1].recv(100)
    assert b" 408 " in slow[0].recv(100)
    for connection in slow:
        connection.close()


def test_conversions_that_cannot_be(caller: Caller) -> None:
    def convert(version: str, *objects: Any) -> Object:
        request = {"uid": "7", "desiredAPIVersion": version, "objects": list(objects)}
        body = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "request": request}
        status, text = caller.post(WebhookPaths.CONVERT, body)
        assert status == 200
        found: Object = json.loads(text)["response"]
        assert found["uid"] == "7"
        return found

    obj = {"apiVersion": constants.API_VERSION, "kind": "Cryostat", "metadata": {"name": "a"}, "spec": {}}
    for broken in (obj | {"apiVersion": "v1"}, {}, 5, None, "x"):
        answer = convert("operator.cryostat.io/v1beta1", broken)
        assert answer["result"]["status"] == "Failure"
        assert answer["result"]["message"]
        assert "convertedObjects" not in answer
    assert convert("operator.cryostat.io/v3", obj)["result"]["status"] == "Failure"
    assert convert("operator.cryostat.io/v1beta1")["convertedObjects"] == []
    assert len(convert("operator.cryostat.io/v1beta1", *[obj] * 500)["convertedObjects"]) == 500


# --- load ------------------------------------------------------------------------------------------------------------


def test_two_hundred_at_a_time_and_memory_stays_flat(webhooks: WebhookPlane, caller: Caller) -> None:
    def one(number: int) -> bool:
        spec = {"targetNamespaces": [f"n{number % 7}", f"m{number}"]}
        path = (WebhookPaths.VALIDATE, WebhookPaths.DEFAULT, WebhookPaths.POD)[number % 3]
        answer = caller.review(path, creation(spec))
        return answer["allowed"] is (path != WebhookPaths.VALIDATE)

    def burst() -> float:
        with ThreadPoolExecutor(200) as pool:
            assert all(pool.map(one, range(600)))
        return memory(webhooks.operator)

    burst()
    before = burst()
    for _ in range(4):
        after = burst()
    assert after < before * 1.1 + 2


def memory(operator: OperatorProcess) -> float:
    """Resident MiB."""
    status = Path(f"/proc/{operator.process.pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


# --- certificates ----------------------------------------------------------------------------------------------------


def served_certificate(url: str) -> x509.Certificate:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return x509.load_pem_x509_certificate(ssl.get_server_certificate((parts.hostname, parts.port)).encode())


@contextmanager
def load(webhooks: WebhookPlane) -> Iterator[list[str]]:
    """Writes Cryostats continuously; the list contains the errors."""
    wrong: list[str] = []
    done = threading.Event()
    metadata = {"name": "x", "namespace": "default"}
    obj = {"apiVersion": constants.API_VERSION, "kind": "Cryostat", "metadata": metadata}

    def write() -> None:
        while not done.is_set():
            try:
                webhooks.api.create(obj, dryRun="All")
            except Exception as error:
                wrong.append(str(error))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield wrong
    finally:
        done.set()
        for thread in threads:
            thread.join()


def bundles(webhooks: WebhookPlane) -> set[str]:
    """All registered authorities."""
    found = set()
    for kind, name in (("MutatingWebhookConfiguration", MUTATING), ("ValidatingWebhookConfiguration", VALIDATING)):
        found |= {each["clientConfig"]["caBundle"] for each in webhooks.api.get(ADMISSION, kind, name)["webhooks"]}
    crd = webhooks.api.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", "cryostats.operator.cryostat.io")
    return found | {crd["spec"]["conversion"]["webhook"]["clientConfig"]["caBundle"]}


def test_a_renewal_under_load(webhooks: WebhookPlane) -> None:
    secret = webhooks.api.get("v1", "Secret", SECRET, NAMESPACE)
    before = served_certificate(webhooks.url)
    authority = secret["data"]["ca.crt"]
    with load(webhooks) as wrong:
        webhooks.api.patch(secret, {"data": {"tls.crt": "", "tls.key": ""}})
        eventually(lambda: served_certificate(webhooks.url) != before, 40)
        time.sleep(2.0)
    assert wrong == []
    assert bundles(webhooks) == {authority}


def test_a_new_authority_under_load(webhooks: WebhookPlane) -> None:
    secret = webhooks.api.get("v1", "Secret", SECRET, NAMESPACE)
    before, old = served_certificate(webhooks.url), base64.b64decode(secret["data"]["ca.crt"])
    with load(webhooks) as wrong:
        webhooks.api.patch(secret, {"data": {"ca.key": None}})
        eventually(lambda: served_certificate(webhooks.url) != before, 40)
        time.sleep(2.0)
    [bundle] = bundles(webhooks)
    assert base64.b64decode(bundle).endswith(old.strip() + b"\n")
    # The API server uses a new bundle shortly after it was written; the new certificate is served later.
    assert wrong == []


def registered(webhooks: WebhookPlane) -> Object:
    """The whole registration."""
    crd = webhooks.api.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", CRD)
    return {
        "mutating": webhooks.api.get(ADMISSION, "MutatingWebhookConfiguration", MUTATING)["webhooks"],
        "validating": webhooks.api.get(ADMISSION, "ValidatingWebhookConfiguration", VALIDATING)["webhooks"],
        "conversion": crd["spec"]["conversion"],
    }


def test_changes_of_the_registration_are_reverted(webhooks: WebhookPlane) -> None:
    right = registered(webhooks)
    mutating = {"apiVersion": ADMISSION, "kind": "MutatingWebhookConfiguration", "metadata": {"name": MUTATING}}
    validating = {"apiVersion": ADMISSION, "kind": "ValidatingWebhookConfiguration", "metadata": {"name": VALIDATING}}
    crd = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": CRD}}

    webhooks.api.patch(mutating, [{"op": "replace", "path": "/webhooks/0/rules/0/operations", "value": ["CREATE"]}])
    webhooks.api.patch(validating, [{"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": ""}])
    webhooks.api.patch(crd, [{"op": "replace", "path": "/spec/conversion", "value": {"strategy": "None"}}])
    eventually(lambda: registered(webhooks) == right, 40)
    webhooks.api.patch(validating, [{"op": "replace", "path": "/webhooks", "value": []}])
    webhooks.api.delete(mutating)
    eventually(lambda: registered(webhooks) == right, 40)
    webhooks.api.delete(validating)
    eventually(lambda: registered(webhooks) == right, 40)
    eventually(lambda: asks(webhooks.api), 20, "the API server calls the webhooks again")


def test_installing_again_removes_no_webhook(webhooks: WebhookPlane) -> None:
    """Not even for a moment: a Cryostat could be written without a review."""
    right, stop = registered(webhooks), threading.Event()
    seen: list[Object] = []

    def watch() -> None:
        while not stop.is_set():
            seen.append(registered(webhooks))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        objects = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests(deployment=False)})
        for _ in range(3):
            webhooks.plane.kubectl("apply", "-f", "-", input=objects)
    finally:
        stop.set()
        watcher.join()
    assert [each for each in seen if each != right] == []


def test_two_replicas_share_one_certificate(webhooks: WebhookPlane, tmp_path: Path) -> None:
    [port] = free_ports(1)
    env: Mapping[str, str] = {"WEBHOOK_URL": webhooks.url}
    second = OperatorProcess(webhooks.api, tmp_path, env, [f"--webhook-port={port}"])
    try:
        second.wait_ready()
        assert served_certificate(f"https://127.0.0.1:{port}") == served_certificate(webhooks.url)
    finally:
        second.process.kill()
        second.process.wait()


def test_mounted_certificates_win_and_are_read_again(webhooks: WebhookPlane, tmp_path: Path) -> None:
    [port] = free_ports(1)
    url, directory = f"https://127.0.0.1:{port}", tmp_path / "certificates"
    directory.mkdir()
    mount(directory, tmp_path / "first")
    env = {"ENABLE_WEBHOOKS": "true", "WEBHOOK_CERT_DIR": str(directory)}
    right, everything = bundles(webhooks), registered(webhooks)
    operator = OperatorProcess(webhooks.api, tmp_path / "operator", env, [f"--webhook-port={port}"])
    try:
        operator.wait_ready()
        first = served_certificate(url)
        assert first.public_bytes is not None
        (directory / "tls.key").write_text("half written")
        time.sleep(6.0)
        assert served_certificate(url) == first
        mount(directory, tmp_path / "second")
        eventually(lambda: served_certificate(url) != first, 30)
        assert bundles(webhooks) == right
    finally:
        operator.process.kill()
        operator.process.wait()
    eventually(lambda: registered(webhooks) == everything, 40, "the URL of the first operator is registered again")


def mount(directory: Path, scratch: Path) -> None:
    scratch.mkdir()
    made = write_serving_certificate(scratch, "127.0.0.1")
    (directory / "tls.crt").write_bytes(made.certificate.read_bytes())
    (directory / "tls.key").write_bytes(made.key.read_bytes())


def test_switched_off(webhooks: WebhookPlane, tmp_path: Path) -> None:
    [port] = free_ports(1)
    env = {"ENABLE_WEBHOOKS": "false", "WEBHOOK_URL": f"https://127.0.0.1:{port}"}
    right = bundles(webhooks)
    operator = OperatorProcess(webhooks.api, tmp_path, env, [f"--webhook-port={port}"])
    try:
        operator.wait_ready()
        with pytest.raises(OSError, match="refused"):
            served_certificate(f"https://127.0.0.1:{port}")
        assert bundles(webhooks) == right
    finally:
        operator.process.kill()
        operator.process.wait()


def test_without_an_operator_v1beta2_is_readable() -> None:
    """The storage version needs no conversion, and deletions are not reviewed."""
    with served() as cluster:
        metadata = {"name": "left", "namespace": "default"}
        cluster.api.create({"apiVersion": constants.API_VERSION, "kind": "Cryostat", "metadata": metadata})
        cluster.operator.process.kill()
        cluster.operator.process.wait()
        [left] = cluster.api.list(constants.API_VERSION, "Cryostat")
        assert "left" in cluster.plane.kubectl("get", "cryostats", "-n", "default")
        cluster.api.delete(left)
