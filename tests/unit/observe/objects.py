"""Owned objects as the API server sends them."""

from __future__ import annotations

from typing import Any

from cryostat_operator.api import constants
from cryostat_operator.observe.owned_objects import OwnedObjects
from cryostat_operator.plan.model.kinds import InstanceKey, Key
from tests.unit.observe.triggers import RecordedTriggers

INSTANCE = InstanceKey("here", "x")
LABELS = {constants.LABEL_NAME: "x", constants.LABEL_NAMESPACE: "here"}


def owned(
    name: str, version: int = 1, *, uid: str = "", labels: dict[str, str] | None = None, **parts: Any
) -> dict[str, Any]:
    reference = {"apiVersion": constants.API_VERSION, "kind": "Cryostat", "name": "x", "uid": "u", "controller": True}
    metadata = {
        "name": name,
        "namespace": "here",
        "uid": uid or f"uid-{name}",
        "resourceVersion": str(version),
        "labels": LABELS if labels is None else labels,
        "ownerReferences": [reference],
        **parts.pop("metadata", {}),
    }
    return {"apiVersion": "v1", "metadata": metadata, **parts}


LOCK = Key("ConfigMap", "here", "x-lock")


def cache(exists: bool = True) -> tuple[OwnedObjects, RecordedTriggers]:
    recorded = RecordedTriggers()
    return OwnedObjects(recorded.triggers, lambda _: exists), recorded
