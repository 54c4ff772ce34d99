"""Which labels and annotations of a live object are ours, as the API server's notes on who set what tell."""

from __future__ import annotations

from .plan import Obj


def ours(live: Obj, path: tuple[str, ...], field: str) -> set[str]:
    """Keys of the labels or annotations below `path` that the operator itself set last.

    `managedFields` of live objects hold our own notes alone (`cluster.cache.trimmed`).
    """
    found: set[str] = set()
    for entry in live["metadata"].get("managedFields") or ():
        fields = entry.get("fieldsV1") or {}
        for step in (*path, "metadata", field):
            fields = fields.get(f"f:{step}") or {}
        found |= {name[2:] for name in fields if name.startswith("f:")}
    # The deployment controller shares our manager's name with nobody, but its revision must never be taken away.
    return {name for name in found if not name.startswith("deployment.kubernetes.io/")}
