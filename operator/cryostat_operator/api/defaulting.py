"""The defaults that admission writes into a Cryostat: only those that must be visible in the stored object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Obj = dict[str, Any]


def with_defaults(obj: Mapping[str, Any], namespace: str, *, creating: bool) -> Obj:
    """Return the object with its defaults; `obj` itself is not changed.

    Absent `spec.targetNamespaces` become the namespace of the Cryostat, so that the stored object shows what is
    granted. An empty list means the same and is kept. `spec.enableAudit` defaults to true for new Cryostats only:
    an existing instance that runs without an audit history keeps running without one.

    Args:
        obj: a Cryostat in the shape of its v1beta2 JSON.
        namespace: the namespace of the request; `metadata.namespace` may be missing.
        creating: whether the request creates the object.
    """
    stored = obj.get("spec")
    spec = dict(stored) if isinstance(stored, Mapping) else {}
    if spec.get("targetNamespaces") is None:
        spec["targetNamespaces"] = [namespace]
    if creating and spec.get("enableAudit") is None:
        spec["enableAudit"] = True
    return {**obj, "spec": spec}
