"""How a live object differs from the desired one, and the object that replaces it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...api import constants
from .. import retention
from ..model.kinds import Obj
from ..quantities import is_equal, is_less
from .managed_fields import operator_fields

# What the API server adds where a field is left out, by field name; None means that any value is the server's business.
_DEFAULTS: Mapping[str, Any] = {
    "protocol": "TCP",
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "periodSeconds": 10,
    "successThreshold": 1,
    "timeoutSeconds": 1,
    "failureThreshold": 3,
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "progressDeadlineSeconds": 600,
    "revisionHistoryLimit": 10,
    "defaultMode": 0o644,
    "apiVersion": "v1",  # of a fieldRef
    "scheme": "HTTP",
    "sessionAffinity": "None",
    "internalTrafficPolicy": "Cluster",
    "externalTrafficPolicy": "Cluster",
    "allocateLoadBalancerNodePorts": True,
    "wildcardPolicy": "None",
    "weight": 100,
    "type": "Opaque",
    "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
}
SERVER_ALLOCATED = frozenset(
    {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "nodePort", "healthCheckNodePort", "serviceAccount"}
    | {"ingressClassName", "loadBalancerClass", "loadBalancerIP"}
)
# What admission or a load balancer chooses for an object. A spec without these fields must not remove them.
ADMISSION_CHOSEN = {"Ingress": ("ingressClassName",), "Service": ("loadBalancerClass", "loadBalancerIP")}
_QUANTITIES = frozenset({"requests", "limits", "sizeLimit", "divisor"})
# Kinds of others, who add fields as they please: only what we write counts.
SHARED_KINDS = frozenset({"Issuer", "Certificate"})
_UNCOMPARED = frozenset({"apiVersion", "kind", "metadata", "status", "data", "stringData"})


def differences(desired: Obj, live: Obj) -> list[str]:
    """Return the dotted paths at which the live object differs from the desired one, without its defaults."""
    found = list(_metadata(desired["metadata"], live, ()))
    if desired["kind"] == "ServiceAccount":
        return found  # image pull secrets and the like belong to the cluster
    if desired["kind"] in SHARED_KINDS:
        return found + _owned_differences(desired["spec"], live.get("spec") or {}, "spec")
    if desired["kind"] == "ConfigMap":
        found += _data(desired, live)
    if desired["kind"] == "PersistentVolumeClaim":
        return found + _grown(desired, live)
    if desired["kind"] == "Deployment":
        template = at(desired, "spec.template.metadata") or {}
        found += _metadata(template, live, ("spec", "template"))
    # Somebody may have protected content that is as it should be.
    protected = {"immutable"} - set(desired)
    for name in sorted((set(desired) | set(live)) - _UNCOMPARED - protected):
        found += _paths(_without_metadata(desired.get(name)), _without_metadata(live.get(name)), name)
    return found


def _without_metadata(spec: Any) -> Any:
    """A Deployment's spec without the metadata of its template, which is compared as metadata."""
    if isinstance(spec, dict) and isinstance(spec.get("template"), dict):
        return {**spec, "template": {k: v for k, v in spec["template"].items() if k != "metadata"}}
    return spec


def _metadata(desired: Obj, live: Obj, path: tuple[str, ...]) -> Iterator[str]:
    """Labels, annotations and owner of an object or of its pod template; what others added may stay."""
    prefix = ".".join((*path, "metadata"))
    have = at(live, prefix) or {}
    for field in ("labels", "annotations"):
        requested, present = desired.get(field) or {}, have.get(field) or {}
        for key in sorted(k for k, v in requested.items() if present.get(k) != v):
            yield f"{prefix}.{field}.{key}"
        for key in sorted(operator_fields(live, path, field) & set(present) - set(requested)):
            yield f"{prefix}.{field}.{key}"
    owners = have.get("ownerReferences") or []
    desired_owners = desired.get("ownerReferences") or []
    is_foreign = not desired_owners and retention.without_cryostats(owners) != owners
    if is_foreign or any(reference not in owners for reference in desired_owners):
        yield f"{prefix}.ownerReferences"


def _data(desired: Obj, live: Obj) -> list[str]:
    same = (desired.get("data") or {}) == (live.get("data") or {}) and not live.get("binaryData")
    return [] if same else ["data"]


def _grown(desired: Obj, live: Obj) -> list[str]:
    """A claim is as desired once it is at least as large; the rest of it cannot be changed."""
    path = "spec.resources.requests.storage"
    requested, have = at(desired, path), at(live, path)
    return [path] if requested and have and is_less(have, requested) else []


def _owned_differences(desired: Any, live: Any, path: str) -> list[str]:
    """Paths at which something that we write is not there; additions are welcome."""
    if isinstance(desired, dict):
        if not isinstance(live, dict):
            return [path]
        # Releases of cert-manager that do not know profiles drop them.
        known = {k: v for k, v in desired.items() if k in live or path != "spec.keystores.pkcs12" or k != "profile"}
        return [p for key, value in known.items() for p in _owned_differences(value, live.get(key), f"{path}.{key}")]
    if isinstance(desired, list):
        return [] if isinstance(live, list) and sorted(desired) == sorted(live) else [path]
    return [] if desired == live else [path]


def _overlay(desired: Obj, live: Obj) -> Obj:
    """The live spec with all that we write in it."""
    both = {
        k: _overlay(v, live[k]) if isinstance(v, dict) and isinstance(live.get(k), dict) else v
        for k, v in desired.items()
    }
    return {**live, **both}


def _paths(desired: Any, live: Any, name: str, parent: str = "") -> list[str]:
    """Paths below `name` that differ, `name` included. Nothing is built where all is equal, which is nearly always."""
    if desired == live or (_empty(desired) and _empty(live)):
        return []
    if isinstance(desired, dict) and isinstance(live, dict | None):
        found = _map_paths(desired, live or {}, name)
    elif isinstance(desired, list) and isinstance(live, list) and len(desired) == len(live):
        found = [p for i, (a, b) in enumerate(zip(desired, live, strict=True)) for p in _paths(a, b, f"[{i}]", parent)]
    elif name in _QUANTITIES or parent in _QUANTITIES:
        found = [] if _is_scalar(desired) and _is_scalar(live) and is_equal(desired, live) else [""]
    else:
        found = [] if desired is None and _defaulted(name, live) else [""]
    return [name + path if path.startswith("[") or not path else f"{name}.{path}" for path in found]


def _map_paths(desired: Mapping[str, Any], live: Mapping[str, Any], name: str) -> list[str]:
    found = [path for key, value in desired.items() for path in _paths(value, live.get(key), key, name)]
    return found + [key for key, value in live.items() if key not in desired and not _defaulted(key, value)]


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _defaulted(name: str, value: Any) -> bool:
    return name in SERVER_ALLOCATED or _empty(value) or (name in _DEFAULTS and _DEFAULTS[name] == value)


def _empty(value: Any) -> bool:
    return value is None or value in ({}, [], "")


def at(obj: Any, path: str) -> Any:
    """What is found at a dotted path, or None."""
    for step in path.split("."):
        obj = obj.get(step) if isinstance(obj, dict) else None
    return obj


def merge(desired: Obj, live: Obj) -> Obj:
    """The object to replace the live one with: the desired one, plus the fields of other clients."""
    if desired["kind"] == "PersistentVolumeClaim":
        return _merged_claim(desired, live)
    result = dict(desired)
    if desired["kind"] == "ServiceAccount":
        result = {**live, **desired}
    if desired["kind"] == "Certificate":
        result["spec"] = _overlay(desired["spec"], live.get("spec") or {})
    result["metadata"] = _merged_metadata(desired["metadata"], live, ())
    present = live.get("spec") or {}
    chosen = {name: present[name] for name in ADMISSION_CHOSEN.get(desired["kind"], ()) if name in present}
    if chosen:
        result["spec"] = {**chosen, **desired["spec"]}
    if desired["kind"] == "Deployment":
        template = dict(desired["spec"]["template"])
        template["metadata"] = _merged_metadata(template.get("metadata") or {}, live, ("spec", "template"))
        result["spec"] = {**desired["spec"], "template": template}
    return result


def _merged_metadata(desired: Obj, live: Obj, path: tuple[str, ...]) -> Obj:
    have = at(live, ".".join((*path, "metadata"))) or {}
    result = {**{k: v for k, v in have.items() if k != "managedFields"}, **desired}
    for field in ("labels", "annotations"):
        removed = operator_fields(live, path, field)
        kept = {k: v for k, v in (have.get(field) or {}).items() if k not in removed}
        result[field] = {**kept, **(desired.get(field) or {})}
    if desired.get("ownerReferences"):
        others = [
            r for r in have.get("ownerReferences") or [] if not r.get("controller") and r.get("kind") != constants.KIND
        ]
        result["ownerReferences"] = [*desired["ownerReferences"], *others]
    elif have.get("ownerReferences"):
        result["ownerReferences"] = retention.without_cryostats(have["ownerReferences"])
    return result


def _merged_claim(desired: Obj, live: Obj) -> Obj:
    spec = {**live["spec"], "resources": {**(live["spec"].get("resources") or {})}}
    requested = at(desired, "spec.resources.requests.storage")
    if _grown(desired, live):
        spec["resources"]["requests"] = {**(spec["resources"].get("requests") or {}), "storage": requested}
    return {**desired, "metadata": _merged_metadata(desired["metadata"], live, ()), "spec": spec}
