"""One instance with real pods: it becomes Ready, and its login works."""

from __future__ import annotations

import json

import pytest

from tests.cluster.kubectl import KubectlError
from tests.node.installation import restarts
from tests.node.instance import PODS, Running

# The instance becomes Ready within minutes, also after the changes of each test.
pytestmark = pytest.mark.timeout(900)


def test_it_is_ready_without_a_restart_in_a_restricted_namespace(instance: Running) -> None:
    assert [pod["status"]["phase"] for pod in instance.pods] == ["Running"] * PODS
    assert restarts(instance.pods) == 0


def test_a_login_needs_the_right_password(instance: Running) -> None:
    user, password = instance.login()
    assert instance.request("/api/v4/targets")[0] in (401, 403)
    assert instance.request("/api/v4/targets", (user, "wrong"))[0] in (401, 403)
    assert instance.request("/api/v4/targets", (user, password)) == (200, "[]")
    assert instance.request("/grafana/", (user, password))[0] == 200


def test_a_user_cannot_send_another_name(instance: Running) -> None:
    forged = ("--header", "X-Forwarded-User: boss", "--header", "X-Cryostat-Agent-Proxy: true", "--request", "POST")
    status, body = instance.request("/api/v4/auth", instance.login(), *forged)
    assert (status, json.loads(body)) == (200, {"username": "cryostat"})
    assert instance.request("/api/v4/discovery", instance.login(), *forged)[0] == 403


def test_web_sockets_and_large_bodies_reach_the_application(instance: Running) -> None:
    user = instance.login()
    socket = ("python3", "-m", "tests.operands.websocket", f"{instance.url}/api/notifications")
    assert instance.run(*socket, *user, "hello") == "cryostat: hello\n"
    with pytest.raises(KubectlError, match=r"HTTP/1.1 40[13]"):
        instance.run(*socket, user[0], "wrong", "hello")
    # Far larger than the default limits of nginx and of the operands' servers.
    digest = instance.run("sh", "-c", "head -c 25000000 /dev/urandom >/tmp/body && sha256sum /tmp/body").split()[0]
    status, body = instance.request("/digest", user, "--upload-file", "/tmp/body", "--max-time", "60")
    assert (status, json.loads(body)) == (200, {"sha256": digest})
