"""Puts the agent into pods that ask for it; whatever goes wrong, the pod is let in as it is, and why is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

from ..api.required_permissions import target_namespaces
from ..api.v1beta2 import Cryostat
from ..api.validation import InvalidCryostatError, read_cryostat
from ..kube.errors import ApiError
from ..plan.injection.environment import sources
from ..plan.injection.labels import instance_of
from ..plan.injection.pod_mutator import NotInjectableError, PodContext, inject_agent, selected, wishes
from ..plan.injection.propagation import propagate
from ..plan.instance import Instance
from ..plan.model import names
from ..plan.model.kinds import Key
from ..plan.model.snapshot import ContentSummary, Snapshot
from ..settings import Settings
from .reviews import Obj, Request, allowed

logger = logging.getLogger(__name__)

_SECONDS = 2.0  # the API server waits for 3
_MOST_EVENTS = 50  # on one Cryostat: authors of pods must not fill the cluster with events
_MOST_CRYOSTATS = 500  # whose events are counted
_ABOUT = "Cryostat agent: "


class ClusterReader(Protocol):
    """What the agents' webhooks may know of the cluster."""

    def snapshot(self, cryostat: Cryostat, settings: Settings) -> Snapshot | None: ...

    async def cryostat(self, namespace: str, name: str) -> Obj | None:
        """A Cryostat as it is stored, None where there is none. Raises ApiError."""

    async def data(self, kind: str, namespace: str, name: str) -> ContentSummary | None:
        """A Secret or ConfigMap, None where there is none. Raises ApiError."""

    async def tell(self, cryostat: Obj, reason: str, message: str) -> None:
        """A Warning event on a Cryostat."""


class NotInjectedError(Exception):
    """Why a pod goes without the agent, and the Cryostat to tell."""

    def __init__(self, message: str, cryostat: Obj | None = None) -> None:
        super().__init__(message)
        self.cryostat = cryostat


class Agents:
    """Answers the agents' webhooks."""

    def __init__(self, world: ClusterReader, settings: Settings) -> None:
        self._world = world
        self._settings = settings
        self._told: dict[str, set[str]] = {}  # by UID of the Cryostat, the oldest first
        self._telling: set[asyncio.Task[None]] = set()

    async def pod(self, request: Request) -> Obj:
        """Answers for a new pod."""
        return await self._safely(request, self._pod)

    async def workload(self, request: Request) -> Obj:
        """Answers for a new or changed Deployment, StatefulSet or DaemonSet."""
        return await self._safely(request, self._workload)

    async def _safely(self, request: Request, decide: Callable[[Request], Awaitable[Obj]]) -> Obj:
        try:
            async with asyncio.timeout(_SECONDS):
                return await decide(request)
        except NotInjectedError as refusal:
            self._tell(request, refusal)
            return allowed(request, [f"{_ABOUT}not added: {refusal}"])
        except (ApiError, TimeoutError) as error:
            logger.warning("No agent for %s/%s: %s", request.namespace, _name(request), error or "no time")
            return allowed(request, [f"{_ABOUT}not added: the cluster did not answer in time; make the pod again"])
        except Exception:
            logger.exception("No agent for %s/%s", request.namespace, _name(request))
            return allowed(request, [f"{_ABOUT}not added: the operator failed; see its log"])

    async def _pod(self, request: Request) -> Obj:
        asked = instance_of(_labels(request.obj))
        if asked is None or request.operation != "CREATE":
            return allowed(request)
        cryostat, stored = await self._instance(request.namespace, *asked)
        snapshot = self._world.snapshot(cryostat, self._settings) or Snapshot()
        instance = Instance(cryostat, snapshot, self._settings)
        result = inject_agent(request.obj, instance, await self._where(request, instance))
        hints = [f"{_ABOUT}{hint}" for hint in result.hints]
        if result.pod is None:
            self._tell(request, NotInjectedError(result.reason, stored))
            return allowed(request, [f"{_ABOUT}not added: {result.reason}", *hints])
        return allowed(request, hints, result.pod)

    async def _instance(self, namespace: str, cr_namespace: str, cr_name: str) -> tuple[Cryostat, Obj]:
        """The Cryostat that a pod of `namespace` asks for. Raises NotNowError."""
        stored = await self._world.cryostat(cr_namespace, cr_name)
        # The same words for both: who may not look into a namespace does not learn here what is in it.
        unknown = f"namespace {namespace} is no target namespace of a Cryostat {cr_namespace}/{cr_name}"
        if stored is None:
            raise NotInjectedError(unknown)
        if namespace not in target_namespaces(stored):
            raise NotInjectedError(unknown, stored)
        if "deletionTimestamp" in stored["metadata"]:
            raise NotInjectedError(f"Cryostat {cr_namespace}/{cr_name} is being deleted")
        try:
            return read_cryostat(stored), stored
        except InvalidCryostatError as error:
            raise NotInjectedError(f"Cryostat {cr_namespace}/{cr_name} is not valid") from error

    async def _where(self, request: Request, instance: Instance) -> PodContext:
        """What must be looked up about the surroundings of a pod."""
        namespace = request.namespace
        options = wishes(request.obj).options
        wanted: set[tuple[str, str]] = set()
        with suppress(NotInjectableError):  # `instrument` comes to the same end
            container = selected(request.obj, options.container if options else None)
            wanted = {(kind, name) for kind, name, _, _ in sources(container)}
        keys: dict[tuple[str, str], frozenset[str] | None] = {}

        async def resolve(kind: str, name: str) -> None:
            try:
                fact = await self._world.data(kind, namespace, name)
            except ApiError:
                return
            keys[kind, name] = fact.keys if fact else None

        certificate = names.agent_certificate(instance.namespace, instance.name, namespace)
        if instance.tls and Key("Secret", namespace, certificate) not in instance.snapshot.live:
            wanted.add(("Secret", certificate))
        await asyncio.gather(*(resolve(kind, name) for kind, name in wanted))
        service = instance.snapshot.live.get(
            Key("Service", namespace, names.agent_callback_service(instance.namespace, instance.name)), {}
        )
        return PodContext(
            namespace,
            keys,
            certificate=keys.get(("Secret", certificate), frozenset()) is not None,
            ipv6=(service.get("spec", {}).get("ipFamilies") or [""])[0] == "IPv6",
        )

    async def _workload(self, request: Request) -> Obj:
        if request.operation not in ("CREATE", "UPDATE"):
            return allowed(request)
        changed, hints = propagate(request.obj, request.old or None)
        template = changed.get("spec", {}).get("template") or {}
        asked = instance_of(_labels(template))
        if asked is not None:
            hints += await self._doubts(request.namespace, template, asked)
        return allowed(request, [f"{_ABOUT}{hint}" for hint in hints], changed)

    async def _doubts(self, namespace: str, template: Obj, asked: tuple[str, str]) -> list[str]:
        """Why pods of this template would go without the agent: here somebody reads it."""
        found = wishes(template)
        doubts = [*found.errors, *found.hints]
        try:
            selected(template, found.options.container if found.options else None)
            await self._instance(namespace, *asked)
        except (NotInjectedError, NotInjectableError) as refusal:
            doubts.append(f"pods will go without it for now: {refusal}")
        except ApiError as error:
            logger.info("Cryostat %s/%s cannot be read: %s", *asked, error)
        return doubts

    def _tell(self, request: Request, refusal: NotInjectedError) -> None:
        """An event on the Cryostat, for pods that nobody makes by hand; none on a dry run."""
        if refusal.cryostat is None or request.dry_run or request.obj.get("kind") != "Pod":
            return
        message = f"{_made_by(request)} in namespace {request.namespace}: the agent was not added, {refusal}"
        told = self._told.setdefault(str(refusal.cryostat["metadata"].get("uid")), set())
        if message not in told and len(told) >= _MOST_EVENTS:
            return
        told.add(message)
        if len(self._told) > _MOST_CRYOSTATS:
            del self._told[next(iter(self._told))]
        task = asyncio.create_task(self._world.tell(refusal.cryostat, "AgentNotAdded", message))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)


def _labels(obj: Obj) -> dict[str, str]:
    return (obj.get("metadata") or {}).get("labels") or {}


def _name(request: Request) -> str:
    metadata = request.obj.get("metadata") or {}
    return str(metadata.get("name") or metadata.get("generateName") or request.name)


def _made_by(request: Request) -> str:
    """The pod's maker, so that a hundred pods of one Deployment make one event."""
    metadata = request.obj["metadata"]
    for owner in metadata.get("ownerReferences") or []:
        if owner.get("controller"):
            suffix = f"-{_labels(request.obj).get('pod-template-hash', '')}"
            if owner["kind"] == "ReplicaSet" and owner["name"].endswith(suffix) and len(suffix) > 1:
                return f"Pods of Deployment {owner['name'].removesuffix(suffix)}"
            return f"Pods of {owner['kind']} {owner['name']}"
    return f"Pod {_name(request)}"
