"""kopf's part: it watches the Cryostats, logs in, and starts and stops everything else."""

from __future__ import annotations

import asyncio
import datetime
import logging
import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from .api import constants
from .health import HealthServer
from .kube.client import Client, accept_metadata
from .kube.connection import Connection, connect
from .kube.errors import ApiError
from .kube.kopf_import import APINotFoundError, Identity, kopf
from .kube.leader_election import LeaderElection
from .kube.leadership_gate import LeadershipGate
from .metrics import Metrics
from .observe.cryostats import CryostatStore
from .observe.observer import Observer
from .plan.model.kinds import InstanceKey
from .reconcile.reconciler import Reconciler
from .reconcile.work_queue import WorkQueue
from .settings import Settings
from .webhooks.manager import PORT as WEBHOOK_PORT
from .webhooks.manager import CachedReader, WebhookManager

logger = logging.getLogger(__name__)

_LISTING = 30.0  # seconds in which kopf should have listed the Cryostats
_POLL = 2.0  # seconds between looks for their definition
_CREDENTIALS_LAST = datetime.timedelta(minutes=10)  # then kopf asks again, and a rotated token is read


class UnlimitedBackoff:
    """Seconds between kopf's attempts at a request: growing, without end, so that no outage ends the operator."""

    def __iter__(self) -> Iterator[float]:
        delay = 0.2
        while True:
            yield delay * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
            delay = min(delay * 2, 5.0)


@dataclass
class Operator:
    """One operator process: what is watched, the queue, the loop, and the HTTP server."""

    settings: Settings
    host: str
    port: int
    webhook_port: int = WEBHOOK_PORT
    metrics: Metrics = field(default_factory=Metrics)
    ready: bool = False
    _stopped: bool = False
    webhooks: WebhookManager | None = None
    election: LeaderElection | None = None  # None: this is the only replica

    async def start(self) -> None:
        """Everything but kopf. Must run in the loop that kopf will run in."""
        self.connection = await connect()
        self.client = Client(self.connection, self._reconnect, self.metrics.observe_request)
        self.fence = LeadershipGate(lambda: self.election is None or self.election.leads)
        self.writer = Client(self.connection, self._reconnect, self.metrics.observe_request, self.fence)
        self.queue: WorkQueue[InstanceKey] = WorkQueue(self._work)
        self.scout = Observer(
            self.client,
            self.queue.enqueue,
            self.queue.enqueue_after,
            self._enqueue_all,
            self._enqueue_namespace,
            force_openshift=self.settings.force_openshift,
        )
        self.cryostats = CryostatStore(self.queue.enqueue)
        self.metrics.depth.set_function(lambda: self.queue.depth)
        self.metrics.instances.set_function(lambda: len(self.cryostats))
        self.server = HealthServer(self.metrics, self._is_ready, lambda: self.scout.seconds_since_contact)
        await self.server.start(self.host, self.port)
        if self.settings.leader_election and self.settings.namespace:
            self.election = LeaderElection(self.client, self.settings.namespace, self._start_leading, self.queue.close)
            self.metrics.leader.labels(constants.LEASE).set_function(
                lambda: bool(self.election and self.election.leads)
            )
        self.failing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._running = asyncio.create_task(self._run(), name="the loop")
        self._running.add_done_callback(self._ended)
        if self.settings.webhooks:
            surroundings = CachedReader(self.client, self.scout, self.cryostats.get, lambda: self.ready)
            self.webhooks = WebhookManager(self.client, self.connection, surroundings, self.settings, self.metrics)
            await self.webhooks.start(self.host, self.webhook_port)

    def _is_ready(self) -> bool:
        return self.ready and (self.webhooks is None or self.webhooks.serving)

    async def _run(self) -> None:
        await self.scout.start()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LISTING):
                await self._wait_until_listed()
        self.ready = True
        logger.info("Watching the cluster%s", " (OpenShift)" if self.scout.openshift else "")
        if self.election:
            await self.election.run()
        else:
            self._start_leading()

    def _start_leading(self) -> None:
        """Look at everything, whatever an earlier leader, or we in an earlier term, made of it."""
        self.reconciler = Reconciler(self.writer, self.scout, self.cryostats, self.settings, self.metrics)
        self._enqueue_all()
        for owner in self.scout.children.owners():
            self.queue.enqueue(owner)  # some of them may have gone while we were away
        self.queue.open()

    async def _wait_until_listed(self) -> None:
        """Wait until kopf has told of every Cryostat; whose objects are whose is not known before."""
        await self.wait_until_served()
        path = f"/apis/{constants.API_VERSION}/{constants.PLURAL}"
        accept = accept_metadata("PartialObjectMetadataList")
        items = (await self.client.request("GET", path, accept=accept)).get("items") or ()
        missing = {InstanceKey(item["metadata"]["namespace"], item["metadata"]["name"]) for item in items}
        while missing := {owner for owner in missing if self.cryostats.get(owner) is None}:  # noqa: ASYNC110 - once
            await asyncio.sleep(0.05)

    async def wait_until_served(self) -> None:
        """Wait for the definition of Cryostats: kopf looks for it once, and never again."""
        path = f"/apis/{constants.API_VERSION}"
        while True:
            try:
                resources = (await self.client.request("GET", path)).get("resources") or ()
                if any(resource["name"] == constants.PLURAL for resource in resources):
                    return
                logger.warning("No Cryostats are served yet")
            except ApiError as error:
                logger.warning("No Cryostats are served yet: %s", error)
            await asyncio.sleep(_POLL)

    async def stop(self) -> None:
        """End everything that `start` began; once is enough."""
        if self._stopped:
            return
        self.ready, self._stopped = False, True
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        if self.election:
            await self.election.resign(self.fence.quiet)
        self.queue.close()
        if self.webhooks:
            await self.webhooks.stop()
        await self.scout.stop()
        await self.server.stop()
        for client in (self.client, self.writer):
            await client.close()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() and not self.failing.done():
            self.failing.set_exception(task.exception() or RuntimeError)

    async def _reconnect(self) -> Connection:
        self.connection = await connect()
        return self.connection

    async def _work(self, owner: InstanceKey) -> float | None:
        return await self.reconciler(owner)

    def _enqueue_all(self) -> None:
        for owner in self.cryostats:
            self.queue.enqueue(owner)

    def _enqueue_namespace(self, name: str) -> None:
        for owner in self.cryostats.of_namespace(name):
            self.queue.enqueue(owner)


def register(app: Operator, registry: kopf.OperatorRegistry) -> None:
    """kopf's handlers: login, settings, and every event of every Cryostat."""

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        return (await connect()).for_kopf(_CREDENTIALS_LAST)

    @kopf.on.cleanup(registry=registry)
    async def cleanup(**_: Any) -> None:
        await app.stop()  # kopf would wait five seconds for tasks that it does not know

    @kopf.on.event(constants.GROUP, constants.VERSION, constants.PLURAL, registry=registry)
    async def cryostat(event: kopf.RawEvent, **_: Any) -> None:
        app.cryostats.seen(event["type"], dict(event["object"]))


class NoDiffBase(kopf.DiffBaseStorage):
    """kopf copies each state of an object, to compare it with the last for handlers that we do not have."""

    def build(self, *, body: kopf.Body, extra_fields: Any = None) -> kopf.BodyEssence:
        return kopf.BodyEssence({})

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Nothing is remembered."""


def kopf_settings() -> kopf.OperatorSettings:
    """kopf writes nothing to the cluster, keeps little in memory, and outlives outages of the API server."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.admission.managed = None
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.queueing.idle_timeout = 0.1
    settings.queueing.exit_timeout = 2
    settings.watching.chunk_size = 500
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.watching.connect_timeout = 5
    settings.watching.reconnect_backoff = 0.1
    settings.networking.request_timeout = 30
    settings.networking.error_backoffs = UnlimitedBackoff()
    return settings


class CrdNotServedError(Exception):
    """The definition of Cryostats is gone. kopf never looks for it again, so everything must begin anew."""


async def run(settings: Settings, host: str, port: int, webhook_port: int = WEBHOOK_PORT) -> None:
    """Run the operator until it is cancelled.

    Raises:
        NotServedError: Cryostats are no longer served.
    """
    app = Operator(settings, host, port, webhook_port)
    await app.start()
    registry = kopf.OperatorRegistry()
    register(app, registry)
    try:
        await app.wait_until_served()
        # Left to itself kopf puts the user's name in here, and fails where the user is a number without one.
        own = Identity("cryostat-operator")
        watching = asyncio.create_task(
            kopf.operator(registry=registry, settings=kopf_settings(), identity=own, clusterwide=True, standalone=True)
        )
        # Either one ends only by failing; the process must end with it, and be started again.
        done, _ = await asyncio.wait({watching, app.failing}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    except APINotFoundError as error:
        raise CrdNotServedError(str(error)) from None
    finally:
        await app.stop()
