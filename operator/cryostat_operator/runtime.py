"""Process wiring: creates, starts and stops all parts of the operator except kopf, which `handlers.py` runs."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from .api import constants
from .console.installer import ConsoleInstaller
from .health import HealthServer
from .kube.client import Client
from .kube.connection import Connection, connect
from .kube.leader_election import LeaderElection
from .kube.leadership_gate import LeadershipGate
from .metrics import Metrics
from .observe.cryostats import CryostatStore
from .observe.instance_metrics import InstanceMetrics
from .observe.listed_cryostats import ListedCryostats
from .observe.observer import Observer
from .observe.refused_lists import RefusedLists
from .observe.triggers import Triggers
from .plan.diagnosis.refusal_remedies import MISSING_PERMISSION
from .plan.model.kinds import InstanceKey
from .reconcile.reconciler import Reconciler, is_deleting
from .reconcile.work_queue import Result, WorkQueue
from .settings import Settings
from .webhooks.cluster_reader import CachedReader
from .webhooks.manager import WebhookManager

logger = logging.getLogger(__name__)

# Seconds in which kopf should have delivered all existing Cryostats. After that, the delivered ones are reconciled.
LIST_TIMEOUT = 30.0
STOP_SECONDS = 5.0  # for writes that must be finished, such as those of a Secret that was deleted to be recreated


class Operator:
    """One operator process: the watches, the work queue, the reconciler, the webhooks and the HTTP server.

    Attributes:
        cryostats: the newest state of every Cryostat; kopf's events go here.
        failure: fails if a background task fails; the process must end then.
        ready: whether the first lists are complete.
    """

    def __init__(self, connection: Connection, settings: Settings, host: str, port: int, webhook_port: int) -> None:
        self._settings = settings
        self._address = host, port
        self._webhook_address = host, webhook_port
        self._main_task: asyncio.Task[None] | None = None
        self._console_task: asyncio.Task[None] | None = None
        self._stopped = False
        self._leading = False
        self.ready = False
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.metrics = Metrics()

        # Reads and leader election use `client`. The reconciler uses `write_client`, whose writes pass only while this
        # replica is leader, except those that finish the recreation of a Secret.
        self.gate = LeadershipGate(self._may_write)
        self.client = Client(connection, connect, self.metrics.observe_request)
        self.write_client = Client(connection, connect, self.metrics.observe_request, self.gate)

        self.queue: WorkQueue[InstanceKey] = WorkQueue(self._reconcile, lambda key: key.namespace)
        self.cryostats = CryostatStore(self._enqueue_changed)
        self._listed = ListedCryostats(self.client, self.cryostats)
        triggers = Triggers(self.queue.enqueue, self.queue.enqueue_after, self._enqueue_all, self._enqueue_namespace)
        self.observer = Observer(
            self.client,
            triggers,
            self._listed.exists,
            force_openshift=settings.force_openshift,
            watch_namespaces=settings.watch_namespaces,
        )
        self._refused_lists = RefusedLists(lambda: self.observer.refusal, self._enqueue_all)
        self.reconciler = Reconciler(self.write_client, self.observer, self.cryostats, settings, self.metrics)
        self.console = ConsoleInstaller(self.write_client, settings.name_prefix, self._may_extend_console)
        self.server = HealthServer(self.metrics, self._unready_cause, lambda: self.observer.seconds_since_contact)
        self.election: LeaderElection | None = None  # None: this is the only replica
        if settings.leader_election and settings.namespace:
            self.election = LeaderElection(self.client, settings.namespace, self._start_leading, self._stop_leading)
        self.webhooks: WebhookManager | None = None
        if settings.webhooks:
            reader = CachedReader(self.client, self.observer, self.cryostats, lambda: self.ready)
            self.webhooks = WebhookManager(self.client, connection, reader, settings, self.metrics)

    @classmethod
    async def create(cls, settings: Settings, host: str, port: int, webhook_port: int) -> Operator:
        """Log in to the API server and create all parts. Must run in the event loop that kopf will run in.

        Args:
            host: address to listen on.
            port: port of the probes and metrics.
            webhook_port: port of the webhooks.

        Raises:
            LoginError: no credentials for an API server were found.
        """
        connection = await connect()
        return cls(connection, settings, host, port, webhook_port)

    async def start(self) -> None:
        """Start the HTTP servers and, in the background, the watches and leader election.

        Raises:
            OSError: a port is in use.
        """
        self._register_metrics()
        await self.server.start(*self._address)
        self._main_task = asyncio.create_task(self._run(), name="operator")
        self._main_task.add_done_callback(self._on_main_task_done)
        self._console_task = asyncio.create_task(self.console.run(), name="console")
        if self.webhooks:
            await self.webhooks.start(*self._webhook_address)

    async def stop(self) -> None:
        """Stop everything and release the Lease. A second call does nothing."""
        if self._stopped:
            return
        self.ready, self._stopped = False, True
        tasks = [task for task in (self._main_task, self._console_task) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.election:
            await self.election.release(self._wait_idle)
        self.queue.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self.reconciler.wait_idle()
        if self.webhooks:
            await self.webhooks.stop()
        await self.observer.stop()
        await self.server.stop()
        await self.client.close()
        await self.write_client.close()

    async def wait_until_served(self) -> None:
        """Wait until the API server serves Cryostats. kopf looks for the resource once and does not retry."""
        await self._listed.wait_until_served()

    async def _run(self) -> None:
        """Start the watches, wait for the first lists, then take part in leader election."""
        await self._listed.read()  # first: the observer keeps whole objects only of Cryostats that exist
        observing = asyncio.create_task(self._observe(), name="first lists")
        await asyncio.gather(observing, self._lead(observing), self._refused_lists.run(observing))

    async def _observe(self) -> None:
        """Start the watches, and wait for the first lists."""
        await self.observer.start()
        with suppress(TimeoutError):
            async with asyncio.timeout(LIST_TIMEOUT):
                await self._listed.wait_until_delivered()
        self.ready = True
        logger.info("Watching the cluster%s", " (OpenShift)" if self.observer.openshift else "")
        if self._leading:  # the term began before the lists were complete, in order to report a refused list
            self._start_leading()

    async def _lead(self, observing: asyncio.Task[None]) -> None:
        """Take part in leader election after the first lists, or when one was refused: the leader reports that."""
        await self._refused_lists.wait_for(observing)
        if observing.done() and observing.exception():
            return  # `_run` raises it
        if self.election:
            await self.election.run()
        else:
            self._start_leading()

    def _start_leading(self) -> None:
        """Begin a leadership term: enqueue every instance, because another replica may have changed anything."""
        self._leading = True
        self.reconciler.reset()
        self._enqueue_all()
        for instance_key in self.observer.owned.instances():
            self.queue.enqueue(instance_key)  # its Cryostat may have been deleted in the meantime
        self.queue.open()

    def _stop_leading(self) -> None:
        """End a leadership term."""
        self._leading = False
        self.queue.close()

    async def _reconcile(self, instance_key: InstanceKey) -> Result:
        body = self.cryostats.get(instance_key)
        # A deletion needs only what was observed before the refusal, and the deletion of a namespace may wait for it.
        is_deletion = body is None or is_deleting(body)
        if not self.ready or (self._refused_lists.lasting and not is_deletion):
            return await self.reconciler.report_unobserved(instance_key, self.observer.refusal)
        return await self.reconciler(instance_key)

    async def _wait_idle(self) -> None:
        """Wait until every write that began has ended."""
        await self.reconciler.wait_idle()
        await self.gate.wait_idle()

    def _may_write(self) -> bool:
        return self.election is None or self.election.leads

    def _may_extend_console(self) -> bool:
        return self._may_write() and self.observer.serves("ConsoleLink")

    def _unready_cause(self) -> str:
        """Return why the process is not ready; empty if it is."""
        if not self.ready and (refusal := self.observer.refusal):
            return f"a list or watch was refused: {refusal.message}. {MISSING_PERMISSION}"
        if not self.ready:
            return "the first lists of the cluster are not complete; see the log of this pod"
        if self.webhooks and not self.webhooks.serving:
            return "the webhooks are not served yet; see the log of this pod"
        return ""

    def _enqueue_all(self) -> None:
        """Enqueue every Cryostat, and check the objects of the console.

        Called when a leadership term begins, and when facts of the whole cluster change.
        """
        self.console.request()
        for instance_key in self.cryostats:
            self.queue.enqueue(instance_key)

    def _enqueue_changed(self, instance_key: InstanceKey) -> None:
        """Enqueue a Cryostat that is new, changed or deleted, and update what the operator remembers about it."""
        self._listed.delivered(instance_key)
        self.observer.cryostat_changed(instance_key, self.cryostats.get(instance_key))
        self.queue.enqueue(instance_key)

    def _enqueue_namespace(self, name: str) -> None:
        for instance_key in self.cryostats.in_namespace(name):
            self.observer.target_namespace_changed(instance_key, name)
            self.queue.enqueue(instance_key)

    def _register_metrics(self) -> None:
        """Register the metrics that are computed when Prometheus reads them."""
        self.metrics.queue_depth.set_function(lambda: self.queue.depth)
        self.metrics.instances.set_function(lambda: len(self.cryostats))
        self.metrics.watch_silence.set_function(lambda: self.observer.seconds_since_contact)
        self.metrics.register(InstanceMetrics(self.cryostats, self.observer.owned, self.metrics.injections))
        if self.election:
            election = self.election
            self.metrics.leader.labels(constants.LEASE).set_function(lambda: election.leads)

    def _on_main_task_done(self, task: asyncio.Task[None]) -> None:
        """Let `failure` fail with the exception of the background task."""
        error = None if task.cancelled() else task.exception()
        if error and not self.failure.done():
            self.failure.set_exception(error)
