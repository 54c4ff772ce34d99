"""All kopf handlers and kopf's settings: the entry point of the operator.

kopf logs in, watches the Cryostats and handles the process's lifecycle. Each event goes to the `CryostatStore`, which
enqueues the Cryostat in the operator's own work queue. kopf itself writes nothing to the cluster.

kopf's change handlers are not used: they keep their progress in annotations of the Cryostat, and a reconcile must also
start when an object of the instance changes.
"""

from __future__ import annotations

import asyncio
import datetime
import random
from collections.abc import Iterator
from typing import Any

from .api import constants
from .kube.connection import connect
from .kube.kopf_import import APINotFoundError, Identity, kopf
from .plan.model.kinds import FIELD_MANAGER
from .runtime import Operator
from .settings import Settings
from .webhooks.manager import PORT as WEBHOOK_PORT

CREDENTIALS_TTL = datetime.timedelta(minutes=10)  # kopf calls the login handler again after this; tokens rotate
LOGIN_RETRY_SECONDS = 2.0  # a kubeconfig may be read while it is being written; kopf's default is a minute


class CrdNotServedError(Exception):
    """The API server no longer serves Cryostats. kopf does not look for them again, so the process must restart."""

    def __init__(self) -> None:
        definition = f"{constants.PLURAL}.{constants.GROUP}"
        super().__init__(
            f"The API server no longer serves CustomResourceDefinition {definition}, so the operator restarts "
            "and waits for it. Install the CustomResourceDefinition again"
        )


def register(operator: Operator, registry: kopf.OperatorRegistry) -> None:
    """Register the handlers for login, for cleanup and for every event of every Cryostat.

    Args:
        operator: receives the events, and is stopped on cleanup.
        registry: kopf's registry that the handlers are added to.
    """

    # kopf logs the IDs.
    @kopf.on.login(registry=registry, id="login", backoff=LOGIN_RETRY_SECONDS)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        connection = await connect()
        return connection.for_kopf(CREDENTIALS_TTL)

    @kopf.on.event(constants.GROUP, constants.VERSION, constants.PLURAL, registry=registry, id="cryostat")
    async def cryostat(event: kopf.RawEvent, **_: Any) -> None:
        operator.cryostats.handle_event(event["type"], dict(event["object"]))

    @kopf.on.cleanup(registry=registry, id="cleanup")
    async def cleanup(**_: Any) -> None:
        # Without this, kopf waits five seconds for the tasks that it did not start.
        await operator.stop()


def kopf_settings() -> kopf.OperatorSettings:
    """Return kopf's settings: no writes to the cluster, little memory, and retries without limit."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True  # replicas elect a leader with a Lease
    settings.scanning.disabled = True  # otherwise kopf watches all definitions and namespaces, as the operator does
    settings.posting.enabled = False  # the operator records its own events
    settings.admission.managed = None  # the operator registers its own webhooks
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.queueing.idle_timeout = 0.1  # kopf keeps a task for each Cryostat, and its last event, for this long
    settings.queueing.exit_timeout = 2
    settings.watching.chunk_size = 10  # kopf decodes a page as a whole, and a Cryostat may have 1.5 MiB
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330  # ends a watch that the API server has not ended in time
    settings.watching.connect_timeout = 5
    settings.watching.reconnect_backoff = 0.1
    settings.networking.request_timeout = 30
    settings.networking.error_backoffs = UnlimitedBackoff()
    return settings


async def run(settings: Settings, host: str, port: int, webhook_port: int = WEBHOOK_PORT) -> None:
    """Run the operator until it is canceled.

    Args:
        host: address to listen on; all addresses if empty.
        port: port of the probes and metrics.
        webhook_port: port of the webhooks.

    Raises:
        CrdNotServedError: the API server no longer serves Cryostats; the process must restart.
    """
    operator = await Operator.create(settings, host, port, webhook_port)
    registry = kopf.OperatorRegistry()
    register(operator, registry)
    try:
        await operator.start()
        watching = asyncio.create_task(_watch_when_served(operator, registry), name="kopf")
        # Both run forever. If one of them fails, the process ends, and the kubelet restarts the container.
        done, _ = await asyncio.wait({watching, operator.failure}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    except APINotFoundError:  # kopf's watch ends with it when the CustomResourceDefinition is deleted
        raise CrdNotServedError from None
    finally:
        await operator.stop()


async def _watch_when_served(operator: Operator, registry: kopf.OperatorRegistry) -> None:
    await operator.wait_until_served()
    await _watch(registry)


async def _watch(registry: kopf.OperatorRegistry) -> None:
    """Run kopf in all namespaces until it is canceled or fails."""
    # By default kopf uses the name of the operating system's user, and fails if the user ID has no name.
    identity = Identity(FIELD_MANAGER)
    await kopf.operator(
        registry=registry, settings=kopf_settings(), identity=identity, clusterwide=True, standalone=True
    )


class UnlimitedBackoff:
    """Delays in seconds between kopf's attempts of one request. The sequence has no end: no outage stops kopf."""

    def __iter__(self) -> Iterator[float]:
        delay = 0.2
        while True:
            yield delay * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
            delay = min(delay * 2, 5.0)


class NoDiffBase(kopf.DiffBaseStorage):
    """Stores no earlier states of objects. kopf needs them only for change handlers, which this operator lacks."""

    def build(self, *, body: kopf.Body, extra_fields: Any = None) -> kopf.BodyEssence:
        """Return an empty state."""
        return kopf.BodyEssence({})

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        """Return None: no state is stored."""
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Do nothing."""
