"""The shapes that the Deployments and Services of all components share."""

from __future__ import annotations

from typing import Any

from ..api.v1beta2 import Affinity, ResourceMetadata, SchedulingConfiguration, ServiceConfig
from . import k8s
from .instance import Instance
from .plan import Obj

CORE = "cryostat"
# Two pods must never write to one volume, or to one database.
RECREATE: Obj = {"type": "Recreate"}


def pod_labels(i: Instance, component: str) -> dict[str, str]:
    """Labels that exactly the pods of one component carry; selectors are made of nothing else."""
    return {"app": i.name, "kind": "cryostat", "component": component}


def deployment_name(i: Instance, component: str) -> str:
    return i.name if component == CORE else f"{i.name}-{component}"


def deployment(i: Instance, component: str, spec: Obj) -> Obj:
    """Deployment of a component; `spec` gives replicas, strategy and, as `pod`, the spec of its pods."""
    name, selector = deployment_name(i, component), pod_labels(i, component)
    operand = i.spec.operand_metadata
    labels, annotations = _metadata(operand.deployment_metadata if operand else None)
    pod_user_labels, pod_annotations = _metadata(operand.pod_metadata if operand else None)
    labels |= selector | {"app.kubernetes.io/name": CORE if component == CORE else f"cryostat-{component}"}
    annotations["app.openshift.io/connects-to"] = "cryostat-operator-controller" if component == CORE else i.name
    template = {
        "metadata": {
            "name": name,
            "namespace": i.namespace,
            "labels": {**pod_user_labels, **selector},
            **({"annotations": pod_annotations} if pod_annotations else {}),
        },
        "spec": _without_empty_lists(spec["pod"]),
    }
    rest = {key: value for key, value in spec.items() if key != "pod"}
    obj = k8s.annotate(k8s.owned(i, "Deployment", name, labels), annotations)
    return obj | {"spec": {**rest, "selector": {"matchLabels": selector}, "template": template}}


def _without_empty_lists(pod: Obj) -> Obj:
    """The API server drops empty lists of containers; without them a plan reads like what it stores."""
    containers = [{key: value for key, value in c.items() if value != []} for c in pod["containers"]]
    return {**pod, "containers": containers}


def image(i: Instance, name: str) -> dict[str, str]:
    """Image and pull policy of a container."""
    chosen = i.image(name)
    return {"image": chosen.reference, "imagePullPolicy": chosen.pull_policy}


def service(i: Instance, name: str, component: str, config: ServiceConfig | None) -> Obj:
    """Head of a Service in the install namespace."""
    labels, annotations = _metadata(config)
    return k8s.annotate(k8s.owned(i, "Service", name, labels | service_labels(i, component)), annotations)


def service_labels(i: Instance, component: str) -> dict[str, str]:
    return {
        "app": i.name,
        "component": component,
        "app.kubernetes.io/name": "cryostat",
        "app.kubernetes.io/instance": i.name,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": "cryostat",
    }


def service_type(config: ServiceConfig | None) -> str:
    return (config.service_type if config else None) or "ClusterIP"


def scheduling(options: SchedulingConfiguration | None) -> dict[str, Any]:
    """The part of a pod's spec that says where it runs; empty where nothing is asked for."""
    if options is None:
        return {}
    wanted = {
        "nodeSelector": options.node_selector,
        "affinity": _affinity(options.affinity),
        "tolerations": options.tolerations,
    }
    return {key: value for key, value in wanted.items() if value}


def _affinity(given: Affinity | None) -> Obj:
    wanted = (
        {
            "nodeAffinity": given.node_affinity,
            "podAffinity": given.pod_affinity,
            "podAntiAffinity": given.pod_anti_affinity,
        }
        if given
        else {}
    )
    return {key: value for key, value in wanted.items() if value is not None}


def _metadata(given: ResourceMetadata | None) -> tuple[dict[str, str], dict[str, str]]:
    """Copies of a user's labels and annotations."""
    if given is None:
        return {}, {}
    return dict(given.labels or {}), dict(given.annotations or {})
