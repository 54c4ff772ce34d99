"""A pod with the agent in it: only what leaves the pod valid and its author's own settings in force.

A pod that has it already stays as it is. So does one that the agent does not fit into; then a reason is told.
"""

from __future__ import annotations

import copy
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .. import builders
from ..instance import Instance
from ..model import names
from ..model.kinds import Obj
from . import environment
from .labels import Options, ParsedLabels, read

INIT_CONTAINER = "cryostat-agent-init"
AGENT_DIRECTORY = "/tmp/cryostat-agent"  # noqa: S108 - inside the pod, a volume of its own
AGENT_JAR = "cryostat-agent-shaded.jar"
PORT_NAME = "cryostat-cb"
REQUESTS = ("10m", "32Mi")
LIMITS = ("20m", "64Mi")
_AGENT_VOLUME = "cryostat-agent-init"
_TLS_VOLUME = "cryostat-agent-tls"
_TRIGGERS_VOLUME = "cryostat-agent-smart-triggers"
_EVERYBODY = 0o444
_UNPRIVILEGED = 10001
_MIRROR = "kubernetes.io/config.mirror"
_SYSTEM = ("kubernetes.io/os", "beta.kubernetes.io/os")  # labels of nodes
_READ_ONLY_VOLUMES = ("configMap", "secret", "projected", "downwardAPI", "image")


@dataclass(frozen=True)
class PodContext:
    """The pod's surroundings.

    Attributes:
        namespace: of the pod.
        keys: keys of the ConfigMaps and Secrets that its variables come from, by (kind, name); None for those that do
            not exist, nothing for those that could not be read.
        certificate: whether the Secret with the agents' certificate is there.
        ipv6: whether pods have IPv6 addresses first.
    """

    namespace: str
    keys: Mapping[tuple[str, str], frozenset[str] | None] = field(default_factory=dict)
    certificate: bool = True
    ipv6: bool = False


@dataclass(frozen=True)
class Result:
    """The pod with the agent, or None and why not; `hints` are told in both cases."""

    pod: Obj | None
    reason: str = ""
    hints: tuple[str, ...] = ()


class NotInjectableError(Exception):
    """The agent does not fit into this pod."""


def wishes(pod: Obj) -> ParsedLabels:
    """What the labels and annotations of a pod ask for."""
    metadata = pod.get("metadata") or {}
    return read(metadata.get("labels") or {}, metadata.get("annotations") or {})


def inject_agent(pod: Obj, instance: Instance, where: PodContext) -> Result:
    """The pod with the agent of an instance in it; `pod` itself is not changed."""
    asked = wishes(pod)
    if _MIRROR in ((pod.get("metadata") or {}).get("annotations") or {}):
        return Result(None, "pods of the kubelet itself cannot be changed")
    if asked.options is None:
        return Result(None, "; ".join(asked.errors), asked.hints)
    try:
        patient = PodMutator(copy.deepcopy(pod), instance, where, asked.options)
        patient.mutate()
    except NotInjectableError as refusal:
        return Result(None, str(refusal), asked.hints)
    return Result(patient.pod, hints=(*asked.hints, *patient.hints))


def selected(pod: Obj, name: str | None) -> Obj:
    """The container that gets the agent: the named one, else the first.

    Raises:
        RefusedError: there is none of that name.
    """
    containers: list[Obj] = (pod.get("spec") or {}).get("containers") or []
    for container in containers:
        if name in (None, container.get("name")):
            return container
    raise NotInjectableError(f'there is no container "{name}"')


class PodMutator:
    """One pod under treatment."""

    def __init__(self, pod: Obj, instance: Instance, where: PodContext, options: Options) -> None:
        self.pod, self.instance, self.where, self.options = pod, instance, where, options
        self.spec: Obj = pod["spec"]
        self.container = selected(pod, options.container)
        self.hints: list[str] = []

    def mutate(self) -> None:
        if _for_windows(self.spec):
            raise NotInjectableError("there is no agent for Windows")
        if self.instance.tls and not self.where.certificate:
            secret = names.agent_certificate(self.instance.namespace, self.instance.name, self.where.namespace)
            raise NotInjectableError(f"Secret {secret} with the agents' certificate is not there yet")
        self._volumes()
        self._init_container()
        self._port()
        wanted = environment.wanted(self.instance, self.where.namespace, self.options, ipv6=self.where.ipv6)
        agent = f"-javaagent:{AGENT_DIRECTORY}/{AGENT_JAR}={environment.LOG_LEVEL}={self.options.log_level}"
        variables = environment.Variables(self.container, self.where.keys)
        variables.add(wanted)
        variables.append_option(self.options.java_options_variable, agent)
        if variables.problem:
            raise NotInjectableError(variables.problem)
        self.hints += variables.hints

    # --- volumes ---

    def _volumes(self) -> None:
        self._volume({"name": _AGENT_VOLUME, "emptyDir": {"sizeLimit": "50Mi"}}, AGENT_DIRECTORY)
        if self.options.smart_triggers:
            # A missing ConfigMap must not hold up the pod.
            sources = [{"configMap": {"name": n, "optional": True}} for n in self.options.smart_triggers]
            projected = {"sources": sources, "defaultMode": self._mode()}
            self._volume({"name": _TRIGGERS_VOLUME, "projected": projected}, environment.TRIGGERS_DIRECTORY)
        if self.instance.tls:
            name = names.agent_certificate(self.instance.namespace, self.instance.name, self.where.namespace)
            secret = {"secretName": name, "defaultMode": self._mode(), "optional": True}
            self._volume({"name": _TLS_VOLUME, "secret": secret}, environment.CERTIFICATE_DIRECTORY)

    def _mode(self) -> int:
        """Files belong to root and the pod's group: without a group, only everybody is somebody."""
        grouped = self.instance.openshift or "fsGroup" in (self.spec.get("securityContext") or {})
        return builders.READ_ONLY_MODE if grouped else _EVERYBODY

    def _volume(self, volume: Obj, path: str) -> None:
        name = volume["name"]
        found = _named(self.spec, "volumes", name)
        if found is not None and set(found) != set(volume):
            raise NotInjectableError(f'it has a volume "{name}" of another kind')
        _put(self.spec, "volumes", volume)
        mounts = self.container.setdefault("volumeMounts", [])
        at_path = [mount for mount in mounts if posixpath.normpath(mount["mountPath"]) == path]
        if any(mount.get("name") != name for mount in at_path):
            raise NotInjectableError(f"something else is mounted at {path}")
        if not at_path:
            self._check_neighbours(path, mounts)
            mounts.append(builders.mount(name, path))

    def _check_neighbours(self, path: str, mounts: list[Obj]) -> None:
        """No container starts with a mount point inside a volume that is read-only, because it cannot be made."""
        for mount in mounts:
            other = posixpath.normpath(mount["mountPath"])
            volume = _named(self.spec, "volumes", mount["name"]) or {}
            read_only = mount.get("readOnly") or any(kind in volume for kind in _READ_ONLY_VOLUMES)
            if other.startswith(f"{path}/") or (read_only and path.startswith(f"{other.rstrip('/')}/")):
                raise NotInjectableError(f"something else is mounted at {other}, and the agent needs {path}")

    # --- containers ---

    def _init_container(self) -> None:
        if _named(self.spec, "containers", INIT_CONTAINER):
            raise NotInjectableError(f'it has a container "{INIT_CONTAINER}"')
        image = self.instance.image("agent-init")
        init = {
            "name": INIT_CONTAINER,
            "image": image.reference,
            "imagePullPolicy": image.pull_policy,
            "command": ["cp", "-v", f"/cryostat/agent/{AGENT_JAR}", f"{AGENT_DIRECTORY}/{AGENT_JAR}"],
            "volumeMounts": [builders.mount(_AGENT_VOLUME, AGENT_DIRECTORY, read_only=False)],
            "securityContext": self._security_context(),
        }
        if resources := self._resources():
            init["resources"] = resources
        _put(self.spec, "initContainers", init)

    def _security_context(self) -> Obj:
        """Fits the `restricted` level, and a pod that runs as root: that would contradict `runAsNonRoot`."""
        pod = self.spec.get("securityContext") or {}
        context: Obj = {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
        }
        if pod.get("runAsUser") == 0:
            context["runAsUser"] = _UNPRIVILEGED
        if not self.instance.openshift and "seccompProfile" not in pod:
            context["seccompProfile"] = {"type": "RuntimeDefault"}
        return context

    def _resources(self) -> Obj:
        """Those of the instrumented container, where the instance does not say otherwise.

        They are within the limits of the namespace, add nothing to what the pod asks for, and leave its class of
        service as it is; but a pod that asks for nothing asks for a little then.
        """
        agent = self.instance.spec.agent_options
        if self.spec.get("resources"):
            return {}  # those of the whole pod, which no container may exceed
        if agent and agent.resources:
            return builders.resources(agent.resources, REQUESTS, LIMITS)
        given = self.container.get("resources") or {}
        kept = {kind: _plain(given.get(kind) or {}) for kind in ("requests", "limits")}
        found = {kind: amounts for kind, amounts in kept.items() if amounts}
        return found or builders.resources(None, REQUESTS, LIMITS)

    def _port(self) -> None:
        """Tells what the agent listens on; nothing depends on it, so it gives way to what is there."""
        port = self.options.callback_port
        if self.spec.get("hostNetwork"):
            # Told here, it would keep every other such pod off the node.
            self.hints.append(f"on the network of the node the agent listens on port {port} of the node")
            return
        for container in self.spec["containers"]:
            for known in container.get("ports") or []:
                if known.get("name") == PORT_NAME and container is self.container:
                    return
                if known.get("containerPort") == port and known.get("protocol", "TCP") == "TCP":
                    self.hints.append(
                        f'port {port} of container "{container.get("name")}" is wanted by the agent, too: '
                        "choose another one with the label cryostat.io/callback-port"
                    )
                    return
        self.container.setdefault("ports", []).append({"name": PORT_NAME, "containerPort": port, "protocol": "TCP"})


def _for_windows(spec: Obj) -> bool:
    nodes = spec.get("nodeSelector") or {}
    options = (spec.get("securityContext") or {}).get("windowsOptions")
    return bool(options) or "windows" in [(spec.get("os") or {}).get("name"), *(nodes.get(key) for key in _SYSTEM)]


def _plain(amounts: Mapping[str, object]) -> Obj:
    """No devices and no huge pages: an init container would hold them for a moment, for nothing."""
    return {key: value for key, value in amounts.items() if re.fullmatch("cpu|memory|ephemeral-storage", key)}


def _named(spec: Obj, kind: str, name: str) -> Obj | None:
    return next((each for each in spec.get(kind) or [] if each.get("name") == name), None)


def _put(spec: Obj, kind: str, wanted: Obj) -> None:
    """Replaces the element of that name, or appends it."""
    elements = list(spec.get(kind) or [])
    places = [index for index, each in enumerate(elements) if each.get("name") == wanted["name"]]
    if places:
        elements[places[0]] = wanted
    else:
        elements.append(wanted)
    spec[kind] = elements
