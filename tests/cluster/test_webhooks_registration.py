"""The webhook server: renewal of its certificate, its registration, several replicas."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509

from cryostat_operator.api import constants
from tests.cluster.api import ApiError, Object, eventually
from tests.cluster.certificates import write_serving_certificate
from tests.cluster.operator_process import (
    CRD,
    NAMESPACE,
    ROOT,
    SERVICE_ACCOUNT,
    ForkedOperator,
    manifests,
    webhooks_are_called,
)
from tests.cluster.processes import free_ports
from tests.cluster.webhooks import ADMISSION, MUTATING, VALIDATING, WebhookPlane

SECRET = "cryostat-operator-webhook-certificate"


# --- policy ----------------------------------------------------------------------------------------------------------


def test_the_policy_restricts_the_configurations_of_the_operator(webhooks: WebhookPlane) -> None:
    operator = webhooks.api.impersonating(
        f"system:serviceaccount:{NAMESPACE}:{SERVICE_ACCOUNT}", "system:serviceaccounts"
    )
    [valid] = [obj for obj in manifests(deployment=False) if obj["kind"] == "MutatingWebhookConfiguration"]
    service = {"name": "cryostat-operator-webhook-service", "namespace": NAMESPACE}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    webhook: Object = {"name": "a.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"]}
    webhook |= {"clientConfig": {"service": service}, "rules": [rule]}

    def refusal(**changes: object) -> str:
        """The answer to a creation with this webhook. An allowed one is refused later, because the object exists."""
        with pytest.raises(ApiError) as error:
            operator.create({**valid, "webhooks": [{**webhook, **changes}]}, dryRun="All")
        return str(error.value)

    other = {**valid, "metadata": {"name": "other"}}

    def other_is_refused() -> bool:
        try:
            operator.create(other, dryRun="All")
        except ApiError as error:
            return "the operator may write its own two webhook configurations only" in str(error)
        return False

    operator.create(other, dryRun="All")
    webhooks.plane.kubectl("apply", "-k", ROOT / "manifests/policies")
    try:
        eventually(other_is_refused, what="the policy is enforced")
        webhooks.api.create(other, dryRun="All")  # the policy does not apply to other users
        assert "AlreadyExists" in refusal()
        secrets = {**rule, "resources": ["secrets"]}
        assert "may review Cryostats, pods and workloads only" in refusal(rules=[rule, secrets])
        elsewhere = {"service": {**service, "namespace": "elsewhere"}}
        for config in (elsewhere, {"url": "https://example.com"}):
            assert f"must be served in namespace {NAMESPACE}" in refusal(clientConfig=config)
    finally:
        webhooks.plane.kubectl("delete", "-k", ROOT / "manifests/policies")


# --- certificates ----------------------------------------------------------------------------------------------------


def served_certificate(url: str) -> x509.Certificate:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return x509.load_pem_x509_certificate(ssl.get_server_certificate((parts.hostname, parts.port)).encode())


@contextmanager
def load(webhooks: WebhookPlane) -> Iterator[list[str]]:
    """Write more than twenty Cryostats per second; the list contains the errors."""
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
            done.wait(0.1)  # without a pause the writes use the whole processor and delay the renewal

    threads = [threading.Thread(target=write) for _ in range(3)]
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
        eventually(lambda: served_certificate(webhooks.url) != before)
        time.sleep(2.0)
    assert wrong == []
    assert bundles(webhooks) == {authority}


def test_a_new_authority_under_load(webhooks: WebhookPlane) -> None:
    secret = webhooks.api.get("v1", "Secret", SECRET, NAMESPACE)
    before, old = served_certificate(webhooks.url), base64.b64decode(secret["data"]["ca.crt"])
    with load(webhooks) as wrong:
        webhooks.api.patch(secret, {"data": {"ca.key": None}})
        eventually(lambda: served_certificate(webhooks.url) != before)
        time.sleep(2.0)
    [bundle] = bundles(webhooks)
    assert base64.b64decode(bundle).endswith(old.strip() + b"\n")
    # The API server uses a new bundle shortly after it was written. The new certificate is served later.
    assert wrong == []


def registered(webhooks: WebhookPlane) -> Object:
    """All objects that register webhooks."""
    crd = webhooks.api.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", CRD)
    return {
        "mutating": webhooks.api.get(ADMISSION, "MutatingWebhookConfiguration", MUTATING)["webhooks"],
        "validating": webhooks.api.get(ADMISSION, "ValidatingWebhookConfiguration", VALIDATING)["webhooks"],
        "conversion": crd["spec"]["conversion"],
    }


def test_changes_of_the_registration_are_reverted(webhooks: WebhookPlane) -> None:
    right = registered(webhooks)

    def is_restored() -> bool:
        return registered(webhooks) == right

    mutating = {"apiVersion": ADMISSION, "kind": "MutatingWebhookConfiguration", "metadata": {"name": MUTATING}}
    validating = {"apiVersion": ADMISSION, "kind": "ValidatingWebhookConfiguration", "metadata": {"name": VALIDATING}}
    crd = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": CRD}}

    webhooks.api.patch(mutating, [{"op": "replace", "path": "/webhooks/0/rules/0/operations", "value": ["CREATE"]}])
    webhooks.api.patch(validating, [{"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": ""}])
    webhooks.api.patch(crd, [{"op": "replace", "path": "/spec/conversion", "value": {"strategy": "None"}}])
    eventually(is_restored, what="the registration is restored", interval=1.0)
    webhooks.api.patch(validating, [{"op": "replace", "path": "/webhooks", "value": []}])
    webhooks.api.delete(mutating)
    eventually(is_restored, what="the registration is restored", interval=1.0)
    webhooks.api.delete(validating)
    eventually(is_restored, what="the registration is restored", interval=1.0)
    eventually(lambda: webhooks_are_called(webhooks.api), what="the API server calls the webhooks again")


def test_installing_again_removes_no_webhook(webhooks: WebhookPlane) -> None:
    """Without a webhook, a Cryostat could be written without a review."""
    right, stop = registered(webhooks), threading.Event()
    seen: list[Object] = []

    def watch() -> None:
        while not stop.is_set():
            seen.append(registered(webhooks))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        objects = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests(deployment=False)})
        for _ in range(2):
            webhooks.plane.kubectl("apply", "-f", "-", input=objects)
    finally:
        stop.set()
        watcher.join()
    assert [each for each in seen if each != right] == []


def test_two_replicas_share_one_certificate(webhooks: WebhookPlane, tmp_path: Path) -> None:
    [port] = free_ports(1)
    env: Mapping[str, str] = {"WEBHOOK_URL": webhooks.url}
    second = ForkedOperator(webhooks.api, tmp_path, env, [f"--webhook-port={port}"])
    try:
        second.wait_ready()
        assert served_certificate(f"https://127.0.0.1:{port}") == served_certificate(webhooks.url)
    finally:
        second.process.kill()
        second.process.wait()


def test_mounted_certificates_take_precedence_and_are_reloaded(webhooks: WebhookPlane, tmp_path: Path) -> None:
    [port] = free_ports(1)
    url, directory = f"https://127.0.0.1:{port}", tmp_path / "certificates"
    directory.mkdir()
    mount(directory, tmp_path / "first")
    env = {"ENABLE_WEBHOOKS": "true", "WEBHOOK_CERT_DIR": str(directory)}
    right, everything = bundles(webhooks), registered(webhooks)
    operator = ForkedOperator(webhooks.api, tmp_path / "operator", env, [f"--webhook-port={port}"])
    try:
        operator.wait_ready()
        first = served_certificate(url)
        assert first.public_bytes is not None
        (directory / "tls.key").write_text("half written")
        time.sleep(6.0)
        assert served_certificate(url) == first
        mount(directory, tmp_path / "second")
        eventually(lambda: served_certificate(url) != first)
        assert bundles(webhooks) == right
    finally:
        operator.process.kill()
        operator.process.wait()
    eventually(lambda: registered(webhooks) == everything, what="the URL of the first operator is registered again")


def mount(directory: Path, scratch: Path) -> None:
    scratch.mkdir()
    made = write_serving_certificate(scratch, "127.0.0.1")
    (directory / "tls.crt").write_bytes(made.certificate.read_bytes())
    (directory / "tls.key").write_bytes(made.key.read_bytes())


def test_disabled_webhooks_are_not_served(webhooks: WebhookPlane, tmp_path: Path) -> None:
    [port] = free_ports(1)
    env = {"ENABLE_WEBHOOKS": "false", "WEBHOOK_URL": f"https://127.0.0.1:{port}"}
    right = bundles(webhooks)
    operator = ForkedOperator(webhooks.api, tmp_path, env, [f"--webhook-port={port}"])
    try:
        operator.wait_ready()
        with pytest.raises(OSError, match="refused"):
            served_certificate(f"https://127.0.0.1:{port}")
        assert bundles(webhooks) == right
    finally:
        operator.process.kill()
        operator.process.wait()


def test_without_an_operator_v1beta2_is_readable(webhooks: WebhookPlane) -> None:
    """The storage version needs no conversion, and deletions are not reviewed."""
    metadata = {"name": "left", "namespace": "default"}
    webhooks.api.create({"apiVersion": constants.API_VERSION, "kind": "Cryostat", "metadata": metadata})
    webhooks.operator.pause()  # no operator serves the webhooks
    try:
        [left] = webhooks.api.list(constants.API_VERSION, "Cryostat")
        assert "left" in webhooks.plane.kubectl("get", "cryostats", "-n", "default")
        webhooks.api.delete(left)
    finally:
        webhooks.operator.resume()
    eventually(lambda: not webhooks.api.list(constants.API_VERSION, "Cryostat"), what="the Cryostat is gone")


def test_cryostats_are_deleted_while_the_api_server_cannot_reach_the_webhooks(
    webhooks: WebhookPlane, namespace: Callable[..., str]
) -> None:
    """As in a private cluster of GKE, or on EKS with an overlay network. The operator itself runs and writes."""
    home = namespace(webhooks.plane, "unreachable")
    metadata = {"name": "held", "namespace": home}
    made = webhooks.api.create({"apiVersion": constants.API_VERSION, "kind": "Cryostat", "metadata": metadata})

    def finalizers() -> list[str]:
        found: list[str] = webhooks.api.get(constants.API_VERSION, "Cryostat", "held", home)["metadata"]["finalizers"]
        return found

    before = eventually(finalizers, what="the operator has set its finalizer")
    dead = []
    for kind, name in (("MutatingWebhookConfiguration", MUTATING), ("ValidatingWebhookConfiguration", VALIDATING)):
        entries = [
            {**each, "name": f"x.{each['name']}", "clientConfig": {"url": "https://127.0.0.1:1/x"}}
            for each in webhooks.api.get(ADMISSION, kind, name)["webhooks"]
            if "cryostats" in each["rules"][0]["resources"]
        ]
        assert [each["failurePolicy"] for each in entries] == ["Fail"]
        head = {"apiVersion": ADMISSION, "kind": kind, "metadata": {"name": f"unreachable-{home}"}}
        dead.append(webhooks.api.create({**head, "webhooks": entries}) and head)
    try:

        def refused() -> bool:
            try:
                webhooks.api.patch(made, {"metadata": {"labels": {"attempt": str(time.time_ns())}}})
            except ApiError as error:
                return "failed calling webhook" in error.message
            return False

        eventually(refused, what="the API server calls webhooks that do not answer")
        webhooks.api.patch(made, {"metadata": {"finalizers": None}})
        assert eventually(finalizers, what="the operator has set its finalizer again") == before

        def is_reported() -> bool:
            assert "\ncryostat_operator_webhook_reachable 0.0\n" in webhooks.operator.get("/metrics")[1]
            events = webhooks.api.list("v1", "Event", fieldSelector="reason=WebhookUnreachable")
            return any('failed calling webhook "x.' in event["message"] for event in events)

        eventually(is_reported, 150, "the operator reports that its webhooks cannot be reached")
        webhooks.api.delete(made)
        eventually(
            lambda: webhooks.api.find(constants.API_VERSION, "Cryostat", "held", home) is None,
            what="the operator has deleted the Cryostat",
        )
    finally:
        for head in dead:
            webhooks.api.delete(head)
