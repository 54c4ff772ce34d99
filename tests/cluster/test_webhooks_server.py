"""The webhook server: refused requests, load, and changes of its certificate."""

from __future__ import annotations

import json
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3

from cryostat_operator.api import constants
from cryostat_operator.packaging import monitoring
from cryostat_operator.plan.model.webhook_definitions import WebhookPaths
from tests.cluster.api import Object, eventually
from tests.cluster.operator_process import NAMESPACE, OperatorProcess
from tests.cluster.webhook_calls import Caller, creation, review
from tests.cluster.webhook_calls import _quiet as _quiet
from tests.cluster.webhook_calls import caller as caller
from tests.cluster.webhooks import WebhookPlane

ALL = [value for key, value in vars(WebhookPaths).items() if key.isupper()]


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
    eventually(lambda: get(token)[0] == 200)
    assert "cryostat_operator_instances" in get(token)[1]


# --- refused requests ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/", "/x", "/mutate", WebhookPaths.VALIDATE + "/", WebhookPaths.VALIDATE + "x", "//convert"]
)
def test_reviews_at_unknown_paths_are_refused(caller: Caller, path: str) -> None:
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
def test_malformed_reviews_are_refused(caller: Caller, path: str, body: Any) -> None:
    status, text = caller.post(path, body)
    assert status == 400, text
    assert "not a review" in text


@pytest.mark.parametrize("path", ALL)
def test_malformed_objects_cause_no_error(caller: Caller, path: str) -> None:
    """An API server does not send such objects. An error would refuse the write."""
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
def test_other_content_types_are_refused(caller: Caller, content_type: str) -> None:
    assert caller.post(WebhookPaths.VALIDATE, review(creation()), content_type)[0] == 415


def test_other_methods_are_refused(caller: Caller) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        answer = caller._pool.request(method, caller.url + WebhookPaths.VALIDATE)
        assert answer.status == 405


def test_oversized_reviews_are_refused(caller: Caller) -> None:
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
    with pytest.raises(ssl.SSLWantReadError):  # it has no response yet, because its time limit is not reached
        slow[-1].recv(100)
    assert b" 408 " in slow[0].recv(100)
    for connection in slow:
        connection.close()


def test_impossible_conversions_are_refused(caller: Caller) -> None:
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


def test_memory_does_not_grow_with_two_hundred_requests_at_once(webhooks: WebhookPlane, caller: Caller) -> None:
    def one(number: int) -> bool:
        spec = {"targetNamespaces": [f"n{number % 7}", f"m{number}"]}
        path = (WebhookPaths.VALIDATE, WebhookPaths.DEFAULT, WebhookPaths.POD)[number % 3]
        answer = caller.review(path, creation(spec))
        return answer["allowed"] is (path != WebhookPaths.VALIDATE)

    def burst() -> float:
        with ThreadPoolExecutor(200) as pool:
            assert all(pool.map(one, range(400)))
        return memory(webhooks.operator)

    burst()
    before = burst()
    for _ in range(3):
        after = burst()
    assert after < before * 1.1 + 2


def memory(operator: OperatorProcess) -> float:
    """The resident memory of the operator in MiB."""
    status = Path(f"/proc/{operator.process.pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024
