"""Adds the agent to containers of a pod. The pod stays valid and keeps all settings of its author.

A pod that already has the agent is not changed. If the agent cannot be added, the result has the reason.
"""

from __future__ import annotations

import copy
import posixpath
from dataclasses import dataclass, replace

from .. import builders
from ..image_releases import too_new_agent
from ..instance import Instance
from ..model import names
from ..model.kinds import Obj
from . import environment
from .init_container import (
    AGENT_DIRECTORY,
    AGENT_JAR,
    AGENT_VOLUME,
    INIT_CONTAINER,
    VOLUME_SIZE,
    check_storage,
    init_container,
)
from .java_options import ContainerVariables
from .labels import AgentOptions, requested_options
from .pod_fields import NotInjectableError, PodContext, find_named, is_for_windows, put_named, select_containers
from .temporary_files import check_temporary_files

PORT_NAME = "cryostat-cb"  # of the first agent; names of ports are unique in a pod
# Annotation: names of volumes, separated by commas, that do not keep the cluster autoscaler from removing a node.
SAFE_TO_EVICT_VOLUMES = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"
MAX_ANNOTATIONS_SIZE = 256 * 1024  # bytes of all annotations of an object, the limit of the API server
WORLD_READABLE = 0o444
_TLS_VOLUME = "cryostat-agent-tls"
_TRIGGERS_VOLUME = "cryostat-agent-smart-triggers"
_MIRROR_POD = "kubernetes.io/config.mirror"
_READ_ONLY_VOLUMES = ("configMap", "secret", "projected", "downwardAPI", "image")


@dataclass(frozen=True)
class Result:
    """The pod with the agent, or None and the reason. `hints` are warnings for the author of the pod."""

    pod: Obj | None
    reason: str = ""
    hints: tuple[str, ...] = ()


def inject_agent(pod: Obj, instance: Instance, context: PodContext) -> Result:
    """Return a copy of the pod with the agent, configured for an instance."""
    parsed = requested_options(pod)
    if _MIRROR_POD in ((pod.get("metadata") or {}).get("annotations") or {}):
        return Result(None, "static pods of the kubelet cannot be changed")
    if parsed.options is None:
        return Result(None, "; ".join(parsed.errors), parsed.hints)
    try:
        mutator = PodMutator(copy.deepcopy(pod), instance, context, parsed.options)
        mutator.mutate()
    except NotInjectableError as error:
        return Result(None, str(error), parsed.hints)
    return Result(mutator.pod, hints=(*parsed.hints, *mutator.hints))


class PodMutator:
    """Adds the agent to one pod, in place."""

    def __init__(self, pod: Obj, instance: Instance, context: PodContext, options: AgentOptions) -> None:
        self.pod, self.instance, self.context, self.options = pod, instance, context, options
        self.spec: Obj = pod.get("spec") or {}
        selection = select_containers(pod, options.containers)
        self.containers = selection.containers
        self.hints: list[str] = [selection.hint] if selection.hint else []

    def mutate(self) -> None:
        """Add volumes, the init container, and to each selected container a port and the variables.

        Raises:
            NotInjectableError: the agent cannot be added; the pod is then changed in part and must not be used.
        """
        self._check()
        self._add_volumes()
        self._allow_eviction()
        self._add_init_container()
        for index, container in enumerate(self.containers):
            options = replace(self.options, callback_port=self.options.callback_port + index)
            self._add_port(container, f"{PORT_NAME}-{index + 1}" if index else PORT_NAME, options.callback_port)
            self._add_variables(container, options)
        self._add_instance_hints()

    def _check(self) -> None:
        if is_for_windows(self.spec):
            raise NotInjectableError("there is no agent for Windows")
        self.hints += filter(None, (check_storage(self.spec), *map(check_temporary_files, self.containers)))
        if self.instance.tls and not self.context.certificate:
            raise NotInjectableError(
                f"Secret {self._certificate} with the agents' certificate does not exist yet; "
                "create the pod again later"
            )

    @property
    def _certificate(self) -> str:
        return names.agent_certificate(self.instance.namespace, self.instance.name, self.context.namespace)

    def _add_variables(self, container: Obj, options: AgentOptions) -> None:
        agent = f"-javaagent:{AGENT_DIRECTORY}/{AGENT_JAR}={environment.LOG_LEVEL}={options.log_level}"
        name = str(container.get("name"))
        variables = ContainerVariables(container, self.context.keys)
        variables.add(environment.agent_variables(self.instance, self.context, options, name))
        variables.append_option(options.java_options_variable, agent)
        prefix = f'container "{name}": ' if len(self.containers) > 1 else ""
        self.hints += [f"{prefix}{hint}" for hint in variables.hints]

    def _add_instance_hints(self) -> None:
        self.hints += filter(None, (too_new_agent(self.instance),))
        agent_options = self.instance.spec.agent_options
        if self.context.ipv6 and not (agent_options and agent_options.disable_hostname_verification):
            self.hints.append(
                "agents up to 0.8 cannot register from an IPv6 address unless agentOptions.disableHostnameVerification "
                f"is true in Cryostat {self.instance.namespace}/{self.instance.name}"
            )

    # --- volumes ---

    def _add_volumes(self) -> None:
        self._add_volume({"name": AGENT_VOLUME, "emptyDir": {"sizeLimit": VOLUME_SIZE}}, AGENT_DIRECTORY)
        if self.options.smart_triggers:
            # Optional: the pod starts without a ConfigMap that does not exist.
            sources = [{"configMap": {"name": n, "optional": True}} for n in self.options.smart_triggers]
            projected = {"sources": sources, "defaultMode": self._file_mode()}
            self._add_volume({"name": _TRIGGERS_VOLUME, "projected": projected}, environment.TRIGGERS_DIRECTORY)
        if self.instance.tls:
            secret = {"secretName": self._certificate, "defaultMode": self._file_mode(), "optional": True}
            self._add_volume({"name": _TLS_VOLUME, "secret": secret}, environment.CERTIFICATE_DIRECTORY)

    def _file_mode(self) -> int:
        """Return the mode of mounted files, which are owned by root and the `fsGroup` of the pod.

        Without an `fsGroup` only the permission bits for others apply, so the files are world-readable. OpenShift
        always assigns an `fsGroup`.
        """
        has_group = self.instance.openshift or "fsGroup" in (self.spec.get("securityContext") or {})
        return builders.READ_ONLY_MODE if has_group else WORLD_READABLE

    def _add_volume(self, volume: Obj, path: str) -> None:
        name = volume["name"]
        found = find_named(self.spec, "volumes", name)
        if found is not None and set(found) != set(volume):
            raise NotInjectableError(f'the pod has a volume "{name}" of another kind; rename that volume')
        put_named(self.spec, "volumes", volume)
        for container in self.containers:
            self._add_mount(container.setdefault("volumeMounts", []), name, path)

    def _add_mount(self, mounts: list[Obj], name: str, path: str) -> None:
        at_path = [mount for mount in mounts if _normalized(mount["mountPath"]) == path]
        if any(mount.get("name") != name for mount in at_path):
            raise NotInjectableError(f"another volume is mounted at {path}; mount it at another path")
        if not at_path:
            self._check_mount_overlaps(path, mounts)
            mounts.append(builders.mount(name, path))

    def _check_mount_overlaps(self, path: str, mounts: list[Obj]) -> None:
        """Refuse a mount inside a read-only volume: its mount point cannot be created, so no container starts."""
        # A mapping, because a pod may have thousands of volumes and mounts.
        volumes = {volume.get("name"): volume for volume in self.spec["volumes"]}
        for mount in mounts:
            other = _normalized(mount["mountPath"])
            read_only = mount.get("readOnly") or _is_read_only(volumes.get(mount["name"], {}))
            if other.startswith(f"{path}/") or (read_only and path.startswith(f"{other.rstrip('/')}/")):
                shown = posixpath.normpath(mount["mountPath"])
                raise NotInjectableError(
                    f"another volume is mounted at {shown}, and the agent needs {path}; mount it at another path"
                )

    def _allow_eviction(self) -> None:
        """Append the volume with the agent's JAR to the volumes that do not keep the autoscaler from removing a node.

        Without this entry, the emptyDir volume keeps the cluster autoscaler from scaling down.
        """
        metadata = self.pod.setdefault("metadata", {})
        annotations = metadata.get("annotations") or {}
        present = str(annotations.get(SAFE_TO_EVICT_VOLUMES) or "")
        volumes = [volume.strip() for volume in present.split(",") if volume.strip()]
        if AGENT_VOLUME in volumes:
            return
        value = ",".join([*volumes, AGENT_VOLUME])
        changed = {**annotations, SAFE_TO_EVICT_VOLUMES: value}
        size = sum(len(str(key).encode()) + len(str(text).encode()) for key, text in changed.items())
        if size > MAX_ANNOTATIONS_SIZE:
            self.hints.append(
                f"no space is left for the annotation {SAFE_TO_EVICT_VOLUMES}, "
                "so the autoscaler keeps the node of the pod"
            )
            return
        metadata["annotations"] = changed

    # --- containers ---

    def _add_init_container(self) -> None:
        if find_named(self.spec, "containers", INIT_CONTAINER):
            raise NotInjectableError(
                f'the pod has a container "{INIT_CONTAINER}", as the init container of the agent is named; rename it'
            )
        put_named(self.spec, "initContainers", init_container(self.instance, self.spec, self.containers[0]))

    def _add_port(self, selected: Obj, name: str, port: int) -> None:
        """Declare the port of the agent, unless a container already declares it. Nothing depends on the declaration."""
        if self.spec.get("hostNetwork"):
            # The scheduler would not place two pods with the same declared port on one node.
            self.hints.append(f"the pod has hostNetwork, so the agent listens on port {port} of the node")
            return
        for container in self.spec["containers"]:
            for known in container.get("ports") or []:
                if known.get("name") == name and container is selected:
                    return
                if known.get("containerPort") == port and known.get("protocol", "TCP") == "TCP":
                    self.hints.append(
                        f'port {port} of container "{container.get("name")}" is also the port of the agent: '
                        "choose another one with the label cryostat.io/callback-port"
                    )
                    return
        selected.setdefault("ports", []).append({"name": name, "containerPort": port, "protocol": "TCP"})


def _normalized(path: str) -> str:
    """Return a normalized path. In most images `/var/run` is a link to `/run`, so both are the same directory."""
    normal = posixpath.normpath(path)
    return f"/var{normal}" if normal == "/run" or normal.startswith("/run/") else normal


def _is_read_only(volume: Obj) -> bool:
    """Whether no directory can be created in a volume: by its kind, or because its source is read-only."""
    return any(
        kind in _READ_ONLY_VOLUMES or (isinstance(source, dict) and source.get("readOnly") is True)
        for kind, source in volume.items()
    )
