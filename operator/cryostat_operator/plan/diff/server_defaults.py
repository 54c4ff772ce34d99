"""Values that the API server sets in fields which an object leaves out, by kind and path.

Source: the defaulting functions of Kubernetes (`pkg/apis/*/v1/defaults.go`) and of OpenShift Routes. Paths are dotted;
`[]` stands for any entry of a list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_PROBE = {
    "periodSeconds": 10,
    "successThreshold": 1,
    "timeoutSeconds": 1,
    "failureThreshold": 3,
    "httpGet.scheme": "HTTP",
}
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_CONTAINER = {
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "ports[].protocol": "TCP",
    "env[].valueFrom.fieldRef.apiVersion": "v1",
    **{f"{probe}.{path}": value for probe in _PROBES for path, value in _PROBE.items()},
}
_POD = {
    "dnsPolicy": "ClusterFirst",
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "terminationGracePeriodSeconds": 30,
    "volumes[].secret.defaultMode": 0o644,
    "volumes[].configMap.defaultMode": 0o644,
    "volumes[].projected.defaultMode": 0o644,
    **{f"{field}[].{path}": value for field in ("initContainers", "containers") for path, value in _CONTAINER.items()},
}
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "Deployment": {
        "spec.progressDeadlineSeconds": 600,
        "spec.revisionHistoryLimit": 10,
        "spec.strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
        **{f"spec.template.spec.{path}": value for path, value in _POD.items()},
    },
    "CronJob": {f"spec.jobTemplate.spec.template.spec.{path}": value for path, value in _POD.items()},
    "Service": {
        "spec.ports[].protocol": "TCP",
    },
    "NetworkPolicy": {"spec.ingress[].ports[].protocol": "TCP", "spec.egress[].ports[].protocol": "TCP"},
    "Route": {"spec.wildcardPolicy": "None", "spec.to.weight": 100},
    "Secret": {"type": "Opaque"},
}
"""Default value by kind and path."""

_EXTERNAL = ("NodePort", "LoadBalancer")
_ANY_TYPE = ("ClusterIP", *_EXTERNAL)
SERVICE_TRAFFIC: Mapping[str, tuple[str, ...]] = {
    "sessionAffinity": _ANY_TYPE,
    "sessionAffinityConfig": _ANY_TYPE,
    "internalTrafficPolicy": _ANY_TYPE,
    "trafficDistribution": _ANY_TYPE,
    "externalTrafficPolicy": _EXTERNAL,
    "allocateLoadBalancerNodePorts": ("LoadBalancer",),
    "loadBalancerSourceRanges": ("LoadBalancer",),
}
"""Fields of a Service that only administrators set, each with the types of Services that have the field.

A Cryostat has no such fields. The Go operator keeps them, too.
"""

SERVER_ALLOCATED: Mapping[str, frozenset[str]] = {
    "Service": frozenset(
        {
            "spec.clusterIP",
            "spec.clusterIPs",
            "spec.ipFamilies",
            "spec.ipFamilyPolicy",
            "spec.healthCheckNodePort",
            "spec.ports[].nodePort",
            "spec.loadBalancerClass",
            "spec.loadBalancerIP",
            *(f"spec.{name}" for name in SERVICE_TRAFFIC),
        }
    ),
    "Ingress": frozenset({"spec.ingressClassName"}),
    # A former name of serviceAccountName, which the API server keeps equal.
    "Deployment": frozenset({"spec.template.spec.serviceAccount"}),
    "CronJob": frozenset({"spec.jobTemplate.spec.template.spec.serviceAccount"}),
}
"""Fields whose value the API server, admission, a load balancer or an administrator chooses if an object has none."""

ADMISSION_CHOSEN: Mapping[str, Iterable[str]] = {
    "Ingress": ("ingressClassName",),
    "Service": ("loadBalancerClass", "loadBalancerIP"),
}
"""Fields of the spec that are chosen once, and that an update without them would remove."""


def is_default(kind: str, path: str, value: Any) -> bool:
    """Return whether a value may have been set by the API server because the object left the field out.

    Args:
        kind: of the object.
        path: of the field, with `[]` for entries of lists.
        value: the live value.
    """
    if path in SERVER_ALLOCATED.get(kind, ()):
        return True
    defaults = DEFAULTS.get(kind, {})
    return path in defaults and bool(defaults[path] == value)
