"""Reads from `managedFields` which fields of a live object the operator set, and which other clients."""

from __future__ import annotations

from typing import Any

from ...api import constants
from .kinds import FIELD_MANAGER, Obj

# Field manager of the Go operator and of many other operators; see `is_written_by_operator`.
GO_OPERATOR_MANAGER = "manager"

# Field of entries of other managers in the result of `trim`.
_OTHER = "other"


def operator_fields(live: Obj, path: tuple[str, ...], field: str) -> set[str]:
    """Return the keys of the labels or annotations that this operator, or the Go operator, set last.

    Args:
        live: an object as `trim` leaves it.
        path: of the object that has the metadata: empty, or `("spec", "template")`.
        field: `labels` or `annotations`.
    """
    found: set[str] = set()
    for entry in live["metadata"].get("managedFields") or ():
        if entry.get(_OTHER):
            continue
        fields = entry.get("fieldsV1") or {}
        for step in (*path, "metadata", field):
            fields = fields.get(f"f:{step}") or {}
        found |= {name[2:] for name in fields if name.startswith("f:")}
    # The Deployment controller's annotations must never be removed.
    return {name for name in found if not name.startswith("deployment.kubernetes.io/")}


def trim(kind: str, obj: Obj) -> Obj:
    """Return the parts of a live object that are compared or reported: not the values of Secrets."""
    metadata = {k: v for k, v in obj["metadata"].items() if k not in ("managedFields", "selfLink")}
    entries = obj["metadata"].get("managedFields") or ()
    metadata["managedFields"] = [
        kept for entry in entries if (kept := _metadata_fields(entry) or _fields_of_other(entry))
    ]
    result = {**obj, "kind": kind, "metadata": metadata}
    if kind == "Secret":
        result.pop("data", None)
    return result


def is_written_by_operator(entry: Obj) -> bool:
    """Return whether an entry of `managedFields` is of this operator or of the Go operator.

    The manager of the Go operator is `manager`, as that of many others. An entry is of the Go operator if it also has
    the owner references or the ownership labels, which the client that creates the object sets.
    """
    if entry.get("subresource"):
        return False
    metadata = (entry.get("fieldsV1") or {}).get("f:metadata") or {}
    made = "f:ownerReferences" in metadata or f"f:{constants.LABEL_NAME}" in (metadata.get("f:labels") or {})
    return entry.get("manager") == FIELD_MANAGER or (entry.get("manager") == GO_OPERATOR_MANAGER and made)


def _metadata_fields(entry: Obj) -> Obj | None:
    """The entry with only the metadata of the object and of its pod template; None if it is of another manager."""
    if not is_written_by_operator(entry):
        return None
    fields = entry.get("fieldsV1") or {}
    own = fields.get("f:metadata")
    template = ((fields.get("f:spec") or {}).get("f:template") or {}).get("f:metadata")
    kept: dict[str, Any] = {}
    if own:
        kept["f:metadata"] = {k: own[k] for k in ("f:labels", "f:annotations") if k in own}
    if template:
        kept["f:spec"] = {"f:template": {"f:metadata": template}}
    return {"manager": entry["manager"], "fieldsV1": kept}


def _fields_of_other(entry: Obj) -> Obj | None:
    """Return what another manager set outside of metadata and status; None if that is nothing."""
    if is_written_by_operator(entry):
        return None
    fields = {k: v for k, v in (entry.get("fieldsV1") or {}).items() if k not in ("f:metadata", "f:status")}
    if not fields:
        return None
    return {
        _OTHER: True,
        "manager": entry.get("manager", ""),
        **({"subresource": entry["subresource"]} if entry.get("subresource") else {}),
        "fieldsV1": fields,
    }


def scaled_by(live: Obj) -> str:
    """Return the manager that set `spec.replicas` through the scale subresource last; empty if none did.

    Autoscalers and `kubectl scale` use this subresource. A write of the object itself ends the entry.
    """
    for entry in live["metadata"].get("managedFields") or ():
        if entry.get("subresource") == "scale" and _has(entry, "spec.replicas"):
            return str(entry.get("manager", ""))
    return ""


def other_managers(live: Obj, path: str) -> list[str]:
    """Return the other managers that set a field or something below it, sorted.

    Args:
        live: an object as `trim` leaves it.
        path: dotted; list entries and what follows them are ignored.
    """
    entries = live["metadata"].get("managedFields") or ()
    others = (entry for entry in entries if entry.get(_OTHER) and _has(entry, path))
    return sorted({str(entry.get("manager", "")) for entry in others} - {""})


def _has(entry: Obj, path: str) -> bool:
    fields = entry.get("fieldsV1") or {}
    for step in path.split("[")[0].split("."):
        if f"f:{step}" not in fields:
            return False
        fields = fields[f"f:{step}"]
    return True
