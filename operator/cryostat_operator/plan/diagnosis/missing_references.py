"""Finds the Secret, ConfigMap or key that a pod lacks, from the message of the kubelet."""

from __future__ import annotations

import re

from ..model.kinds import InstanceKey, Key, Obj
from ..model.owned_names import can_own

_MISSING = re.compile(r"\b(?P<kind>secret|configmap) [\"'](?P<name>[a-z0-9.-]+)[\"'] not found")
_MISSING_KEY = re.compile(
    r"\bcouldn't find key (?P<key>[\w.-]+) in (?P<kind>Secret|ConfigMap) [a-z0-9-]+/(?P<name>[a-z0-9.-]+)"
)
_MISSING_KEY_OF_VOLUME = re.compile(
    r"for volume [\"'](?P<volume>[a-z0-9-]+)[\"'] : references non-existent (?P<kind>secret|config) key: "
    r"(?P<key>[\w.-]+)"
)
_KINDS = {"secret": "Secret", "configmap": "ConfigMap"}


def remedy_for(pod: Obj, quote: str, *, is_own_container: bool) -> str:
    """Return what to do about a reference that is missing; empty if the quote does not name one.

    Args:
        quote: what the kubelet says.
        is_own_container: whether the operator planned the container that needs it; if not, the operator does not create
            what it refers to.
    """
    if key := _MISSING_KEY.search(quote):
        return f"Add key {key['key']} to {key['kind']} {key['name']}"
    if key := _MISSING_KEY_OF_VOLUME.search(quote):
        source = _source(pod, key["volume"], "Secret" if key["kind"] == "secret" else "ConfigMap")
        return f"Add key {key['key']} to {source}" if source else ""
    if missing := _MISSING.search(quote):
        kind = _KINDS[missing["kind"]]
        what = f"{kind} {missing['name']}"
        if is_own_container and _is_own(pod, kind, missing["name"]):
            return f"The operator creates {what} again; if it is still missing, another condition has the cause"
        return f"Create {what}"
    return ""


def _source(pod: Obj, volume: str, kind: str) -> str:
    """Kind and name of the object that a volume of a pod consists of; empty if it is of several."""
    found: Obj = next((each for each in (pod.get("spec") or {}).get("volumes") or () if each["name"] == volume), {})
    name = (
        (found.get("secret") or {}).get("secretName")
        if kind == "Secret"
        else (found.get("configMap") or {}).get("name")
    )
    return f"{kind} {name}" if name else ""


def _is_own(pod: Obj, kind: str, name: str) -> bool:
    """Whether an object has the name of one that the operator creates for the instance of a pod."""
    namespace, instance = pod["metadata"]["namespace"], pod["metadata"]["labels"].get("app", "")
    return can_own(InstanceKey(namespace, instance), Key(kind, namespace, name))
