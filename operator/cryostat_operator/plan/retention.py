"""Data retention: volumes, and Secrets with their keys, that stay when their Cryostat is deleted."""

from __future__ import annotations

from collections.abc import Mapping

from ..api import constants
from .model.kinds import KINDS, Key, Obj

_RETAIN = "Retain"
_KEY_SECRETS = ("-db", "-storage")


def is_requested(annotations: Mapping[str, str] | None) -> bool:
    """Return whether the annotations of a Cryostat request that its data stays."""
    return (annotations or {}).get(constants.ANNOTATION_DATA_RETENTION) == _RETAIN


def holds_data(key: Key, instance: str) -> bool:
    """Return whether an object of the instance is a volume, or a Secret with the keys to its data."""
    keys = key.kind == "Secret" and key.name in {f"{instance}{suffix}" for suffix in _KEY_SECRETS}
    return KINDS[key.kind].retained or keys


def release(obj: Obj) -> Obj:
    """Return the object without its owner reference. The ownership labels stay, so that the next Cryostat finds it."""
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    metadata["ownerReferences"] = without_cryostats(metadata.get("ownerReferences") or [])
    return {**obj, "apiVersion": KINDS[obj["kind"]].api_version, "metadata": metadata}


def is_released(obj: Obj) -> bool:
    """Return whether no Cryostat is an owner of the object."""
    owners = obj["metadata"].get("ownerReferences") or []
    return without_cryostats(owners) == owners


def without_cryostats(references: list[Obj]) -> list[Obj]:
    """Return the owner references that do not refer to Cryostats."""
    return [
        r for r in references if not (r.get("kind") == constants.KIND and r.get("apiVersion") == constants.API_VERSION)
    ]
