"""Runs the webhooks: their server, certificate and registration."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from ..kube.client import Client
from ..kube.connection import Connection
from ..kube.errors import ApiError
from ..metrics import InjectionCounts, Metrics
from ..plan.model.kinds import Obj
from ..plan.model.webhook_definitions import WebhookPaths
from ..settings import Settings
from . import serving_certificate
from .agent_admission import AgentAdmission
from .authorization import AccessReviews, own_user_name
from .caller_identity import CONFIG_MAP, CallerAuthorities, read_authorities
from .cluster_reader import CachedReader
from .cryostat_admission import CryostatAdmission
from .label_admission import review_labels
from .metrics_access import MetricsAccess
from .reachability import ReachabilityCheck
from .reachability_probe import ReachabilityProbe
from .registration import Address, Registration
from .reviews import AdmissionRequest, Caller, parse
from .server import MetricsSource, ReviewHandler, WebhookServer
from .serving_certificate import Certificate, ManagedSecret, NotMountedError

logger = logging.getLogger(__name__)

PORT = 9443

CHECK_INTERVAL = 20.0  # seconds between two checks of the certificate and of the registration
RETRY_DELAY = 2.0  # seconds
START_TIMEOUT = 5.0  # seconds that `start` waits for the first certificate
CA_PROPAGATION_SECONDS = 3.0  # until every API server knows a new authority


class WebhookManager:
    """Runs the webhooks on every replica, also on those that are not leader.

    Each replica writes certificate and registration, because webhooks must not wait for leader election. All replicas
    write the same, and only to the resource version that they read.
    """

    def __init__(
        self, client: Client, connection: Connection, reader: CachedReader, settings: Settings, metrics: Metrics
    ) -> None:
        self._client = client
        self._connection = connection
        self._settings = settings
        self._own_name = ""
        self._authorities = CallerAuthorities()
        self._tls = serving_certificate.ServerTls()
        self._server = WebhookServer(
            self._handlers(reader, metrics.injections),
            self._tls.context,
            self._is_api_server,
            metrics.observe_review,
            MetricsSource(metrics.text, MetricsAccess(client).check),
            certificate_required=settings.webhook_client_certificate_required,
        )
        namespace = settings.namespace or "default"
        service = settings.webhook_service
        hosts = [f"{service}.{namespace}.svc", f"{service}.{namespace}.svc.{settings.cluster_domain}"]
        if settings.webhook_url:
            hosts.append(urlsplit(settings.webhook_url).hostname or "")
        self._secret = ManagedSecret(client, namespace, settings.webhook_secret, hosts)
        self._address = Address(namespace, service, settings.webhook_url)
        registration = Registration(client, settings.name_prefix, self._address)
        self._registration = None if settings.olm else registration
        probe = ReachabilityProbe(client, namespace, registration.mutating_configuration)
        self._reachability = ReachabilityCheck(
            client,
            reader.cryostats_not_being_deleted,
            reader.record_event,
            metrics.set_webhook_reachable,
            probe if self._registration else None,
        )
        self._loaded = Certificate(b"")
        self._listening = False
        self._starting = False  # whether `start` waits, and raises what ends `_run`
        self._serving = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def _handlers(self, reader: CachedReader, injections: InjectionCounts) -> Mapping[str, ReviewHandler]:
        """Return the handler of each path of admission reviews."""
        cryostats = CryostatAdmission(AccessReviews(self._client), reader, self._settings, lambda: self._own_name)
        agents = AgentAdmission(reader, self._settings, injections)
        workload = _admission(agents.workload)
        return {
            WebhookPaths.DEFAULT: _admission(cryostats.default),
            WebhookPaths.VALIDATE: _admission(cryostats.validate),
            WebhookPaths.POD: _admission(agents.pod),
            WebhookPaths.DEPLOYMENT: workload,
            WebhookPaths.STATEFUL_SET: workload,
            WebhookPaths.DAEMON_SET: workload,
            WebhookPaths.LABELS: _admission(review_labels),
        }

    def _is_api_server(self, certificate: bytes) -> bool:
        return self._authorities.is_api_server(certificate)

    @property
    def serving(self) -> bool:
        """Whether reviews are answered."""
        return self._serving.is_set()

    async def start(self, host: str, port: int) -> None:
        """Start to serve; without a certificate, as soon as there is one.

        Raises:
            OSError: the port is in use.
        """
        self._starting = True
        self._task = asyncio.create_task(self._run(host, port), name="webhooks")
        serving = asyncio.create_task(self._serving.wait())
        await asyncio.wait({self._task, serving}, timeout=START_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        serving.cancel()
        self._starting = False
        if self._task.done():
            self._task.result()

    async def stop(self) -> None:
        """Stop serving. The webhooks stay registered: no Cryostat may be written without review meanwhile."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._address.url and self._loaded.ca_bundle:
            await self._unregister_url()
        await self._server.stop()

    async def _unregister_url(self) -> None:
        """Register the Service in place of the URL, which does not answer any more, then remove the webhooks."""
        address = Address(self._address.namespace, self._address.service)
        registration = Registration(self._client, self._settings.name_prefix, address)
        try:
            async with asyncio.timeout(RETRY_DELAY):
                await registration.ensure(self._loaded.ca_bundle)
                await registration.unregister()
        except (ApiError, TimeoutError) as error:
            text = (
                "The webhooks at %s were not unregistered: %s. Writes of Cryostats fail until the operator runs again "
                "or its webhook configurations are deleted"
            )
            logger.warning(text, self._address.url, str(error) or "timed out")

    async def _run(self, host: str, port: int) -> None:
        while True:
            try:
                await self._check(host, port)
            except (ApiError, ssl.SSLError, NotMountedError) as error:
                logger.warning("Webhooks are not up to date, retrying: %s", error)
                await asyncio.sleep(RETRY_DELAY)
            except Exception:
                if self._starting and not self._listening:
                    raise
                # Without further checks, nothing would be served, or the certificate would expire.
                logger.exception("Internal error in the webhooks, retrying")
                await asyncio.sleep(RETRY_DELAY)
            else:
                # A mounted certificate, which has no `ca_bundle`, is renewed by another controller at any time.
                await asyncio.sleep(CHECK_INTERVAL if self._loaded.ca_bundle else CHECK_INTERVAL / 4)

    async def _check(self, host: str, port: int) -> None:
        """Serve the current certificate; a new authority is registered before its certificate is served."""
        if not self._own_name:
            self._own_name = await own_user_name(self._client, self._connection)
        await self._load_authorities()
        certificate = await self._current_certificate()
        if not self._listening:
            self._tls.load(certificate)
            self._loaded = certificate
            await self._server.start(host, port)
            self._listening = True
            logger.info("Serving webhooks on port %s", port)
        if self._registration:
            await self._registration.ensure(certificate.ca_bundle, certificate.interim_ca)
        if certificate != self._loaded:
            if certificate.ca_bundle != self._loaded.ca_bundle:
                await asyncio.sleep(CA_PROPAGATION_SECONDS)
            self._tls.load(certificate)
            self._loaded = certificate
            logger.info("Serving webhooks with a new certificate")
        self._serving.set()
        await self._reachability.run_if_due()

    async def _load_authorities(self) -> None:
        """Read the authorities that issue the client certificate of the API server."""
        try:
            self._authorities = await read_authorities(self._client)
        except ApiError as error:
            logger.info(
                "%s cannot be read, so the client certificate of the API server may not be recognized: %s",
                CONFIG_MAP,
                error,
            )
        self._tls.trust_clients_of(self._authorities.pem)

    async def _current_certificate(self) -> Certificate:
        """Return the mounted certificate, else the one in the managed Secret."""
        mounted = serving_certificate.load_mounted(self._settings.webhook_certificates)
        if mounted is None and self._settings.olm:
            raise NotMountedError(f"no certificate in {self._settings.webhook_certificates}, where OLM mounts it")
        return mounted or await self._secret.certificate()


def _admission(review: Callable[[AdmissionRequest], Awaitable[Obj]]) -> ReviewHandler:
    async def handler(body: Any, caller: Caller) -> Obj:
        return await review(parse(body, caller))

    return handler
