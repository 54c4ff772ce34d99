"""Puts the webhooks together: what is asked on which path, with which certificate, and who tells the API server."""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from ..api import constants
from ..api.base import DNS_SUBDOMAIN
from ..api.v1beta2 import Cryostat
from ..kube.client import Client
from ..kube.connection import Connection
from ..kube.errors import ApiError
from ..kube.events import EventRecorder
from ..metrics import Metrics
from ..observe.observer import Observer
from ..observe.records import content_summary
from ..plan.instance import Instance
from ..plan.model import webhook_paths
from ..plan.model.kinds import InstanceKey, Key, resource_path
from ..plan.model.problems import Problem
from ..plan.model.snapshot import ContentSummary, Snapshot
from ..settings import Settings
from . import conversion_review, serving_certificate
from .agent_admission import Agents
from .authorization import AccessReviews, own_name
from .cryostat_admission import Admission
from .registration import Address, Registration
from .reviews import Obj, Request, parse
from .server import Answer, WebhookServer
from .serving_certificate import Certificate, ManagedSecret, NotMountedError

logger = logging.getLogger(__name__)

PORT = 9443

_CHECK_SECONDS = 20.0  # between two looks at the certificate and at what is registered
_RETRY_SECONDS = 2.0
_FIRST_SECONDS = 5.0
_SPREAD_SECONDS = 3.0  # until every API server has heard of another authority


class CachedReader:
    """What the webhooks may know of the cluster, from what the scout watches."""

    def __init__(
        self, client: Client, scout: Observer, known: Callable[[InstanceKey], Obj | None], ready: Callable[[], bool]
    ) -> None:
        self._client = client
        self._scout = scout
        self._known = known
        self._ready = ready
        self._teller = EventRecorder(client)

    @property
    def openshift(self) -> bool:
        return self._scout.openshift

    def snapshot(self, cryostat: Cryostat, settings: Settings) -> Snapshot | None:
        if not self._ready():
            return None
        owner = InstanceKey(cryostat.metadata["namespace"], str(cryostat.metadata.get("name") or ""))
        targets = Instance(cryostat, Snapshot(), settings).target_namespaces
        try:
            return self._scout.cached_snapshot(owner, str(cryostat.metadata.get("uid") or ""), targets)
        finally:
            self._scout.children.rest(owner)  # where another replica leads, no run follows that would

    async def data(self, kind: str, namespace: str, name: str) -> ContentSummary | None:
        found = await self._client.get_or_none(Key(kind, namespace, name)) if _are_names(namespace, name) else None
        return content_summary(found) if found else None

    async def cryostat(self, namespace: str, name: str) -> Obj | None:
        if not _are_names(namespace, name):
            return None
        known = self._known(InstanceKey(namespace, name))
        path = resource_path(constants.GROUP, constants.VERSION, constants.PLURAL, namespace, name)
        return known if known is not None else await self._client.get_or_none(path)

    async def tell(self, cryostat: Obj, reason: str, message: str) -> None:
        await self._teller.once(cryostat, Problem("core", reason, message))


class WebhookManager:
    """Runs beside the loop, on every replica, whoever leads.

    All of them keep the certificate and the registration: each would write the same, over the resource version that it
    read, and answering the API server must not wait for somebody to lead.
    """

    def __init__(
        self, client: Client, connection: Connection, surroundings: CachedReader, settings: Settings, metrics: Metrics
    ) -> None:
        self._client = client
        self._connection = connection
        self._settings = settings
        self._own_name = ""
        admission = Admission(AccessReviews(client), surroundings, settings, lambda: self._own_name)
        agents = Agents(surroundings, settings)
        self._tls = serving_certificate.Serving()
        answers: Mapping[str, Answer] = {
            webhook_paths.DEFAULT: _admission(admission.default),
            webhook_paths.VALIDATE: _admission(admission.validate),
            webhook_paths.CONVERT: conversion_review.answer,
            webhook_paths.POD: _admission(agents.pod),
            **dict.fromkeys(
                (webhook_paths.DEPLOYMENT, webhook_paths.STATEFUL_SET, webhook_paths.DAEMON_SET),
                _admission(agents.workload),
            ),
        }
        self._server = WebhookServer(answers, self._tls.context, metrics.observe_review)
        namespace = settings.namespace or "default"
        service = settings.webhook_service
        hosts = [f"{service}.{namespace}.svc", f"{service}.{namespace}.svc.{settings.cluster_domain}"]
        if settings.webhook_url:
            hosts.append(urlsplit(settings.webhook_url).hostname or "")
        self._secret = ManagedSecret(client, namespace, f"{settings.name_prefix}webhook-certificate", hosts)
        self._address = Address(namespace, service, settings.webhook_url)
        registration = Registration(client, settings.name_prefix, self._address)
        self._registration = None if settings.olm else registration
        self._loaded = Certificate(b"")
        self._listening = False
        self._serving = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def serving(self) -> bool:
        """Whether the API server's calls are answered."""
        return self._serving.is_set()

    async def start(self, host: str, port: int) -> None:
        """Begin to serve; where no certificate can be had yet, that happens as soon as one can."""
        self._task = asyncio.create_task(self._run(host, port), name="webhooks")
        serving = asyncio.create_task(self._serving.wait())
        await asyncio.wait({self._task, serving}, timeout=_FIRST_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        serving.cancel()
        if self._task.done():
            self._task.result()

    async def stop(self) -> None:
        """Stop serving. Nothing is unregistered: nothing must be written unchecked until another replica serves."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._address.url and self._loaded.ca_bundle:
            await self._give_back()
        await self._server.stop()

    async def _give_back(self) -> None:
        """Nobody answers at this URL any more; the CRD names the Service again, so that it can be applied once more."""
        address = Address(self._address.namespace, self._address.service)
        registration = Registration(self._client, self._settings.name_prefix, address)
        try:
            async with asyncio.timeout(_RETRY_SECONDS):
                await registration.ensure(self._loaded.ca_bundle)
                await registration.withdraw()
        except (ApiError, TimeoutError) as error:
            logger.warning("The API server keeps the URL of the webhooks: %s", error)

    async def _run(self, host: str, port: int) -> None:
        while True:
            try:
                await self._check(host, port)
            except (ApiError, ssl.SSLError, NotMountedError) as error:
                logger.warning("Webhooks: %s; trying again", error)
                await asyncio.sleep(_RETRY_SECONDS)
            except Exception:
                if not self._listening:
                    raise
                # Nobody would renew the certificate any more.
                logger.exception("Webhooks: trying again")
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                await asyncio.sleep(_CHECK_SECONDS if self._loaded.ca_bundle else _CHECK_SECONDS / 4)

    async def _check(self, host: str, port: int) -> None:
        """Serve the certificate that is due, and see to it that the API server trusts it before it meets it."""
        if not self._own_name:
            self._own_name = await own_name(self._client, self._connection)
        certificate = await self._due()
        if not self._listening:
            self._tls.use(certificate)
            self._loaded = certificate
            await self._server.start(host, port)
            self._listening = True
            logger.info("Serving webhooks on port %s", port)
        if self._registration:
            await self._registration.ensure(certificate.ca_bundle, certificate.meanwhile)
        if certificate != self._loaded:
            if certificate.ca_bundle != self._loaded.ca_bundle:
                await asyncio.sleep(_SPREAD_SECONDS)
            self._tls.use(certificate)
            self._loaded = certificate
            logger.info("Serving webhooks with a new certificate")
        self._serving.set()

    async def _due(self) -> Certificate:
        """What is mounted, else what we make, unless the API server is told of another one."""
        mounted = serving_certificate.from_files(self._settings.webhook_certificates)
        if mounted is None and self._settings.olm:
            raise NotMountedError(f"no certificate in {self._settings.webhook_certificates}")
        return mounted or await self._secret.certificate()


def _are_names(*texts: str) -> bool:
    """Whether these can be names of objects. Reviews may come from anybody who reaches the port, not only from the
    API server: what they say must not lead to other paths of the API.
    """
    return all(re.match(DNS_SUBDOMAIN, text) for text in texts)


def _admission(decide: Callable[[Request], Awaitable[Obj]]) -> Answer:
    async def answer(review: Any) -> Obj:
        return await decide(parse(review))

    return answer
