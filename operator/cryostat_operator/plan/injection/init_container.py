"""The init container that copies the agent's JAR into the pod."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from .. import builders
from ..instance import Instance
from ..model.kinds import Obj
from ..quantities import quantity
from .pod_fields import NotInjectableError

INIT_CONTAINER = "cryostat-agent-init"
AGENT_VOLUME = "cryostat-agent-init"
AGENT_DIRECTORY = "/tmp/cryostat-agent"  # noqa: S108 - inside the pod, a volume of its own
AGENT_JAR = "cryostat-agent-shaded.jar"
REQUESTS = ("10m", "32Mi")
LIMITS = ("20m", "64Mi")
UNPRIVILEGED_USER = 10001  # any but root
_EPHEMERAL_STORAGE = "ephemeral-storage"
_ORDINARY_RESOURCES = ("cpu", "memory", _EPHEMERAL_STORAGE)
VOLUME_SIZE = "50Mi"  # of the volume with the JAR
_JAR_SIZE = "32Mi"  # more than the JAR of any release


def init_container(instance: Instance, spec: Obj, container: Obj) -> Obj:
    """Return the init container.

    Args:
        instance: the Cryostat that the agent registers with.
        spec: the spec of the pod.
        container: the instrumented container.
    """
    image = instance.image("agent-init")
    init = {
        "name": INIT_CONTAINER,
        "image": image.reference,
        "imagePullPolicy": image.pull_policy,
        "command": ["cp", "-v", f"/cryostat/agent/{AGENT_JAR}", f"{AGENT_DIRECTORY}/{AGENT_JAR}"],
        "volumeMounts": [builders.mount(AGENT_VOLUME, AGENT_DIRECTORY, read_only=False)],
        "securityContext": _security_context(instance, spec),
    }
    if resources := _resources(instance, spec, container):
        init["resources"] = resources
    return init


def check_storage(spec: Obj) -> str:
    """Return a hint if the agent takes much of the ephemeral storage of a pod; empty if it does not.

    The kubelet evicts a pod that uses more than its limit, volumes included.

    Args:
        spec: the spec of the pod.

    Raises:
        NotInjectableError: the JAR alone would exceed the limit.
    """
    try:
        limit = _storage_limit(spec)
    except ValueError:  # the API server refuses the pod
        return ""
    if limit is not None and limit < quantity(_JAR_SIZE):
        raise NotInjectableError(
            f"the containers of the pod have a limit of {limit:f} bytes of ephemeral storage, and the agent "
            f"needs {_JAR_SIZE}; raise limits.ephemeral-storage"
        )
    if limit is not None and limit < 2 * quantity(VOLUME_SIZE):
        return f"the agent takes up to {_JAR_SIZE} of the ephemeral storage of the pod, whose limit is {limit:f} bytes"
    return ""


def _storage_limit(spec: Obj) -> Decimal | None:
    """Return the limit of a pod, as `PodLimits` in k8s.io/component-helpers/resource does; None if none is set.

    Containers and sidecars count together. An init container counts with the sidecars before it, if that is more.

    Raises:
        ValueError: a limit is not a quantity.
    """
    running: list[Decimal] = []
    starting: list[Decimal] = []
    for kind in ("initContainers", "containers"):
        for container in spec.get(kind) or ():
            amount = ((container.get("resources") or {}).get("limits") or {}).get(_EPHEMERAL_STORAGE)
            if amount is None:
                continue
            if kind == "initContainers" and container.get("restartPolicy") != "Always":
                starting.append(sum(running, quantity(amount)))
            else:
                running.append(quantity(amount))
    totals = [*starting, *([sum(running, Decimal())] if running else [])]
    return max(totals, default=None)


def _security_context(instance: Instance, spec: Obj) -> Obj:
    """Return a context that the `restricted` Pod Security level and stricter policies allow.

    In a pod that runs as root, a user is set as well: `runAsNonRoot` alone would keep the container from starting.
    """
    pod = spec.get("securityContext") or {}
    context: Obj = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,  # some policies require it of every container
        "runAsNonRoot": True,
    }
    if pod.get("runAsUser") == 0:
        context["runAsUser"] = UNPRIVILEGED_USER
    if not instance.openshift and "seccompProfile" not in pod:
        context["seccompProfile"] = {"type": "RuntimeDefault"}
    return context


def _resources(instance: Instance, spec: Obj, container: Obj) -> Obj:
    """Return the resources of the instrumented container, unless `agentOptions.resources` is set.

    These are within the limits of the namespace, add nothing to the requests of the pod, and keep its QoS class. If the
    container has no resources, the init container requests a small amount.

    In a pod with resources of its own, which its containers may not exceed, `agentOptions.resources` is not used, and a
    container without resources has an init container without them: a LimitRange adds the same amounts to both.

    A limit of ephemeral storage in `agentOptions.resources` is left out if no container of the pod has one: the kubelet
    would evict the pod if all its containers together use more, also long after the init container has ended.
    """
    agent = instance.spec.agent_options
    given = container.get("resources") or {}
    kept = {kind: _ordinary_resources(given.get(kind) or {}) for kind in ("requests", "limits")}
    found = {kind: amounts for kind, amounts in kept.items() if amounts}
    if spec.get("resources"):
        return found
    if agent and agent.resources:
        return _without_new_limit(builders.resources(agent.resources, REQUESTS, LIMITS), spec)
    return found or builders.resources(None, REQUESTS, LIMITS)


def _without_new_limit(resources: Obj, spec: Obj) -> Obj:
    try:
        has_limit = _storage_limit(spec) is not None
    except ValueError:  # the API server refuses the pod
        has_limit = True
    limits = resources.get("limits") or {}
    if has_limit or _EPHEMERAL_STORAGE not in limits:
        return resources
    return {**resources, "limits": {key: value for key, value in limits.items() if key != _EPHEMERAL_STORAGE}}


def _ordinary_resources(amounts: Mapping[str, object]) -> Obj:
    """Leave out devices and huge pages, which the init container does not use."""
    return {key: value for key, value in amounts.items() if key in _ORDINARY_RESOURCES}
