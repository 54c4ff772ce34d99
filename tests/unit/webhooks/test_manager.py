"""The webhook manager in memory: the order of serving and registration, and failures."""

from __future__ import annotations

import asyncio
import datetime
import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography import x509
from prometheus_client import CollectorRegistry

from cryostat_operator.kube.connection import Connection
from cryostat_operator.kube.errors import ApiError
from cryostat_operator.kube.kopf_import import kopf
from cryostat_operator.metrics import Metrics
from cryostat_operator.pki import serving
from cryostat_operator.plan.model.kinds import Key, Obj, path_of
from cryostat_operator.plan.model.webhook_definitions import WebhookPaths
from cryostat_operator.settings import Settings
from cryostat_operator.webhooks import manager as manager_module
from cryostat_operator.webhooks.caller_identity import CONFIG_MAP
from cryostat_operator.webhooks.cluster_reader import CachedReader
from cryostat_operator.webhooks.manager import CHECK_INTERVAL, WebhookManager
from cryostat_operator.webhooks.reviews import Caller
from cryostat_operator.webhooks.serving_certificate import Certificate, NotMountedError
from tests.unit.api_server import ApiServer

SECRET = Key("Secret", "ops", "cryostat-operator-webhook-certificate")
ROOT = "/apis/admissionregistration.k8s.io/v1"
MUTATING = f"{ROOT}/mutatingwebhookconfigurations/cryostat-operator-mutating-webhook-configuration"
DEFINITION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/cryostats.operator.cryostat.io"
REFUSED = ApiError(403, "Forbidden", "no access")
URL = "https://192.0.2.1:9443"


class Cluster(ApiServer):
    """An API server that knows who the operator is."""

    async def request(self, method: str, path: str, **more: Any) -> Obj:
        if path.endswith("/selfsubjectreviews"):
            self.requests.append((method, path))
            return {"status": {"userInfo": {"username": "system:serviceaccount:ops:operator"}}}
        return await super().request(method, path, **more)


class Reader:
    """A cluster without Cryostats."""

    def cryostats_not_being_deleted(self) -> list[Any]:
        return []

    def text_lengths(self, _namespace: str) -> dict[str, int]:
        return {}

    async def record_event(self, *_: object) -> None: ...


class Managed:
    """A webhook manager without a server.

    Attributes:
        steps: what was done, in order.
        cluster: the API server.
        start_error: raised by the server when it is to listen.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        self.steps: list[str] = []
        self.start_error: Exception | None = None
        self.cluster = Cluster()
        self.cluster.put(DEFINITION, {"spec": {}})
        self.cluster.put(MUTATING, {"webhooks": []})
        connection = Connection(kopf.ConnectionInfo(server="http://127.0.0.1:1"))
        reader = cast(CachedReader, Reader())
        found = Settings(**{"namespace": "ops", "webhook_certificates": "/absent", **settings})
        self.manager = WebhookManager(self.cluster, connection, reader, found, Metrics(CollectorRegistry()))
        self.handlers = self.manager._server._handlers
        self._load = self.manager._tls.load
        self._sleep = asyncio.sleep
        monkeypatch.setattr(self.manager._server, "start", self._start)
        monkeypatch.setattr(self.manager._server, "stop", self._stop)
        monkeypatch.setattr(self.manager._tls, "load", self._loaded)
        monkeypatch.setattr(asyncio, "sleep", self._slept)

    async def _start(self, host: str, port: int) -> None:
        if self.start_error:
            raise self.start_error
        self.steps.append(f"listen on {host}:{port}")

    async def _stop(self) -> None:
        self.steps.append("stop")

    def _loaded(self, certificate: Certificate) -> None:
        self._load(certificate)
        self.steps.append("load")

    async def _slept(self, seconds: float) -> None:
        """Sleep for no time; a delay is a step."""
        if seconds:
            self.steps.append(f"sleep {seconds:g}")
        await self._sleep(0)

    async def check(self) -> list[str]:
        """Run one check; return its steps."""
        before = len(self.steps)
        await self.manager._check("127.0.0.1", 9443)
        return self.steps[before:]

    async def until(self, is_reached: Callable[[], Any]) -> None:
        async with asyncio.timeout(60):
            while not is_reached():
                await self._sleep(0)

    def registered(self) -> set[str]:
        """The authorities in the configuration of the mutating webhooks."""
        found = self.cluster.find(MUTATING) or {}
        return {each["clientConfig"].get("caBundle", "") for each in found["webhooks"]}


Create = Callable[..., Managed]


@pytest.fixture
def managed(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Create:
    """Create a manager."""
    caplog.set_level(logging.INFO)
    return lambda **settings: Managed(monkeypatch, **settings)


def content(*hosts: str) -> dict[str, bytes]:
    return serving.ensure_serving_certificate({}, hosts or ("a",), datetime.datetime.now(datetime.UTC))


def certificate(data: dict[str, bytes], bundle: bytes | None = None) -> Certificate:
    return Certificate(
        data[serving.CERTIFICATE] + data[serving.KEY], data[serving.CA_BUNDLE] if bundle is None else bundle
    )


def provide(made: Managed, monkeypatch: pytest.MonkeyPatch, *certificates: Certificate | Exception) -> None:
    """Let the managed Secret have these certificates, one after the other; the last one stays."""
    remaining = list(certificates)

    async def current() -> Certificate:
        found = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(made.manager._secret, "certificate", current)


# --- one check -------------------------------------------------------------------------------------------------------


async def test_a_certificate_is_generated_served_and_registered(
    managed: Create, caplog: pytest.LogCaptureFixture
) -> None:
    made = managed(webhook_url=URL, cluster_domain="example.org")
    assert not made.manager.serving
    assert await made.check() == ["load", "listen on 127.0.0.1:9443"]
    assert made.manager.serving
    stored = made.cluster.find(SECRET)
    assert stored
    assert made.registered() == {stored["data"]["ca.crt"]}
    [issued, *_] = x509.load_pem_x509_certificates(made.manager._loaded.chain_and_key.split(b"-----BEGIN PRIVATE")[0])
    names = issued.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    service = "cryostat-operator-webhook-service.ops.svc"
    assert names.get_values_for_type(x509.DNSName) == [service, f"{service}.example.org"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.1"]
    assert caplog.messages[:2] == [
        "Renewed the serving certificate of the webhooks in Secret ops/cryostat-operator-webhook-certificate",
        "Serving webhooks on port 9443",
    ]


async def test_a_check_without_a_change_writes_nothing(managed: Create) -> None:
    made = managed()
    await made.check()
    writes = len(made.cluster.writes)
    assert await made.check() == []
    assert len(made.cluster.writes) == writes
    assert [path for _, path in made.cluster.requests if "selfsubject" in path] == [
        "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    ]


async def test_a_new_authority_is_registered_before_its_certificate_is_served(
    managed: Create, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made, first, second = managed(), content(), content()
    renewed = serving.ensure_serving_certificate(
        {**first, serving.KEY: b""}, ("a",), datetime.datetime.now(datetime.UTC)
    )
    provide(made, monkeypatch, certificate(first), certificate(renewed), certificate(second))
    await made.check()
    before = made.registered()
    assert await made.check() == ["load"]
    assert caplog.messages[-1] == "Serving webhooks with a new certificate"
    assert made.registered() == before
    sleeping: list[set[str]] = []
    slept = made._slept

    async def sleep(seconds: float) -> None:
        if seconds:
            sleeping.append(made.registered())
        await slept(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    assert await made.check() == ["sleep 3", "load"]
    assert sleeping == [made.registered()]
    assert made.registered() != before


def mount(folder: Path, data: dict[str, bytes]) -> None:
    for name in (serving.CERTIFICATE, serving.KEY):
        (folder / name).write_bytes(data[name])


async def test_a_mounted_certificate_is_preferred(managed: Create, tmp_path: Path) -> None:
    made, data = managed(webhook_certificates=str(tmp_path)), content()
    mount(tmp_path, data)
    await made.check()
    chain = data[serving.CERTIFICATE] + b"\n" + data[serving.KEY]
    assert made.manager._loaded == Certificate(chain, interim_ca=data[serving.CERTIFICATE])
    assert made.cluster.find(SECRET) is None
    assert made.registered() != {""}  # the certificate itself, until its authority is registered


async def test_olm_mounts_the_certificate_and_registers_the_webhooks(managed: Create, tmp_path: Path) -> None:
    made = managed(webhook_certificates=str(tmp_path), olm=True)
    with pytest.raises(NotMountedError) as error:
        await made.check()
    assert str(error.value) == f"no certificate in {tmp_path}, where OLM mounts it"
    assert not made.manager.serving
    mount(tmp_path, content())
    await made.check()
    assert made.manager.serving
    assert made.cluster.writes == [("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews")]


async def test_callers_are_identified_by_the_last_readable_authorities(
    managed: Create, caplog: pytest.LogCaptureFixture
) -> None:
    made = managed()
    made.cluster.hook = lambda method, path, _: REFUSED if path == path_of(CONFIG_MAP) else None
    await made.check()
    text = (
        "ConfigMap kube-system/extension-apiserver-authentication cannot be read, "
        "so the client certificate of the API server may not be recognized: no access"
    )
    assert caplog.messages[0] == text
    authority = content()[serving.CA_BUNDLE]
    made.cluster.hook = None
    made.cluster.put(path_of(CONFIG_MAP), {"data": {"client-ca-file": authority.decode()}})
    await made.check()
    assert made.manager._authorities.pem == authority
    assert made.manager._tls.context.verify_mode == ssl.CERT_OPTIONAL
    made.cluster.hook = lambda method, path, _: REFUSED if path == path_of(CONFIG_MAP) else None
    await made.check()
    assert made.manager._authorities.pem == authority
    assert not made.manager._is_api_server(b"")


async def test_every_handler_gets_the_identity_of_the_caller(managed: Create) -> None:
    paths = {path for name, path in vars(WebhookPaths).items() if name.isupper()}
    assert set(managed().handlers) == paths - {WebhookPaths.CONVERT}
    seen: list[tuple[str, bool]] = []

    async def review(request: Any) -> Obj:
        seen.append((request.uid, request.from_api_server))
        return {}

    body = {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {"uid": "u", "operation": "CREATE"},
    }
    for from_api_server in (True, False):
        await manager_module._admission(review)(body, Caller("", from_api_server))
    assert seen == [("u", True), ("u", False)]


# --- start, failures, stop -------------------------------------------------------------------------------------------


async def test_the_manager_repeats_its_check_until_it_is_stopped(managed: Create, tmp_path: Path) -> None:
    for folder, delay in (("absent", CHECK_INTERVAL), ("", CHECK_INTERVAL / 4)):
        mount(tmp_path, content())
        made = managed(webhook_certificates=str(tmp_path / folder))
        await made.manager.start("127.0.0.1", 9443)
        assert made.manager.serving
        steps, waited = made.steps, f"sleep {delay:g}"
        await made.until(lambda steps=steps, waited=waited: steps.count(waited) == 2)  # type: ignore[misc]
        registered = made.registered()
        await made.manager.stop()
        assert made.steps[-1] == "stop"
        assert made.registered() == registered  # no Cryostat may be written without review meanwhile


@pytest.mark.parametrize(
    ("error", "level", "text"),
    [
        (REFUSED, "WARNING", "Webhooks are not up to date, retrying: no access"),
        (ssl.SSLError("bad key"), "WARNING", "Webhooks are not up to date, retrying: ('bad key',)"),
        (ValueError("a bug"), "ERROR", "Internal error in the webhooks, retrying"),
    ],
)
async def test_a_failed_check_is_repeated(
    managed: Create,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    level: str,
    text: str,
) -> None:
    made, data = managed(), content()
    provide(made, monkeypatch, certificate(data), error, certificate(data))
    await made.manager.start("127.0.0.1", 9443)
    await made.until(lambda: made.steps.count("sleep 20") == 2)
    await made.manager.stop()
    assert [step for step in made.steps if "sleep" in step][:3] == ["sleep 20", "sleep 2", "sleep 20"]
    assert (level, text) in [(each.levelname, each.getMessage()) for each in caplog.records]


async def test_a_port_in_use_fails_the_start(managed: Create) -> None:
    made = managed()
    made.start_error = OSError("address in use")
    with pytest.raises(OSError, match="address in use"):
        await made.manager.start("127.0.0.1", 9443)


async def test_the_start_waits_for_a_certificate_for_a_limited_time(
    managed: Create, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manager_module, "START_TIMEOUT", 0.01)
    made = managed()
    provide(made, monkeypatch, REFUSED)
    await made.manager.start("127.0.0.1", 9443)
    assert not made.manager.serving
    await made.manager.stop()


async def test_a_failure_after_the_start_is_logged_and_retried(
    managed: Create, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The certificate comes late, and then the port is in use for a moment."""
    monkeypatch.setattr(manager_module, "START_TIMEOUT", 0.01)
    made = managed()
    provide(made, monkeypatch, REFUSED)
    await made.manager.start("127.0.0.1", 9443)
    made.start_error = OSError("address in use")
    provide(made, monkeypatch, certificate(content()))
    await made.until(lambda: "Internal error in the webhooks, retrying" in caplog.messages)
    made.start_error = None
    await made.until(lambda: made.manager.serving)
    await made.manager.stop()


async def test_a_url_is_unregistered_when_it_stops(managed: Create) -> None:
    made = managed(webhook_url=URL)
    await made.check()
    assert (made.cluster.find(MUTATING) or {})["webhooks"][0]["clientConfig"]["url"].startswith(URL)
    await made.manager.stop()
    assert (made.cluster.find(MUTATING) or {})["webhooks"] == []
    conversion = (made.cluster.find(DEFINITION) or {})["spec"]["conversion"]
    assert "service" in conversion["webhook"]["clientConfig"]


async def test_a_url_that_cannot_be_unregistered(managed: Create, caplog: pytest.LogCaptureFixture) -> None:
    made = managed(webhook_url=URL)
    await made.check()
    made.cluster.hook = lambda *_: REFUSED
    await made.manager.stop()
    assert caplog.messages[-1] == (
        "The webhooks at https://192.0.2.1:9443 were not unregistered: no access. Writes of Cryostats fail until the "
        "operator runs again or its webhook configurations are deleted"
    )
    assert made.steps[-1] == "stop"
