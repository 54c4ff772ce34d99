"""Warnings about a Cryostat that can be stored but will hardly do what its author means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

Obj = Mapping[str, Any]

# Values of Kubernetes' own types. The schema leaves them open, because a later Kubernetes may know more of them.
_KNOWN: Mapping[str, tuple[str, ...]] = {
    "accessModes": ("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"),
    "volumeMode": ("Filesystem", "Block"),
    "pathType": ("Exact", "Prefix", "ImplementationSpecific"),
    "effect": ("NoSchedule", "PreferNoSchedule", "NoExecute"),
    "fsGroupChangePolicy": ("OnRootMismatch", "Always"),
    "procMount": ("Default", "Unmasked"),
}
_KNOWN_BELOW: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("seccompProfile", "type"): ("RuntimeDefault", "Unconfined", "Localhost"),
    ("appArmorProfile", "type"): ("RuntimeDefault", "Unconfined", "Localhost"),
    ("tolerations", "operator"): ("Exists", "Equal"),
    ("matchExpressions", "operator"): ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"),
}
_FREE = frozenset({"annotations", "labels", "nodeSelector", "matchLabels", "limits", "requests"})  # the user's own keys
_FILES = ("automatedRules", "eventTemplates", "probeTemplates")


def advice(obj: Obj) -> list[str]:
    """Warnings in the order of the spec, at most one a subject.

    Args:
        obj: a Cryostat in the shape of its v1beta2 JSON.
    """
    spec = obj.get("spec")
    if not isinstance(spec, Mapping):
        return []
    return [*_duplicates(spec), *_deprecated(spec), *_unknown_values(spec, "spec", "")]


def suggestion(value: str, known: Iterable[str]) -> str:
    """What is known instead of `value`: the nearest one, or all of them, as the end of a sentence."""
    choices = list(known)
    by_letters = {choice.lower(): choice for choice in choices}
    near = get_close_matches(value.lower(), by_letters, n=1, cutoff=0.6)
    return f"did you mean {by_letters[near[0]]}?" if near else f"known values are {', '.join(choices)}"


def _duplicates(spec: Obj) -> Iterator[str]:
    yield from _twice("targetNamespaces", _items(spec, "targetNamespaces"))
    for field in _FILES:
        yield from _twice(field, (f"{e.get('configMapName')}/{e.get('filename')}" for e in _objects(spec, field)))
    yield from _twice("declarativeCredentials", (e.get("secretName") for e in _objects(spec, "declarativeCredentials")))
    certificates = (
        "/".join(str(e.get(key) or "") for key in ("secretName", "configMapName", "certificateKey")).strip("/")
        for e in _objects(spec, "trustedCertSecrets")
    )
    yield from _twice("trustedCertSecrets", certificates)


def _twice(field: str, values: Iterable[Any]) -> Iterator[str]:
    for value, count in Counter(map(str, values)).items():
        if count > 1:
            yield f"spec.{field}: {value} is given {count} times; once is enough"


def _deprecated(spec: Obj) -> Iterator[str]:
    storage = _object(spec, "storageOptions")
    for field in ("pvc", "emptyDir"):
        if field in storage:
            yield (
                f"spec.storageOptions.{field} is deprecated: use spec.storageOptions.database.{field} and "
                f"spec.storageOptions.objectStorage.{field}"
            )
    for component, policies in _object(spec, "networkPolicies").items():
        if isinstance(policies, Mapping) and "disabled" in policies:
            path = f"spec.networkPolicies.{component}"
            yield f"{path}.disabled is deprecated: use {path}.ingressDisabled"


def _unknown_values(node: Any, path: str, parent: str) -> Iterator[str]:
    """Texts that look like one of a few known values and are none."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _unknown_values(item, f"{path}[{index}]", parent)
    if not isinstance(node, Mapping):
        return
    for key, value in node.items():
        if key in _FREE:
            continue
        known = _KNOWN_BELOW.get((parent, key)) or _KNOWN.get(key)
        values = value if isinstance(value, list) else [value]
        if known:
            for each in values:
                if isinstance(each, str) and each and each not in known:
                    yield f"{path}.{key}: {each} is not known to Kubernetes; {suggestion(each, known)}"
        else:
            yield from _unknown_values(value, f"{path}.{key}", key)


def _object(spec: Obj, field: str) -> Obj:
    value = spec.get(field)
    return value if isinstance(value, Mapping) else {}


def _items(spec: Obj, field: str) -> list[Any]:
    value = spec.get(field)
    return value if isinstance(value, list) else []


def _objects(spec: Obj, field: str) -> list[Obj]:
    return [item for item in _items(spec, field) if isinstance(item, Mapping)]
