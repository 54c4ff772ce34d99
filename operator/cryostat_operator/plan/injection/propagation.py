"""Copies the `cryostat.io/` labels of Deployments, StatefulSets and DaemonSets to their pod templates."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Any

from ..model.kinds import Obj
from .label_hints import ANNOTATIONS, PREFIX


def propagate(new: Obj, old: Obj | None) -> tuple[Obj, list[str]]:
    """Copy the `cryostat.io/` labels of a workload, and the annotations in `ANNOTATIONS`, to its pod template.

    One that was copied before and has been removed from the workload is removed from the template. A different value in
    the template stays.

    Args:
        new: the workload; it is not changed.
        old: the workload before the update, None on creation.

    Returns:
        The changed copy, and hints for its author.
    """
    result = copy.deepcopy(new)
    template = result.get("spec", {}).get("template")
    if not isinstance(template, dict):
        return result, []
    metadata = template.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    fixed = _selected_by(result["spec"].get("selector") or {})
    labels, hints = _propagated(
        _agent_metadata(new, "labels"), _agent_metadata(old, "labels"), metadata.get("labels") or {}, fixed
    )
    annotations, _ = _propagated(
        _agent_metadata(new, "annotations"), _agent_metadata(old, "annotations"), metadata.get("annotations") or {}, ()
    )
    for key, value in (("labels", labels), ("annotations", annotations)):
        if value or metadata.get(key):
            metadata[key] = value
    if metadata:
        template["metadata"] = metadata
    return result, hints


def _selected_by(selector: Obj) -> set[str]:
    """Return the keys in the selector. With other values the selector would not match the pods."""
    return {*(selector.get("matchLabels") or {}), *(each["key"] for each in selector.get("matchExpressions") or [])}


def _propagated(
    desired: Mapping[str, str], before: Mapping[str, str], present: Mapping[str, str], fixed: Collection[str]
) -> tuple[dict[str, str], list[str]]:
    result, hints = dict(present), []
    for key, value in desired.items():
        can_change = key not in present or present[key] in (value, before.get(key))
        if key not in fixed and can_change:
            result[key] = value
        elif present.get(key) != value:
            cause = f"which has {present[key]}" if key in present else "because the selector has this key"
            hints.append(f"{key}: {value} is not copied to the pod template, {cause}")
    for key, value in before.items():
        if key not in desired and key not in fixed and present.get(key) == value:
            del result[key]
    return result, hints


def _agent_metadata(obj: Obj | None, field: str) -> dict[str, str]:
    """Return the labels or annotations of a workload that configure the agent."""
    found: Any = ((obj or {}).get("metadata") or {}).get(field) or {}
    return {k: v for k, v in found.items() if (k.startswith(PREFIX) if field == "labels" else k in ANNOTATIONS)}
