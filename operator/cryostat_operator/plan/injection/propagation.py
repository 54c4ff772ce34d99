"""Deployments, StatefulSets and DaemonSets: what their labels ask for is handed on to the pods that they make."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Any

from ..model.kinds import Obj
from .labels import PREFIX, SMART_TRIGGERS


def propagate(new: Obj, old: Obj | None) -> tuple[Obj, list[str]]:
    """The workload with its `cryostat.io/` labels on its pod template, and hints; `new` itself is not changed.

    A label that was handed on before and has since been taken away from the workload is taken away from the template,
    too. What the author wrote into the template differently stays.
    """
    result = copy.deepcopy(new)
    template = result.get("spec", {}).get("template")
    if not isinstance(template, dict):
        return result, []
    metadata = template.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    fixed = _selected_by(result["spec"].get("selector") or {})
    labels, hints = _handed_on(_of(new, "labels"), _of(old, "labels"), metadata.get("labels") or {}, fixed)
    annotations, _ = _handed_on(_of(new, "annotations"), _of(old, "annotations"), metadata.get("annotations") or {}, ())
    for key, value in (("labels", labels), ("annotations", annotations)):
        if value or metadata.get(key):
            metadata[key] = value
    if metadata:
        template["metadata"] = metadata
    return result, hints


def _selected_by(selector: Obj) -> set[str]:
    """Labels that the selector speaks of: pods with others would not be those of the workload."""
    return {*(selector.get("matchLabels") or {}), *(each["key"] for each in selector.get("matchExpressions") or [])}


def _handed_on(
    wanted: Mapping[str, str], before: Mapping[str, str], present: Mapping[str, str], fixed: Collection[str]
) -> tuple[dict[str, str], list[str]]:
    result, hints = dict(present), []
    for key, value in wanted.items():
        ours = key not in present or present[key] in (value, before.get(key))
        if key not in fixed and ours:
            result[key] = value
        elif present.get(key) != value:
            says = f"says {present[key]}" if key in present else "says nothing"
            hints.append(f"{key}: the pod template {says}, and that counts")
    for key, value in before.items():
        if key not in wanted and key not in fixed and present.get(key) == value:
            del result[key]
    return result, hints


def _of(obj: Obj | None, field: str) -> dict[str, str]:
    """Labels or annotations of a workload that are about the agent."""
    found: Any = ((obj or {}).get("metadata") or {}).get(field) or {}
    return {k: v for k, v in found.items() if (k.startswith(PREFIX) if field == "labels" else k == SMART_TRIGGERS)}
