"""Reads the annotation by which authors accept target namespaces that were deleted and created again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import constants
from .limits import MAX_ANNOTATION_READ


def accepted_namespaces(metadata: Mapping[str, Any]) -> frozenset[str]:
    """Return the UIDs of namespaces in the annotation of a Cryostat; empty if it is missing, malformed or too long.

    Args:
        metadata: `metadata` of the Cryostat, which may have any shape.
    """
    annotations = metadata.get("annotations")
    text = annotations.get(constants.ANNOTATION_ACCEPT_NAMESPACES) if isinstance(annotations, Mapping) else None
    entries = text.split(",") if isinstance(text, str) and len(text) <= MAX_ANNOTATION_READ else []
    return frozenset(filter(None, (entry.strip() for entry in entries)))
