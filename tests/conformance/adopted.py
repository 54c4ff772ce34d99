"""The captured cases that a real API server adopts: those that differ in what adoption reads or writes.

Together they have every field of every captured object. test_plan.py compares the plans of all cases.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.captures import captured, captured_status

ADOPTED = [
    ("files", "kubernetes"),
    ("ingress", "kubernetes"),
    ("network-policies", "kubernetes"),
    ("operand-metadata", "kubernetes"),
    ("reports", "kubernetes"),
    ("security-scheduling", "kubernetes"),
    ("storage-emptydir", "kubernetes"),
    ("storage-pvc", "kubernetes"),
    ("application-options", "kubernetes-certmanager"),
    ("external-host", "openshift-certmanager"),
]
# Users choose the keys of these fields, except for the keys that the Go operator sets.
_CHOSEN = ("labels", "annotations", "matchLabels", "nodeSelector", "requests", "limits")
_SET = ("app", "component", "kind")


def fields(case: str, profile: str) -> set[tuple[str, str]]:
    """The fields of a captured case as pairs of kind and path. All keys that users choose are one field."""
    status = {"kind": "Cryostat", "status": captured_status(case, profile)}
    return {(obj["kind"], path) for obj in (*captured(case, profile), status) for path in _paths(obj)}


def _paths(value: object, path: str = "") -> Iterator[str]:
    match value:
        case dict():
            for key, inner in value.items():
                is_chosen = path.endswith(_CHOSEN) and ".io/" not in key and key not in _SET
                yield from _paths(inner, f"{path}.{'*' if is_chosen else key}")
        case list():
            for inner in value:
                yield from _paths(inner, f"{path}[]")
        case _:
            yield path
