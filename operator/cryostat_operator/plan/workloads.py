"""The parts that Deployments and Services of all components have in common."""

from __future__ import annotations

from typing import Any, Protocol

from ..api import constants
from ..api.network_options import ResourceMetadata, ServiceConfig
from ..api.workload_options import Affinity, SchedulingConfiguration
from . import builders
from .instance import Instance
from .model.kinds import Obj

CORE = "cryostat"
# Two pods must never write to one volume, or to one database.
RECREATE: Obj = {"type": "Recreate"}
# `NotIn` also matches nodes without the label, such as simulated ones.
_NOT_WINDOWS: Obj = {"key": "kubernetes.io/os", "operator": "NotIn", "values": ["windows"]}
LINUX_NODES: Obj = {
    "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [_NOT_WINDOWS]}]}
}
"""The node affinity of a pod that must not run on Windows nodes: all images are for Linux."""


def pod_labels(instance: Instance, component: str) -> dict[str, str]:
    """Return the labels that only the pods of one component have; selectors consist of them."""
    return {"app": instance.name, "kind": "cryostat", "component": component}


def deployment_name(instance: Instance, component: str) -> str:
    """Return the name of a component's Deployment. That of the application has the name of the Cryostat."""
    return instance.name if component == CORE else f"{instance.name}-{component}"


def deployment(instance: Instance, component: str, spec: Obj) -> Obj:
    """Return the Deployment of a component.

    Args:
        spec: its replicas, its strategy and, as `pod`, the spec of its pods.
    """
    name, selector = deployment_name(instance, component), pod_labels(instance, component)
    operand = instance.spec.operand_metadata
    labels, annotations = _metadata(operand.deployment_metadata if operand else None)
    pod_user_labels, pod_annotations = _metadata(operand.pod_metadata if operand else None)
    labels |= selector | {"app.kubernetes.io/name": CORE if component == CORE else f"cryostat-{component}"}
    annotations["app.openshift.io/connects-to"] = constants.OPERATOR_DEPLOYMENT if component == CORE else instance.name
    template = {
        "metadata": {
            "name": name,
            "namespace": instance.namespace,
            "labels": {**pod_user_labels, **selector},
            **({"annotations": pod_annotations} if pod_annotations else {}),
        },
        "spec": _without_empty_lists(spec["pod"]),
    }
    rest = {key: value for key, value in spec.items() if key != "pod"}
    obj = builders.annotate(builders.owned(instance, "Deployment", name, labels), annotations)
    return obj | {"spec": {**rest, "selector": {"matchLabels": selector}, "template": template}}


def _without_empty_lists(pod: Obj) -> Obj:
    """Return the pod without empty lists in containers, which the API server drops."""
    containers = [{key: value for key, value in c.items() if value != []} for c in pod["containers"]]
    return {**pod, "containers": containers}


def image(instance: Instance, name: str) -> dict[str, str]:
    """Return image and pull policy of a container."""
    chosen = instance.image(name)
    return {"image": chosen.reference, "imagePullPolicy": chosen.pull_policy}


def service(
    instance: Instance, name: str, component: str, config: ServiceConfig | None, port: Obj, pods: str = ""
) -> Obj:
    """Return a Service in the install namespace.

    Args:
        component: value of its label.
        port: its only port.
        pods: the component with the pods that it selects, if that is another one.
    """
    labels, annotations = _metadata(config)
    obj = builders.owned(instance, "Service", name, labels | service_labels(instance, component))
    return builders.annotate(obj, annotations) | {
        "spec": {
            "type": service_type(config),
            "selector": pod_labels(instance, pods or component),
            "ports": [port],
        }
    }


def service_labels(instance: Instance, component: str) -> dict[str, str]:
    """Return the labels of the Service of a component. Selectors do not use them."""
    return {
        "app": instance.name,
        "component": component,
        "app.kubernetes.io/name": "cryostat",
        "app.kubernetes.io/instance": instance.name,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": "cryostat",
    }


def service_type(config: ServiceConfig | None) -> str:
    """Return the type of a Service according to the spec; `ClusterIP` by default."""
    return (config.service_type if config else None) or "ClusterIP"


class _HttpServiceConfig(Protocol):
    @property
    def http_port(self) -> int | None: ...


def service_port(config: _HttpServiceConfig | None, default: int) -> int:
    """Return the port of a Service: that of the spec, or else the default of the component."""
    return (config.http_port if config else None) or default


def has_variable(instance: Instance, name: str) -> bool:
    """Return whether a container of the application's live Deployment has an environment variable."""
    live = instance.live("Deployment", instance.name) or {}
    pod = ((live.get("spec") or {}).get("template") or {}).get("spec") or {}
    variables = (each for container in pod.get("containers") or () for each in container.get("env") or ())
    return any(each.get("name") == name for each in variables)


def scheduling(options: SchedulingConfiguration | None) -> dict[str, Any]:
    """Return the fields of a pod's spec that select nodes; empty if the spec sets none."""
    if options is None:
        return {}
    found = {
        "nodeSelector": options.node_selector,
        "affinity": _affinity(options.affinity),
        "tolerations": options.tolerations,
    }
    return {key: value for key, value in found.items() if value}


def _affinity(given: Affinity | None) -> Obj:
    found = (
        {
            "nodeAffinity": given.node_affinity,
            "podAffinity": given.pod_affinity,
            "podAntiAffinity": given.pod_anti_affinity,
        }
        if given
        else {}
    )
    return {key: value for key, value in found.items() if value is not None}


def _metadata(given: ResourceMetadata | None) -> tuple[dict[str, str], dict[str, str]]:
    """Return copies of the user's labels and annotations."""
    if given is None:
        return {}, {}
    return dict(given.labels or {}), dict(given.annotations or {})
