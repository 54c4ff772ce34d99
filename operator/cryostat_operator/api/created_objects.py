"""The permissions for objects that the operator creates with content from the spec, such as an Ingress.

The operator may create these objects in every namespace. An author who may not create them must not decide on their
content through a Cryostat.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from . import backup_schedule
from .permission import Permission
from .unvalidated import Obj, mapping_of, value_at


class Resource(NamedTuple):
    """A resource whose objects the operator creates."""

    group: str
    name: str
    version: str = "v1"


DEPLOYMENTS = Resource("apps", "deployments")
INGRESSES = Resource("networking.k8s.io", "ingresses")
NETWORK_POLICIES = Resource("networking.k8s.io", "networkpolicies")
PERSISTENT_VOLUME_CLAIMS = Resource("", "persistentvolumeclaims")
PODS = Resource("", "pods")
SECRETS = Resource("", "secrets")
ROUTES = Resource("route.openshift.io", "routes")
SERVICES = Resource("", "services")
CRON_JOBS = Resource("batch", "cronjobs")

_SCHEDULING = ("schedulingOptions", "reportOptions.schedulingOptions")
_METADATA = ("annotations", "labels")
_SERVICES = ("coreConfig", "reportsConfig", "databaseConfig", "storageConfig", "agentGatewayConfig")
_CALLBACK = "serviceOptions.agentCallbackConfig"
_POLICIES = ("coreConfig", "reportsConfig", "databaseConfig", "storageConfig")
_POLICY_FIELDS = ("disabled", "ingressDisabled", "egressEnabled")
_CLAIMS = ("pvc", "database.pvc", "objectStorage.pvc")
# Sizes and the kind of storage. All other fields of a claim select existing volumes or copy existing data.
_HARMLESS_CLAIM_FIELDS = frozenset({"accessModes", "resources", "storageClassName", "volumeMode"})


@dataclass(frozen=True)
class ContentPermission(Permission):
    """The permission to create objects with content that the spec decides.

    Attributes:
        content: the field with its value. A change of the value is another permission.
    """

    content: str = ""


def content_permissions(obj: Obj, target_namespaces: Iterable[str], *, openshift: bool) -> Iterator[ContentPermission]:
    """Yield a permission for each field of the spec that decides on the content of created objects.

    Annotations and labels yield a permission for each key, so that a change of one is not a change of the others; those
    of the callback Services yield one permission for each target namespace.

    Args:
        obj: Cryostat in the shape of its v1beta2 JSON, with `metadata.namespace`.
        target_namespaces: where the callback Services are created.
        openshift: whether the application is exposed by a Route.
    """
    namespace = str(obj["metadata"].get("namespace") or "")
    for resource, path, value in _fields(mapping_of(obj.get("spec")), openshift):
        yield _permission(resource, namespace, path, _text(path, value))
    yield from _backup(obj["metadata"], namespace)
    callback = dict(_metadata(mapping_of(obj.get("spec")), _CALLBACK))
    content = _text(_CALLBACK, callback)
    for target in target_namespaces if callback else ():  # there can be a thousand of them
        yield _permission(SERVICES, target, _CALLBACK, content)


def _backup(metadata: Obj, namespace: str) -> Iterator[ContentPermission]:
    """Yield what the Job of a scheduled backup may do. A user who sets its target can read all that it reads."""
    given = backup_schedule.values(metadata)
    if not given:
        return
    cause = f"metadata.annotations[{next(iter(given))}]"
    content = json.dumps(given, sort_keys=True)
    for verb, (group, name, version), subresource in (
        ("create", CRON_JOBS, ""),
        ("create", PODS, "exec"),
        ("create", PODS, "portforward"),
        ("get", SECRETS, ""),
    ):
        yield ContentPermission(verb, group, name, namespace, "", version, subresource, cause=cause, content=content)


def _permission(resource: Resource, namespace: str, path: str, content: str) -> ContentPermission:
    group, name, version = resource
    cause = f"spec.{path}"
    return ContentPermission("create", group, name, namespace, version=version, cause=cause, content=content)


def _text(path: str, value: Any) -> str:
    return f"{path}={json.dumps(value, sort_keys=True, default=str)}"


def _fields(spec: Obj, openshift: bool) -> Iterator[tuple[Resource, str, Any]]:
    """Yield the resource, the path below the spec, and the value of each field that has one."""
    yield from _exposure(spec, ROUTES if openshift else INGRESSES)
    for name in _SERVICES:
        path = f"serviceOptions.{name}"
        kind = value_at(spec, f"{path}.serviceType")
        if kind not in (None, "", "ClusterIP"):
            yield SERVICES, f"{path}.serviceType", kind
        for field, value in _metadata(spec, path):
            yield SERVICES, field, value
    for name in _POLICIES:
        for key in _POLICY_FIELDS:
            if value_at(spec, path := f"networkPolicies.{name}.{key}"):
                yield NETWORK_POLICIES, path, True
    for resource, path in ((DEPLOYMENTS, "deploymentMetadata"), (PODS, "podMetadata")):
        for field, value in _metadata(spec, f"operandMetadata.{path}"):
            yield resource, field, value
    for path in _SCHEDULING:
        for field, value in _placement(spec, path):
            yield PODS, field, value
    yield from _claims(spec)


def _placement(spec: Obj, path: str) -> Iterator[tuple[str, Any]]:
    """Yield the scheduling options with an effect on reserved nodes, or on pods of others.

    Tolerations open nodes that have taints. A required anti-affinity keeps matching pods of all namespaces away from a
    node, or from a whole zone. All other scheduling options only select among the open nodes.
    """
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    for field in ("tolerations", f"affinity.podAntiAffinity.{required}"):
        entries = value_at(spec, f"{path}.{field}")
        for entry in entries if isinstance(entries, list) else ():
            yield f"{path}.{field}", entry


def _exposure(spec: Obj, resource: Resource) -> Iterator[tuple[Resource, str, Any]]:
    path = "networkOptions.coreConfig"
    if value := value_at(spec, f"{path}.ingressSpec"):
        yield INGRESSES, f"{path}.ingressSpec", value
    for field, text in _metadata(spec, path):
        yield resource, field, text


def _claims(spec: Obj) -> Iterator[tuple[Resource, str, Any]]:
    for name in _CLAIMS:
        path = f"storageOptions.{name}"
        for field, value in _metadata(spec, path):
            yield PERSISTENT_VOLUME_CLAIMS, field, value
        for key, value in mapping_of(value_at(spec, f"{path}.spec")).items():
            if key not in _HARMLESS_CLAIM_FIELDS and value not in (None, "", {}, []):
                yield PERSISTENT_VOLUME_CLAIMS, f"{path}.spec.{key}", value


def _metadata(spec: Obj, path: str) -> Iterator[tuple[str, Any]]:
    """Yield the path and the value of each annotation and label."""
    for name in _METADATA:
        for key, value in mapping_of(value_at(spec, f"{path}.{name}")).items():
            yield f"{path}.{name}[{key}]", value
