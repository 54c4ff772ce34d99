"""Reads and replaces parts of a pod: containers, volumes, the container to instrument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ..model.kinds import Obj

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
# Containers that other controllers add to pods, by the name that their injectors use.
KNOWN_SIDECARS = frozenset(
    {
        "aws-otel-collector", "cloud-sql-proxy", "cloudsql-proxy", "config-reloader", "consul-connect-envoy-sidecar",
        "consul-dataplane", "daprd", "datadog-agent", "envoy", "envoy-sidecar", "filebeat", "fluent-bit", "fluentd",
        "gke-gcsfuse-sidecar", "istio-proxy", "jaeger-agent", "kube-rbac-proxy", "kuma-sidecar", "linkerd-proxy",
        "oauth-proxy", "oauth2-proxy", "otc-container", "promtail", "queue-proxy", "vault-agent", "wait", "xray-daemon",
    }
)  # fmt: skip
_OS_LABELS = ("kubernetes.io/os", "beta.kubernetes.io/os")  # labels of nodes


class NotInjectableError(Exception):
    """The agent cannot be added to this pod."""


@dataclass(frozen=True)
class PodContext:
    """What must be known about the cluster to inject the agent into a pod.

    Attributes:
        namespace: the namespace of the pod.
        keys: keys of the ConfigMaps and Secrets in `envFrom`, by (kind, name); None for those that do not exist, no
            entry for those that could not be read.
        certificate: whether the Secret with the agents' certificate exists.
        ipv6: whether the primary address of pods is an IPv6 address.
        fips: whether the nodes of the cluster run in FIPS mode.
    """

    namespace: str
    keys: Mapping[tuple[str, str], frozenset[str] | None] = field(default_factory=dict)
    certificate: bool = True
    ipv6: bool = False
    fips: bool = False


class Selection(NamedTuple):
    """The containers to instrument, at least one, and a hint if it was guessed."""

    containers: tuple[Obj, ...]
    hint: str = ""


def select_containers(pod: Obj, names: Sequence[str] = ()) -> Selection:
    """Select the containers that get the agent.

    The first of these rules that applies decides: the containers that `cryostat.io/container` names, the one that the
    annotation `kubectl.kubernetes.io/default-container` names, the first one that is not a known sidecar.

    Args:
        pod: a pod or a pod template.
        names: the names in the label or annotation `cryostat.io/container`.

    Raises:
        NotInjectableError: there is no container, or none with one of the names.
    """
    containers: list[Obj] = (pod.get("spec") or {}).get("containers") or []
    if names:
        return Selection(tuple(_container(pod.get("spec") or {}, name) for name in names))
    if not containers:
        raise NotInjectableError("there is no container")
    annotated = ((pod.get("metadata") or {}).get("annotations") or {}).get(DEFAULT_CONTAINER)
    for container in containers:
        if annotated and container.get("name") == annotated:
            return Selection((container,))
    candidates = [each for each in containers if not _is_sidecar(each)] or containers
    if len(candidates) == 1:
        return Selection((candidates[0],))
    chosen = candidates[0]
    hint = (
        f'the agent is added to container "{chosen.get("name")}", the first of {len(candidates)}; '
        "choose another one with the label cryostat.io/container, or several with an annotation of this name"
    )
    return Selection((chosen,), hint)


def _container(spec: Obj, name: str) -> Obj:
    if container := find_named(spec, "containers", name):
        return container
    label = "which cryostat.io/container names"
    if find_named(spec, "initContainers", name):
        raise NotInjectableError(f'"{name[:63]}", {label}, is an init container; the agent is added to containers only')
    raise NotInjectableError(f'there is no container "{name[:63]}", {label}')


def _is_sidecar(container: Obj) -> bool:
    name = str(container.get("name"))
    return name in KNOWN_SIDECARS or name.startswith("sidecar-")  # Tekton gives its sidecars this prefix


def is_for_windows(spec: Obj) -> bool:
    """Return whether the pod can only run on Windows nodes."""
    nodes = spec.get("nodeSelector") or {}
    options = (spec.get("securityContext") or {}).get("windowsOptions")
    systems = [(spec.get("os") or {}).get("name"), *(nodes.get(key) for key in _OS_LABELS)]
    return bool(options) or "windows" in systems or _excludes_linux(spec)


def _excludes_linux(spec: Obj) -> bool:
    """Whether each term of the required node affinity excludes Linux nodes. One of the terms must hold."""
    nodes = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = nodes.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    terms = required.get("nodeSelectorTerms") or []
    return bool(terms) and all(any(map(_is_not_linux, term.get("matchExpressions") or [])) for term in terms)


def _is_not_linux(expression: Obj) -> bool:
    has_linux = "linux" in (expression.get("values") or [])
    excludes = {"In": not has_linux, "NotIn": has_linux, "DoesNotExist": True}
    return expression.get("key") in _OS_LABELS and excludes.get(str(expression.get("operator")), False)


def find_named(spec: Obj, kind: str, name: str) -> Obj | None:
    """Return the element of that name in a list of the spec, such as `volumes`."""
    return next((each for each in spec.get(kind) or [] if each.get("name") == name), None)


def put_named(spec: Obj, kind: str, element: Obj) -> None:
    """Replace the element of the same name in a list of the spec, or append it."""
    elements = list(spec.get(kind) or [])
    places = [index for index, each in enumerate(elements) if each.get("name") == element["name"]]
    if places:
        elements[places[0]] = element
    else:
        elements.append(element)
    spec[kind] = elements
