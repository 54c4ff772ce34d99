"""Hints about keys of pods and workloads that were probably meant to configure the agent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from ...api import constants
from ...api.spec_warnings import MAX_KEY_LENGTH, suggestion

PREFIX = "cryostat.io/"
CRYOSTAT_PREFIX = f"{constants.GROUP}/"  # of keys of Cryostats and of their objects
CONTAINER = f"{PREFIX}container"
SMART_TRIGGERS = f"{PREFIX}smart-triggers"
ANNOTATIONS = (CONTAINER, SMART_TRIGGERS)  # also annotations: the value of a label cannot contain several names
KEYS = (
    "name", "namespace", "log-level", "callback-port", "container", "read-only", "java-options-var",
    "harvester-template", "harvester-period", "harvester-max-files", "harvester-exit-max-age",
    "harvester-exit-max-size", "smart-triggers",
)  # fmt: skip
_REQUIRED = (constants.AGENT_LABEL_NAME, constants.AGENT_LABEL_NAMESPACE)


def misplaced_keys(labels: Mapping[str, str], annotations: Mapping[str, str]) -> Iterator[str]:
    """Yield hints about labels in the domain of Cryostats, and about annotations that must be labels."""
    for key in labels:
        name = key.removeprefix(CRYOSTAT_PREFIX)
        if key.startswith(CRYOSTAT_PREFIX) and name in KEYS and f"{PREFIX}{name}" not in labels:
            yield f"label {key} has no effect on pods; did you mean {PREFIX}{name}?"
    for key in annotations:
        name = key.removeprefix(PREFIX)[:MAX_KEY_LENGTH]
        if key.startswith(PREFIX) and key not in ANNOTATIONS:
            hint = f"use a label {key}" if name in KEYS else suggestion(name, KEYS)
            yield f"annotation {PREFIX}{name} has no effect; {hint}"


def missing_label(labels: Mapping[str, str], annotations: Mapping[str, str]) -> str:
    """Return a hint about the missing one of the two labels that request the agent; empty if none or both are set."""
    missing = [key for key in _REQUIRED if not labels.get(key)]
    if len(missing) != 1:
        return ""
    [label] = missing
    name = label.removeprefix(PREFIX)
    given = [key for key in labels if key.startswith((PREFIX, CRYOSTAT_PREFIX)) and key not in _REQUIRED]
    candidates = {
        key.partition("/")[2][:MAX_KEY_LENGTH].lower(): key for key in given if key.partition("/")[2] not in KEYS
    }
    if f"{CRYOSTAT_PREFIX}{name}" in given:
        candidates[name] = f"{CRYOSTAT_PREFIX}{name}"
    near = get_close_matches(name, candidates, n=1, cutoff=0.6)
    if near:
        return f"pods need the label {label}; label {candidates[near[0]][:MAX_KEY_LENGTH]} is probably misspelled"
    if label in annotations:
        return f"pods need the label {label}; it is given as an annotation"
    return f"pods need the label {label}, too"
