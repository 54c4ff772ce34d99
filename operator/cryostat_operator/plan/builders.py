"""Builds the parts of objects that all components need: metadata, environment, mounts, probes, resources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import retention
from .instance import Instance
from .model.kinds import KINDS, Obj, key_of
from .quantities import is_less

READ_ONLY_MODE = 0o440
# For probes that start a program in a busy container; the application's own check may take more than a second.
EXEC_TIMEOUT_SECONDS = 5
# Seconds that a JVM may take to start: on a busy node, it takes more than a minute.
JVM_STARTUP_SECONDS = 180


def owned(instance: Instance, kind: str, name: str, labels: Mapping[str, str] | None = None) -> Obj:
    """Return an object in the install namespace, with ownership labels and owner reference, without a spec."""
    obj = labeled(instance, kind, name, instance.namespace, labels)
    if not (retention.is_requested(instance.annotations) and retention.holds_data(key_of(obj), instance.name)):
        obj["metadata"]["ownerReferences"] = [instance.owner_reference]
    return obj


def labeled(instance: Instance, kind: str, name: str, namespace: str, labels: Mapping[str, str] | None = None) -> Obj:
    """Return an object with ownership labels, without an owner reference and a spec.

    It is cluster-scoped or in another namespace, where the Cryostat cannot own it, or another object owns it.
    """
    metadata: Obj = {"name": name, "labels": {**(labels or {}), **instance.ownership_labels}}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": KINDS[kind].api_version, "kind": kind, "metadata": metadata}


def generated_secret(instance: Instance, name: str) -> Obj:
    """Return an owned Secret for generated values, without them.

    A Secret that was restored with another type keeps it: a change of the type would delete the Secret with its values.
    """
    live = instance.live("Secret", name) or {}
    return owned(instance, "Secret", name) | {"type": live.get("type") or "Opaque"}


def annotate(obj: Obj, annotations: Mapping[str, str] | None) -> Obj:
    """Add annotations to an object, and return it. Without annotations it gets no empty field."""
    if annotations:
        obj["metadata"].setdefault("annotations", {}).update(annotations)
    return obj


def env(name: str, value: str) -> Obj:
    return {"name": name, "value": value}


def bool_text(value: bool) -> str:
    """Return a boolean as programs expect it in a variable or argument."""
    return "true" if value else "false"


def escape_expansion(text: str) -> str:
    """Return a user's text for an environment variable or an argument, so that the kubelet does not expand `$(OTHER)`.

    Otherwise a bucket named `$(QUARKUS_DATASOURCE_PASSWORD)` would send a password to the server of the bucket. The
    kubelet reads `$$` as one `$`, so each has to be doubled: of `$$$(OTHER)`, it would expand the end.
    """
    return text.replace("$", "$$") if "$(" in text or "$$" in text else text


def env_secret(name: str, secret: str, key: str) -> Obj:
    """Return a variable with a value from a Secret. A container does not start while the key is missing."""
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key, "optional": False}}}


def mount(volume: str, path: str, *, read_only: bool = True, sub_path: str | None = None) -> Obj:
    """Return the mount of a volume.

    Args:
        sub_path: the file or folder of the volume to mount, in place of the whole volume.
    """
    result: Obj = {"name": volume, "mountPath": path}
    if read_only:
        result["readOnly"] = True
    if sub_path is not None:
        result["subPath"] = sub_path
    return result


def item(key: str, path: str | None = None) -> Obj:
    """Return a file of a Secret or ConfigMap volume that only owner and group can read."""
    return {"key": key, "path": path or key, "mode": READ_ONLY_MODE}


def http_get(path: str, port: int, scheme: str = "HTTP", **probe: int) -> Obj:
    """Return a probe that sends a GET request. `probe` contains its times and thresholds."""
    return {"httpGet": {"path": path, "port": port, "scheme": scheme.upper()}, **probe}


def exec_probe(*command: str, **probe: int) -> Obj:
    """Return a probe that runs a command in the container. `probe` contains its times and thresholds."""
    return {"exec": {"command": list(command)}, **probe}


def startup_probe(probe: Obj, seconds: int) -> Obj:
    """Return a probe that runs every second until it succeeds, so that a container is ready when its program is.

    Args:
        probe: the request or command.
        seconds: the kubelet restarts the container after this many failed attempts.
    """
    return {**probe, "periodSeconds": 1, "failureThreshold": seconds}


def container_security_context(given: Mapping[str, Any] | None) -> Obj:
    """Return the context of the spec, or one that the `restricted` Pod Security level allows."""
    if given is not None:
        return dict(given)
    return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def pod_security_context(instance: Instance, given: Mapping[str, Any] | None, *, fs_group: bool = True) -> Obj:
    """Return the context of the spec, or one that the `restricted` Pod Security level allows.

    Args:
        instance: the Cryostat.
        given: the context of the spec.
        fs_group: whether volumes are written, which needs an `fsGroup`; it is added to a context without one.
    """
    group = {"fsGroup": instance.fs_group} if fs_group else {}
    if given is not None:
        return {**group, **given}
    seccomp = {} if instance.openshift else {"seccompProfile": {"type": "RuntimeDefault"}}
    return {**group, "runAsNonRoot": True, **seccomp}


def resources(given: Mapping[str, Any] | None, requests: tuple[str, str], limits: tuple[str, str]) -> Obj:
    """Return the resource requirements of a container: those of the spec, completed by defaults.

    Default limits are added only if the spec has neither requests nor limits; empty ones count as none. A request
    of any resource above its limit is lowered to it, because the API server would refuse the pod.

    Args:
        given: the requirements of the spec.
        requests: default requests of CPU and memory.
        limits: default limits of CPU and memory.
    """
    given = given or {}
    has_own = given.get("requests") or given.get("limits")
    all_requests = {"cpu": requests[0], "memory": requests[1], **(given.get("requests") or {})}
    all_limits = dict(given.get("limits") or {}) if has_own else {"cpu": limits[0], "memory": limits[1]}
    for name, limit in all_limits.items():
        if name in all_requests and is_less(limit, all_requests[name]):
            all_requests[name] = limit
    other = {k: v for k, v in given.items() if k not in ("requests", "limits")}
    return {**other, "requests": all_requests, **({"limits": all_limits} if all_limits else {})}
