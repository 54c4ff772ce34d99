"""Which labels and annotations of a live object are ours, as the API server's notes on who set what tell."""

from __future__ import annotations

from typing import Any

from ...api import constants
from ..model.kinds import FIELD_MANAGER, Obj


def operator_fields(live: Obj, path: tuple[str, ...], field: str) -> set[str]:
    """Keys of the labels or annotations below `path` that the operator itself set last.

    `managedFields` of live objects hold our own notes alone (`trim`).
    """
    found: set[str] = set()
    for entry in live["metadata"].get("managedFields") or ():
        if entry.get(_OTHER):
            continue
        fields = entry.get("fieldsV1") or {}
        for step in (*path, "metadata", field):
            fields = fields.get(f"f:{step}") or {}
        found |= {name[2:] for name in fields if name.startswith("f:")}
    # The deployment controller shares our manager's name with nobody, but its revision must never be taken away.
    return {name for name in found if not name.startswith("deployment.kubernetes.io/")}


# Field manager of the Go operator, and of every other program that is called so: see `is_written_by_operator`.
GO_OPERATOR_MANAGER = "manager"
# Marks the entries of other managers in what `trim` returns.
_OTHER = "other"


def trim(kind: str, obj: Obj) -> Obj:
    """The parts of a live object that are compared or reported; Secret values never enter the cache."""
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
    """Whether an entry of `managedFields` tells of this operator, or of the Go operator that it takes over from.

    The latter's manager is just `manager`, as in most operators: it was the Go operator if it also made the object, and
    so has set an owner or the mark.
    """
    if entry.get("subresource"):
        return False
    metadata = (entry.get("fieldsV1") or {}).get("f:metadata") or {}
    made = "f:ownerReferences" in metadata or f"f:{constants.LABEL_NAME}" in (metadata.get("f:labels") or {})
    return entry.get("manager") == FIELD_MANAGER or (entry.get("manager") == GO_OPERATOR_MANAGER and made)


def _metadata_fields(entry: Obj) -> Obj | None:
    """What we set in the metadata of an object and of its pod template."""
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
