"""Finds the Secrets and ConfigMaps that a pod refers to."""

from __future__ import annotations

from collections.abc import Iterator

from .model.desired_state import Reference
from .model.kinds import Obj

# Kind, then the fields that refer to it: of a variable, of `envFrom`, of a volume.
_SOURCES = (
    ("Secret", "secretKeyRef", "secretRef", "secret"),
    ("ConfigMap", "configMapKeyRef", "configMapRef", "configMap"),
)


def pod_references(pod: Obj) -> set[Reference]:
    """Return all Secrets and ConfigMaps that a pod's spec refers to, each once, with the keys that must be in them.

    A reference is optional only if every use of it is; keys of optional uses need not exist.
    """
    found: dict[tuple[str, str], tuple[set[str], bool]] = {}
    for kind, name, keys, optional in _uses(pod):
        before, all_optional = found.get((kind, name), (set(), True))
        required = set() if optional else set(keys)
        found[kind, name] = (before | required, all_optional and optional)
    return {Reference(kind, name, frozenset(keys), optional) for (kind, name), (keys, optional) in found.items()}


def _uses(pod: Obj) -> Iterator[tuple[str, str, list[str], bool]]:
    """Each use of a Secret or ConfigMap: kind, name, keys, and whether it is optional."""
    containers = [*(pod.get("initContainers") or ()), *(pod.get("containers") or ())]
    variables = [e.get("valueFrom") or {} for c in containers for e in c.get("env") or ()]
    imports = [e for c in containers for e in c.get("envFrom") or ()]
    volumes = pod.get("volumes") or ()
    projected = [s for v in volumes for s in (v.get("projected") or {}).get("sources") or ()]
    for kind, key_ref, ref, source in _SOURCES:
        for use in (v[key_ref] for v in variables if key_ref in v):
            yield kind, use["name"], [use["key"]], bool(use.get("optional"))
        for use in (e[ref] for e in imports if ref in e):
            yield kind, use["name"], [], bool(use.get("optional"))
        for use in (v[source] for v in [*volumes, *projected] if source in v):
            name = use.get("secretName") or use.get("name")
            yield kind, name, [item["key"] for item in use.get("items") or ()], bool(use.get("optional"))
