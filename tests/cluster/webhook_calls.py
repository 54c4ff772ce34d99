"""Calls of the operator's webhooks."""

from __future__ import annotations

import json
from typing import Any

import pytest
import urllib3

from cryostat_operator.api import constants
from tests.cluster.api import Object
from tests.cluster.webhooks import WebhookPlane


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
