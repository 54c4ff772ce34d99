"""Puts the webhooks together: what is asked on which path, with which certificate, and who tells the API server."""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from ...api.base import DNS_SUBDOMAIN
from ...api.v1beta2 import Cryostat
from ...cluster.client import ApiError, Client, path_of, resource_path
from ...cluster.connection import Connection
from ...cluster.observe import Scout
from ...cluster.permissions import Permissions, own_name
from ...cluster.record import Owner, data_fact
from ...desired import names, paths
from ...desired.instance import DataFact, Facts, Instance
from ...desired.plan import Key, Problem
from ...settings import Settings
from ..metrics import Metrics
from ..tell import Teller
from . import certificates, conversion
from .admission import Admission
from .agents import Agents
from .certificates import Certificate, ManagedSecret, NotMountedError
from .registration import Address, Registration
from .review import Obj, Request, parse
from .server import Answer, WebhookServer

logger = logging.getLogger(__name__)

PORT = 9443

_CHECK_SECONDS = 20.0  # between two looks at the certificate and at what is registered
_RETRY_SECONDS = 2.0
_FIRST_SECONDS = 5.0
_SPREAD_SECONDS = 3.0  # until every API server has heard of another authority


class Surroundings:
    """What the webhooks may know of the cluster, from what the scout watches."""

    def __init__(
        self, client: Client, scout: Scout, known: Callable[[Owner], Obj | None], ready: Callable[[], bool]
    ) -> None:
        self._client = client
        self._scout = scout
        self._known = known
        self._ready = ready
        self._teller = Teller(client)

    @property
    def openshift(self) -> bool:
        return self._scout.openshift

    def facts(self, cr: Cryostat, settings: Settings) -> Facts | None:
        if not self._ready():
            return None
        owner = Owner(cr.metadata["namespace"], str(cr.metadata.get("name") or ""))
        targets = Instance(cr, Facts(), settings).target_namespaces
        try:
            return self._scout.facts(owner, str(cr.metadata.get("uid") or ""), targets)
        finally:
            self._scout.children.rest(owner)  # where another replica leads, no run follows that would

    async def data(self, kind: str, namespace: str, name: str) -> DataFact | None:
        found = await self._get(path_of(Key(kind, namespace, name))) if _are_names(namespace, name) else None
        return data_fact(found) if found else None

    async def cryostat(self, namespace: str, name: str) -> Obj | None:
        if not _are_names(namespace, name):
            return None
        known = self._known(Owner(namespace, name))
        path = resource_path(names.GROUP, names.VERSION, names.PLURAL, namespace, name)
        return known if known is not None else await self._get(path)

    async def tell(self, cr: Obj, reason: str, message: str) -> None:
        await self._teller.once(cr, Problem("core", reason, message))

    async def _get(self, path: str) -> Obj | None:
        try:
            return await self._client.request("GET", path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise


class Webhooks:
    """Runs beside the loop, on every replica, whoever leads.

    All of them keep the certificate and the registration: each would write the same, over the resource version that it
    read, and answering the API server must not wait for somebody to lead.
    """

    def __init__(
        self, client: Client, connection: Connection, surroundings: Surroundings, settings: Settings, metrics: Metrics
    ) -> None:
        self._client = client
        self._connection = connection
        self._settings = settings
        self._own_name = ""
        admission = Admission(Permissions(client), surroundings, settings, lambda: self._own_name)
        agents = Agents(surroundings, settings)
        self._tls = certificates.Serving()
        answers: Mapping[str, Answer] = {
            paths.DEFAULT: _admission(admission.default),
            paths.VALIDATE: _admission(admission.validate),
            paths.CONVERT: conversion.answer,
            paths.POD: _admission(agents.pod),
            **dict.fromkeys((paths.DEPLOYMENT, paths.STATEFUL_SET, paths.DAEMON_SET), _admission(agents.workload)),
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
        mounted = certificates.from_files(self._settings.webhook_certificates)
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
