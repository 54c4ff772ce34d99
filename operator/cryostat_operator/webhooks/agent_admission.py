"""Reviews of pods and workloads: adds the agent to pods. On failure the pod is admitted unchanged, with a warning."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from ..api.limits import MAX_POD_TEXT_READ, MAX_VALUES_READ, has_longer_text, has_more_values
from ..api.required_permissions import target_namespaces
from ..api.v1beta2 import Cryostat
from ..api.validation import InvalidCryostatError, read_cryostat
from ..kube.errors import ApiError
from ..metrics import InjectionCounts
from ..plan.injection.labels import requested_instance, requested_options
from ..plan.injection.pod_fields import NotInjectableError, select_containers
from ..plan.injection.pod_mutator import inject_agent
from ..plan.injection.propagation import propagate
from ..plan.instance import Instance
from ..plan.model.kinds import InstanceKey, Obj
from ..plan.model.reasons import Reason
from ..plan.model.snapshot import Snapshot
from ..settings import Settings
from .agent_events import AgentEvents, object_name
from .cluster_reader import ClusterReader
from .large_reviews import LargeReviews
from .pod_context_reader import PodContextReader
from .reviews import AdmissionRequest, allowed
from .smart_trigger_warnings import smart_trigger_warnings

logger = logging.getLogger(__name__)

REVIEW_TIMEOUT = 2.0  # seconds; the API server waits for 3
WARNING_PREFIX = "Cryostat agent: "


class NotInjectedError(Exception):
    """The pod does not get the agent, for the reason in the message.

    Attributes:
        cryostat: the Cryostat that the pod requests, on which an event is recorded; None for no event.
    """

    def __init__(self, message: str, cryostat: Obj | None = None) -> None:
        super().__init__(message)
        self.cryostat = cryostat


def _check_size(obj: Obj, cryostat: Obj | None = None) -> None:
    if has_more_values(obj, MAX_VALUES_READ):
        raise NotInjectedError(f"the object has more than {MAX_VALUES_READ} entries in lists and maps", cryostat)
    if has_longer_text(obj, MAX_POD_TEXT_READ):
        raise NotInjectedError(f"the object has a text of more than {MAX_POD_TEXT_READ} characters", cryostat)


class AgentAdmission:
    """Answers the webhooks for pods and workloads."""

    def __init__(self, reader: ClusterReader, settings: Settings, injections: InjectionCounts) -> None:
        self._reader = reader
        self._settings = settings
        self._injections = injections
        self._events = AgentEvents(reader)
        self._contexts = PodContextReader(reader)
        self._large = LargeReviews()

    async def pod(self, request: AdmissionRequest) -> Obj:
        """Review a new pod."""
        return await self._fail_open(request, self._pod)

    async def workload(self, request: AdmissionRequest) -> Obj:
        """Review a new or changed Deployment, StatefulSet or DaemonSet."""
        return await self._fail_open(request, self._workload)

    async def _fail_open(self, request: AdmissionRequest, review: Callable[[AdmissionRequest], Awaitable[Obj]]) -> Obj:
        """Run a review; admit the object unchanged if it fails."""
        try:
            async with asyncio.timeout(REVIEW_TIMEOUT):
                return await review(request)
        except NotInjectedError as error:
            self._count(request, "not_added", error.cryostat)
            if error.cryostat is not None:
                self._events.record_not_added(request, error.cryostat, str(error))
            return allowed(request, [f"{WARNING_PREFIX}not added: {error}"])
        except (ApiError, TimeoutError) as error:
            self._count(request, "failed")
            cause = str(error) or "timed out"
            logger.warning("Agent not injected into %s: %s", _title(request), cause)
            retry = "create the pod again" if _is_pod(request) else "apply this object again"
            text = "the cluster could not be read" if isinstance(error, ApiError) else "the review took too long"
            return allowed(request, [f"{WARNING_PREFIX}not added: {text}; {retry}"])
        except Exception:
            self._count(request, "failed")
            logger.exception("Agent not injected into %s", _title(request))
            return allowed(request, [f"{WARNING_PREFIX}not added: the operator failed; see its log"])

    async def _pod(self, request: AdmissionRequest) -> Obj:
        instance_key = requested_instance(_labels(request.obj))
        if instance_key is None or request.operation != "CREATE":
            return allowed(request)
        cryostat, stored = await self._requested_cryostat(request.namespace, instance_key)
        _check_size(request.obj, stored)
        snapshot = self._reader.snapshot(cryostat, self._settings) or Snapshot()
        instance = Instance(cryostat, snapshot, self._settings)
        if request.namespace in instance.recreated_targets | snapshot.not_served:
            raise NotInjectedError(_no_target(request.namespace, instance_key), stored)
        context = await self._contexts.read(request, instance)
        ignored = await smart_trigger_warnings(self._reader, request.namespace, request.obj, self._settings)
        async with self._large.turn(request.namespace, request.obj):
            result = inject_agent(request.obj, instance, context)
            hints = [f"{WARNING_PREFIX}{hint}" for hint in (*result.hints, *ignored, *_hibernation(cryostat))]
            if result.pod is None:
                self._count(request, "not_added", stored)
                self._events.record_not_added(request, stored, result.reason)
                return allowed(request, [f"{WARNING_PREFIX}not added: {result.reason}", *hints])
            answer = allowed(request, hints, result.pod)
        self._count(request, "added", stored)
        for warning in ignored:
            self._events.record(request, stored, Reason.SMART_TRIGGERS_IGNORED, warning)
        return answer

    async def _requested_cryostat(self, namespace: str, instance_key: InstanceKey) -> tuple[Cryostat, Obj]:
        """Return the Cryostat that a pod in `namespace` requests, parsed and as stored.

        Raises:
            NotInjectedError: pods in this namespace cannot get the agent of this Cryostat now.
            ApiError: the Cryostat cannot be read.
        """
        # The same message in all cases: it must not reveal whether there is such a Cryostat.
        unknown = _no_target(namespace, instance_key)
        if not (self._settings.watches(namespace) and self._settings.watches(instance_key.namespace)):
            raise NotInjectedError(unknown)
        stored = await self._reader.cryostat(instance_key.namespace, instance_key.name)
        if stored is None:
            raise NotInjectedError(unknown)
        if namespace not in target_namespaces(stored):
            raise NotInjectedError(unknown, stored)
        if "deletionTimestamp" in stored["metadata"]:
            raise NotInjectedError(f"Cryostat {instance_key.namespace}/{instance_key.name} is being deleted")
        try:
            return read_cryostat(stored), stored
        except InvalidCryostatError as error:
            text = f"Cryostat {instance_key.namespace}/{instance_key.name} is not valid; see its condition Ready"
            raise NotInjectedError(text) from error

    async def _workload(self, request: AdmissionRequest) -> Obj:
        if request.operation not in ("CREATE", "UPDATE"):
            return allowed(request)
        _check_size(request.obj)
        _check_size(request.old)
        async with self._large.turn(request.namespace, request.obj, request.old):
            changed, hints = propagate(request.obj, request.old or None)
        template = changed.get("spec", {}).get("template") or {}
        instance_key = requested_instance(_labels(template))
        if instance_key is not None:
            hints += await self._template_warnings(request.namespace, template, instance_key)
        async with self._large.turn(request.namespace, request.obj, request.old):
            return allowed(request, [f"{WARNING_PREFIX}{hint}" for hint in hints], changed)

    async def _template_warnings(self, namespace: str, template: Obj, instance_key: InstanceKey) -> list[str]:
        """Return why pods of this template would not get the agent. The author of a workload sees no warning later."""
        parsed = requested_options(template)
        warnings = [*parsed.errors, *parsed.hints]
        try:
            selection = select_containers(template, parsed.options.containers if parsed.options else ())
            if selection.hint:
                warnings.append(selection.hint)
            cryostat, _ = await self._requested_cryostat(namespace, instance_key)
            warnings += _hibernation(cryostat)
            warnings += await smart_trigger_warnings(self._reader, namespace, template, self._settings)
        except (NotInjectedError, NotInjectableError) as error:
            warnings.append(f"pods start without the agent: {error}")
        except ApiError as error:
            logger.info("Cryostat %s/%s cannot be read: %s", *instance_key, error)
        return warnings

    def _count(self, request: AdmissionRequest, result: str, cryostat: Obj | None = None) -> None:
        """Count the review of a pod; `cryostat` is the one that it requests, None if it does not exist."""
        if request.dry_run or not _is_pod(request):
            return
        metadata = cryostat["metadata"] if cryostat else {}
        is_target = cryostat is not None and request.namespace in target_namespaces(cryostat)
        target = request.namespace if is_target else ""
        self._injections.count(result, metadata.get("namespace", ""), metadata.get("name", ""), target)


def _no_target(namespace: str, instance_key: InstanceKey) -> str:
    # The same text whether the Cryostat exists or not: the author may have no access to its namespace.
    name = f"{instance_key.namespace}/{instance_key.name}"
    remedy = "check the labels, and spec.targetNamespaces and the condition TargetNamespacesReady of that Cryostat"
    return f"namespace {namespace} is not a target namespace of a Cryostat {name}; {remedy}"


def _hibernation(cryostat: Cryostat) -> list[str]:
    """Return a warning while the Cryostat hibernates: the agent is added and registers after the hibernation."""
    if not cryostat.hibernation_requested:
        return []
    name = f"{cryostat.metadata['namespace']}/{cryostat.metadata['name']}"
    return [f"Cryostat {name} hibernates; the agent registers when the instance runs again"]


def _labels(obj: Obj) -> dict[str, str]:
    return (obj.get("metadata") or {}).get("labels") or {}


def _is_pod(request: AdmissionRequest) -> bool:
    return bool(request.obj.get("kind") == "Pod")


def _title(request: AdmissionRequest) -> str:
    """Return kind, namespace and name of the reviewed object, for the log."""
    return f"{request.obj.get('kind')} {request.namespace}/{object_name(request)}"
