"""What is filled in when somebody writes a Cryostat: little, so that what is stored is what was meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Obj = dict[str, Any]


def with_defaults(obj: Mapping[str, Any], namespace: str, *, creating: bool) -> Obj:
    """The object with its defaults; `obj` itself is not changed.

    Target namespaces that are not given become the own namespace, so that everybody sees what is granted; an empty list
    stays as it is (and means the same). The audit history is on for new instances only: switching it on for one that
    has run without it is for its owner to decide.

    Args:
        obj: a Cryostat in the shape of its v1beta2 JSON.
        namespace: where it is written to; its own `metadata.namespace` may be missing.
        creating: whether it is new.
    """
    given = obj.get("spec")
    spec = dict(given) if isinstance(given, Mapping) else {}
    if spec.get("targetNamespaces") is None:
        spec["targetNamespaces"] = [namespace]
    if creating and spec.get("enableAudit") is None:
        spec["enableAudit"] = True
    return {**obj, "spec": spec}
