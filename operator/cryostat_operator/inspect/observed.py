"""The objects that were read of one instance, and facts that are derived from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..api import constants
from ..plan.diagnosis.pod_failures import pod_failure
from ..plan.injection.init_container import INIT_CONTAINER
from ..plan.model.kinds import Obj
from ..plan.model.reasons import Reason
from .states import BAD, GOOD, WAITING, State, condition_state, find_condition, state_of
from .volume_usage import VolumeUsage

# Where the manifests and OLM install the operator; for users who may not search all namespaces.
OPERATOR_NAMESPACES = (constants.OPERATOR_NAMESPACE, "openshift-operators", "operators")
_LONGEST_NAME = 50  # characters; longer names end in a hash, which is cut off


@dataclass(frozen=True)
class LabeledPods:
    """The pods of a namespace whose labels ask for an agent.

    Attributes:
        with_agent: how many have it.
        without: names of those that were created without it, for example while no operator answered; sorted.
    """

    with_agent: int = 0
    without: tuple[str, ...] = ()


def labeled_pods(pods: Iterable[Obj]) -> LabeledPods:
    """Return which of these pods have the agent. Those that have ended do not count."""
    running = [pod for pod in pods if (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")]
    without = sorted(pod["metadata"]["name"] for pod in running if not _has_agent(pod))
    return LabeledPods(len(running) - len(without), tuple(without))


def _has_agent(pod: Obj) -> bool:
    containers = (pod.get("spec") or {}).get("initContainers") or ()
    return any(container.get("name") == INIT_CONTAINER for container in containers)


@dataclass(frozen=True)
class Observed:
    """One Cryostat and all that the user may read about it.

    Attributes:
        cryostat: the Cryostat.
        objects: owned objects, in the order of `KINDS`.
        pods: pods of the instance.
        events: Warning events about the Cryostat, oldest first.
        pod_events: Warning events about its pods, oldest first.
        agents: target namespace → pods with the labels of an agent of this instance.
        missing_namespaces: target namespaces that do not exist.
        expiries: name of a Secret → end of its certificate, in seconds since the epoch.
        volumes: name of a PersistentVolumeClaim → how full its volume is, where a kubelet reports it.
        not_measured: one sentence for each node whose kubelet does not report the use of mounted volumes.
        foreign_policies: NetworkPolicies that select pods of the instance and are not owned by it.
        operators: the Deployments of the operator; None if the user may not read them.
        lease: the Lease of the leader election that was renewed last; None if there is none, or it cannot be read.
        lease_is_renewed: whether an operator renews it; None without a Lease.
        webhook_failure: why the API server cannot call a webhook when the Cryostat changes; empty if it can.
        unreadable: one sentence for each kind of object that the user may not read.
        refused: plural names of the kinds that `releases` needs and that the user may not list in this namespace.
    """

    cryostat: Obj
    objects: tuple[Obj, ...] = ()
    pods: tuple[Obj, ...] = ()
    events: tuple[Obj, ...] = ()
    pod_events: tuple[Obj, ...] = ()
    agents: Mapping[str, LabeledPods] = field(default_factory=dict)
    missing_namespaces: frozenset[str] = frozenset()
    expiries: Mapping[str, float] = field(default_factory=dict)
    volumes: Mapping[str, VolumeUsage] = field(default_factory=dict)
    not_measured: tuple[str, ...] = ()
    foreign_policies: tuple[Obj, ...] = ()
    operators: tuple[Obj, ...] | None = None
    lease: Obj | None = None
    lease_is_renewed: bool | None = None
    webhook_failure: str = ""
    unreadable: tuple[str, ...] = ()
    refused: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return str(self.cryostat["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.cryostat["metadata"]["namespace"])

    @property
    def status(self) -> Obj:
        """The status of the Cryostat; empty if it has none."""
        return dict(self.cryostat.get("status") or {})

    @property
    def is_current(self) -> bool:
        """Whether the status is about the latest change of the spec."""
        return bool(self.status.get("observedGeneration") == self.cryostat["metadata"].get("generation"))

    @property
    def ready(self) -> bool:
        """Whether `Ready` is True for the latest change of the spec."""
        return self.is_current and find_condition(self.cryostat, "Ready").get("status") == "True"

    @property
    def state(self) -> State:
        """Whether the instance is ready, in a word."""
        if self.ready:
            return State(GOOD, "Ready")
        if self.is_current and find_condition(self.cryostat, "Ready").get("reason") == Reason.HIBERNATED:
            return State(WAITING, "Hibernated")
        return State(BAD, "Not ready")

    @property
    def url(self) -> str:
        """The address of the application; empty until the operator has reported it."""
        return str(self.status.get("applicationUrl") or "")

    @property
    def conditions(self) -> list[Obj]:
        """All conditions, `Ready` first."""
        found = self.status.get("conditions") or []
        return sorted(found, key=lambda condition: condition["type"] != "Ready")

    @property
    def target_namespaces(self) -> list[str]:
        """Target namespaces in the status; before the operator has reported them, the namespace of the Cryostat."""
        return list(self.status.get("targetNamespaces") or [self.namespace])

    @property
    def has_ready_operator(self) -> bool:
        """Whether a pod of one of the operator's Deployments is ready."""
        return any((each.get("status") or {}).get("readyReplicas") for each in self.operators or ())

    @property
    def operator_runs(self) -> bool | None:
        """Whether an operator runs; None if the user may read neither its Lease nor its Deployment."""
        if self.lease_is_renewed is not None:
            return self.lease_is_renewed
        return None if self.operators is None else self.has_ready_operator

    def states(self) -> dict[str, State]:
        """Return one state per condition and object, by title; `make run` prints a line when one changes."""
        conditions = {f"condition {each['type']}": condition_state(each) for each in self.conditions}
        return conditions | {self.title(obj): state_of(obj) for obj in self.objects}

    def title(self, obj: Obj) -> str:
        """Return kind and name of an object, with its namespace where it is not that of the Cryostat."""
        meta = obj["metadata"]
        elsewhere = meta.get("namespace") not in (None, self.namespace)
        name = meta["name"] if len(meta["name"]) <= _LONGEST_NAME else meta["name"][:16] + "…"
        return f"{obj['kind']} {meta['namespace'] + '/' if elsewhere else ''}{name}"

    def login(self) -> str:
        """Return how a user logs in: a sentence with a command, never a value."""
        condition = find_condition(self.cryostat, "AuthenticationEnabled")
        secret = self.status.get("basicAuthSecret")
        if secret:
            command = f"kubectl -n {self.namespace} get secret {secret} -o jsonpath="
            return f"user and password are in Secret {secret}: {command}'{{.data.password}}' | base64 -d"
        return str(condition.get("message") or "not known, because the operator has not reported it yet")


def pod_state(pod: Obj) -> State:
    """Return the state of a pod with the reason of the scheduler or the kubelet."""
    failure = pod_failure(pod)
    if failure:
        return State(WAITING, f"{failure.reason}: {failure.cause}")
    ready = find_condition(pod, "Ready").get("status") == "True"
    phase = (pod.get("status") or {}).get("phase", "Pending")
    return State(GOOD, f"ready{_restarts(pod)}") if ready else State(WAITING, phase)


def _restarts(pod: Obj) -> str:
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    count = sum(status.get("restartCount", 0) for status in statuses)
    return f", {count} restart{'s' * (count != 1)}" if count else ""


def agent_selector(namespace: str, name: str) -> str:
    """Return the label selector of pods that ask for an agent of an instance."""
    return f"{constants.AGENT_LABEL_NAME}={name},{constants.AGENT_LABEL_NAMESPACE}={namespace}"


def owned_selector(namespace: str, name: str) -> str:
    """Return the label selector of the objects of an instance."""
    return f"{constants.LABEL_NAME}={name},{constants.LABEL_NAMESPACE}={namespace}"
