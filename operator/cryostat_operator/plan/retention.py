"""What outlives its Cryostat where the user asks for that: the volumes, and the keys of the data in them."""

from __future__ import annotations

from collections.abc import Mapping

from ..api import constants
from .model.kinds import KINDS, Key, Obj

_RETAIN = "Retain"
_KEY_SECRETS = ("-db", "-storage")


def is_requested(annotations: Mapping[str, str] | None) -> bool:
    """Whether the annotations of a Cryostat ask to keep its data."""
    return (annotations or {}).get(constants.ANNOTATION_DATA_RETENTION) == _RETAIN


def holds_data(key: Key, instance: str) -> bool:
    """Whether an object of the instance is a volume, or has keys without which a volume is worth nothing."""
    keys = key.kind == "Secret" and key.name in {f"{instance}{suffix}" for suffix in _KEY_SECRETS}
    return KINDS[key.kind].retained or keys


def release(obj: Obj) -> Obj:
    """The object without the owner that would take it along; its mark stays, so that the next Cryostat finds it."""
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    metadata["ownerReferences"] = without_cryostats(metadata.get("ownerReferences") or [])
    return {**obj, "apiVersion": KINDS[obj["kind"]].api_version, "metadata": metadata}


def is_released(obj: Obj) -> bool:
    """Whether no Cryostat owns the object."""
    owners = obj["metadata"].get("ownerReferences") or []
    return without_cryostats(owners) == owners


def without_cryostats(references: list[Obj]) -> list[Obj]:
    """Owner references to anything but Cryostats."""
    return [
        r for r in references if not (r.get("kind") == constants.KIND and r.get("apiVersion") == constants.API_VERSION)
    ]
