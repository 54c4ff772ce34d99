"""How a live object differs from the desired one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .. import claims, retention
from ..model.kinds import Obj
from ..model.managed_fields import operator_fields
from ..quantities import is_equal
from .server_defaults import is_default

_QUANTITIES = frozenset({"requests", "limits", "sizeLimit", "divisor"})
_UNCOMPARED = frozenset({"apiVersion", "kind", "metadata", "status", "data", "stringData"})


def differences(desired: Obj, live: Obj) -> list[str]:
    """Return the dotted paths at which a live object differs from the desired one.

    Defaults of the API server, and labels and annotations of other clients, are no differences.
    """
    compare = _COMPARISONS.get(desired["kind"], _fields)
    return [*_metadata(desired["metadata"], live, ()), *compare(desired, live)]


def at(obj: Any, path: str) -> Any:
    """Return the value at a dotted path, or None."""
    for step in path.split("."):
        obj = obj.get(step) if isinstance(obj, dict) else None
    return obj


# --- comparisons by kind ---


def _nothing(_desired: Obj, _live: Obj) -> list[str]:
    """ServiceAccounts: nothing is compared, because the cluster adds image pull secrets."""
    return []


def _owned_spec(desired: Obj, live: Obj) -> list[str]:
    """Issuers and Certificates: other controllers add fields, so only the fields that the operator writes count."""
    return _missing(desired["spec"], live.get("spec") or {}, "spec")


def _config_map(desired: Obj, live: Obj) -> list[str]:
    same = (desired.get("data") or {}) == (live.get("data") or {}) and not live.get("binaryData")
    return [*([] if same else ["data"]), *_fields(desired, live)]


def _claim(desired: Obj, live: Obj) -> list[str]:
    grown = claims.grown_spec(live["spec"], desired["spec"])
    return [] if grown == live["spec"] else ["spec.resources.requests.storage"]


def _deployment(desired: Obj, live: Obj) -> list[str]:
    template = at(desired, "spec.template.metadata") or {}
    found = list(_metadata(template, live, ("spec", "template")))
    return [*found, *_fields(_without_pod_metadata(desired), _without_pod_metadata(live))]


def _fields(desired: Obj, live: Obj) -> list[str]:
    """All other kinds: every field but metadata, status and data."""
    # A user may have set `immutable` on content that is as desired.
    uncompared = _UNCOMPARED if "immutable" in desired else {*_UNCOMPARED, "immutable"}
    fields, found = _Fields(desired["kind"]), []
    for name in sorted((set(desired) | set(live)) - uncompared):
        found += fields.differences(desired.get(name), live.get(name), name, name)
    return found


_COMPARISONS: Mapping[str, Callable[[Obj, Obj], list[str]]] = {
    "ServiceAccount": _nothing,
    "Issuer": _owned_spec,
    "Certificate": _owned_spec,
    "ConfigMap": _config_map,
    "PersistentVolumeClaim": _claim,
    "Deployment": _deployment,
}


class _Fields:
    """Compares the fields of objects of one kind.

    In each method, `pattern` is the path from the root of the object, with `[]` for entries of lists; it is used to
    look up defaults. Returned paths start with `name`, the last step of that path.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def differences(self, desired: Any, live: Any, name: str, pattern: str, parent: str = "") -> list[str]:
        """Return the paths that differ. Where both are equal, which is the usual case, nothing is computed."""
        if desired == live or (_is_empty(desired) and _is_empty(live)):
            return []
        if isinstance(desired, dict) and isinstance(live, dict | None):
            found = self._maps(desired, live or {}, name, pattern)
        elif isinstance(desired, list) and isinstance(live, list) and len(desired) == len(live):
            found = self._lists(desired, live, pattern, parent)
        elif name in _QUANTITIES or parent in _QUANTITIES:
            found = [] if _is_scalar(desired) and _is_scalar(live) and is_equal(desired, live) else [""]
        else:
            found = [] if desired is None and is_default(self._kind, pattern, live) else [""]
        return [name + path if path.startswith("[") or not path else f"{name}.{path}" for path in found]

    def _maps(self, desired: Mapping[str, Any], live: Mapping[str, Any], name: str, pattern: str) -> list[str]:
        found: list[str] = []
        for key, value in desired.items():
            found += self.differences(value, live.get(key), key, f"{pattern}.{key}", name)
        for key, value in live.items():
            if key not in desired and not _is_empty(value) and not is_default(self._kind, f"{pattern}.{key}", value):
                found.append(key)
        return found

    def _lists(self, desired: list[Any], live: list[Any], pattern: str, parent: str) -> list[str]:
        found: list[str] = []
        for index, (value, live_value) in enumerate(zip(desired, live, strict=True)):
            found += self.differences(value, live_value, f"[{index}]", f"{pattern}[]", parent)
        return found


def _metadata(desired: Obj, live: Obj, path: tuple[str, ...]) -> Iterator[str]:
    """Differences of labels, annotations and owner references of an object, or of the pod template at `path`."""
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
    is_released = not desired_owners and retention.without_cryostats(owners) != owners
    if is_released or any(reference not in owners for reference in desired_owners):
        yield f"{prefix}.ownerReferences"


def _without_pod_metadata(deployment: Obj) -> Obj:
    """A Deployment without the metadata of its pod template, which is compared as metadata."""
    template = at(deployment, "spec.template")
    if not isinstance(template, dict):
        return deployment
    template = {k: v for k, v in template.items() if k != "metadata"}
    return {**deployment, "spec": {**deployment["spec"], "template": template}}


def _missing(desired: Any, live: Any, path: str) -> list[str]:
    """Paths at which the live object lacks something desired; additional fields are no difference."""
    if isinstance(desired, dict):
        if not isinstance(live, dict):
            return [path]
        # Releases of cert-manager that do not know profiles drop them.
        known = {k: v for k, v in desired.items() if k in live or path != "spec.keystores.pkcs12" or k != "profile"}
        return [p for key, value in known.items() for p in _missing(value, live.get(key), f"{path}.{key}")]
    if isinstance(desired, list):
        return [] if isinstance(live, list) and sorted(desired) == sorted(live) else [path]
    return [] if desired == live else [path]


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _is_empty(value: Any) -> bool:
    return value is None or value in ({}, [], "")
