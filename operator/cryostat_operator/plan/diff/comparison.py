"""How a live object differs from the wished one, and the object that replaces it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...api import constants
from .. import retention
from ..model.kinds import Obj
from ..quantities import is_equal, is_less
from .managed_fields import ours

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
_ALLOCATED = frozenset(
    {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "nodePort", "healthCheckNodePort", "serviceAccount"}
    | {"ingressClassName", "loadBalancerClass", "loadBalancerIP"}
)
# What admission or a load balancer chooses for an object. A spec without these fields must not remove them.
_CHOSEN = {"Ingress": ("ingressClassName",), "Service": ("loadBalancerClass", "loadBalancerIP")}
_QUANTITIES = frozenset({"requests", "limits", "sizeLimit", "divisor"})
# Kinds of others, who add fields as they please: only what we write counts.
_SHARED = frozenset({"Issuer", "Certificate"})
_UNCOMPARED = frozenset({"apiVersion", "kind", "metadata", "status", "data", "stringData"})


def differences(wish: Obj, live: Obj) -> list[str]:
    """Dotted paths at which the live object is not as wished; what the server defaulted is no difference."""
    found = list(_metadata(wish["metadata"], live, ()))
    if wish["kind"] == "ServiceAccount":
        return found  # image pull secrets and the like belong to the cluster
    if wish["kind"] in _SHARED:
        return found + _unlike(wish["spec"], live.get("spec") or {}, "spec")
    if wish["kind"] == "ConfigMap":
        found += _data(wish, live)
    if wish["kind"] == "PersistentVolumeClaim":
        return found + _grown(wish, live)
    if wish["kind"] == "Deployment":
        template = at(wish, "spec.template.metadata") or {}
        found += _metadata(template, live, ("spec", "template"))
    # Somebody may have protected content that is as it should be.
    protected = {"immutable"} - set(wish)
    for name in sorted((set(wish) | set(live)) - _UNCOMPARED - protected):
        found += _unequal(_without_metadata(wish.get(name)), _without_metadata(live.get(name)), name)
    return found


def _without_metadata(spec: Any) -> Any:
    """A Deployment's spec without the metadata of its template, which is compared as metadata."""
    if isinstance(spec, dict) and isinstance(spec.get("template"), dict):
        return {**spec, "template": {k: v for k, v in spec["template"].items() if k != "metadata"}}
    return spec


def _metadata(wish: Obj, live: Obj, path: tuple[str, ...]) -> Iterator[str]:
    """Labels, annotations and owner of an object or of its pod template; what others added may stay."""
    prefix = ".".join((*path, "metadata"))
    have = at(live, prefix) or {}
    for field in ("labels", "annotations"):
        wanted, present = wish.get(field) or {}, have.get(field) or {}
        for key in sorted(k for k, v in wanted.items() if present.get(k) != v):
            yield f"{prefix}.{field}.{key}"
        for key in sorted(ours(live, path, field) & set(present) - set(wanted)):
            yield f"{prefix}.{field}.{key}"
    owners = have.get("ownerReferences") or []
    wanted_owners = wish.get("ownerReferences") or []
    strange = not wanted_owners and retention.without_cryostats(owners) != owners
    if strange or any(reference not in owners for reference in wanted_owners):
        yield f"{prefix}.ownerReferences"


def _data(wish: Obj, live: Obj) -> list[str]:
    same = (wish.get("data") or {}) == (live.get("data") or {}) and not live.get("binaryData")
    return [] if same else ["data"]


def _grown(wish: Obj, live: Obj) -> list[str]:
    """A claim is as wished once it is at least as large; the rest of it cannot be changed."""
    path = "spec.resources.requests.storage"
    wanted, have = at(wish, path), at(live, path)
    return [path] if wanted and have and is_less(have, wanted) else []


def _unlike(wish: Any, live: Any, path: str) -> list[str]:
    """Paths at which something that we write is not there; additions are welcome."""
    if isinstance(wish, dict):
        if not isinstance(live, dict):
            return [path]
        # Releases of cert-manager that do not know profiles drop them.
        known = {k: v for k, v in wish.items() if k in live or path != "spec.keystores.pkcs12" or k != "profile"}
        return [p for key, value in known.items() for p in _unlike(value, live.get(key), f"{path}.{key}")]
    if isinstance(wish, list):
        return [] if isinstance(live, list) and sorted(wish) == sorted(live) else [path]
    return [] if wish == live else [path]


def _with(wish: Obj, live: Obj) -> Obj:
    """The live spec with all that we write in it."""
    both = {
        k: _with(v, live[k]) if isinstance(v, dict) and isinstance(live.get(k), dict) else v for k, v in wish.items()
    }
    return {**live, **both}


def _unequal(wish: Any, live: Any, name: str, parent: str = "") -> list[str]:
    """Paths below `name` that differ, `name` included. Nothing is built where all is equal, which is nearly always."""
    if wish == live or (_empty(wish) and _empty(live)):
        return []
    if isinstance(wish, dict) and isinstance(live, dict | None):
        found = _unequal_maps(wish, live or {}, name)
    elif isinstance(wish, list) and isinstance(live, list) and len(wish) == len(live):
        found = [p for i, (a, b) in enumerate(zip(wish, live, strict=True)) for p in _unequal(a, b, f"[{i}]", parent)]
    elif name in _QUANTITIES or parent in _QUANTITIES:
        found = [] if _is_scalar(wish) and _is_scalar(live) and is_equal(wish, live) else [""]
    else:
        found = [] if wish is None and _defaulted(name, live) else [""]
    return [name + path if path.startswith("[") or not path else f"{name}.{path}" for path in found]


def _unequal_maps(wish: Mapping[str, Any], live: Mapping[str, Any], name: str) -> list[str]:
    found = [path for key, value in wish.items() for path in _unequal(value, live.get(key), key, name)]
    return found + [key for key, value in live.items() if key not in wish and not _defaulted(key, value)]


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _defaulted(name: str, value: Any) -> bool:
    return name in _ALLOCATED or _empty(value) or (name in _DEFAULTS and _DEFAULTS[name] == value)


def _empty(value: Any) -> bool:
    return value is None or value in ({}, [], "")


def at(obj: Any, path: str) -> Any:
    """What is found at a dotted path, or None."""
    for step in path.split("."):
        obj = obj.get(step) if isinstance(obj, dict) else None
    return obj


def merged(wish: Obj, live: Obj) -> Obj:
    """The object to replace the live one with: the wish, plus what others rightly keep in it."""
    if wish["kind"] == "PersistentVolumeClaim":
        return _merged_claim(wish, live)
    result = dict(wish)
    if wish["kind"] == "ServiceAccount":
        result = {**live, **wish}
    if wish["kind"] == "Certificate":
        result["spec"] = _with(wish["spec"], live.get("spec") or {})
    result["metadata"] = _merged_metadata(wish["metadata"], live, ())
    present = live.get("spec") or {}
    chosen = {name: present[name] for name in _CHOSEN.get(wish["kind"], ()) if name in present}
    if chosen:
        result["spec"] = {**chosen, **wish["spec"]}
    if wish["kind"] == "Deployment":
        template = dict(wish["spec"]["template"])
        template["metadata"] = _merged_metadata(template.get("metadata") or {}, live, ("spec", "template"))
        result["spec"] = {**wish["spec"], "template": template}
    return result


def _merged_metadata(wish: Obj, live: Obj, path: tuple[str, ...]) -> Obj:
    have = at(live, ".".join((*path, "metadata"))) or {}
    result = {**{k: v for k, v in have.items() if k != "managedFields"}, **wish}
    for field in ("labels", "annotations"):
        gone = ours(live, path, field)
        kept = {k: v for k, v in (have.get(field) or {}).items() if k not in gone}
        result[field] = {**kept, **(wish.get(field) or {})}
    if wish.get("ownerReferences"):
        others = [
            r for r in have.get("ownerReferences") or [] if not r.get("controller") and r.get("kind") != constants.KIND
        ]
        result["ownerReferences"] = [*wish["ownerReferences"], *others]
    elif have.get("ownerReferences"):
        result["ownerReferences"] = retention.without_cryostats(have["ownerReferences"])
    return result


def _merged_claim(wish: Obj, live: Obj) -> Obj:
    spec = {**live["spec"], "resources": {**(live["spec"].get("resources") or {})}}
    wanted = at(wish, "spec.resources.requests.storage")
    if _grown(wish, live):
        spec["resources"]["requests"] = {**(spec["resources"].get("requests") or {}), "storage": wanted}
    return {**wish, "metadata": _merged_metadata(wish["metadata"], live, ()), "spec": spec}
