"""The Secrets and ConfigMaps that a pod refers to."""

from __future__ import annotations

from typing import Any

from cryostat_operator.plan.pod_references import pod_references


def pod(**spec: Any) -> set[tuple[str, str, frozenset[str], bool]]:
    return {(r.kind, r.name, r.keys, r.optional) for r in pod_references(spec)}


def env(kind: str, name: str, key: str, **more: Any) -> dict[str, Any]:
    return {"name": "V", "valueFrom": {kind: {"name": name, "key": key, **more}}}


def test_every_kind_of_reference_in_a_pod_is_found() -> None:
    found = pod(
        initContainers=[{"env": [env("secretKeyRef", "init", "a")]}],
        containers=[
            {"env": [env("secretKeyRef", "s", "a"), env("configMapKeyRef", "c", "b"), {"name": "X", "value": "y"}]},
            {"envFrom": [{"secretRef": {"name": "whole"}}, {"configMapRef": {"name": "map"}}]},
        ],
        volumes=[
            {"secret": {"secretName": "s", "items": [{"key": "k", "path": "p"}]}},
            {"configMap": {"name": "c2"}},
            {"projected": {"sources": [{"secret": {"name": "p1", "items": [{"key": "x", "path": "x"}]}}]}},
            {"projected": {"sources": [{"configMap": {"name": "p2"}}]}},
            {"projected": {}},
            {"emptyDir": {}},
        ],
    )
    assert found == {
        ("Secret", "init", frozenset({"a"}), False),
        ("Secret", "s", frozenset({"a", "k"}), False),
        ("ConfigMap", "c", frozenset({"b"}), False),
        ("Secret", "whole", frozenset(), False),
        ("ConfigMap", "map", frozenset(), False),
        ("ConfigMap", "c2", frozenset(), False),
        ("Secret", "p1", frozenset({"x"}), False),
        ("ConfigMap", "p2", frozenset(), False),
    }


def test_optional_references_require_nothing() -> None:
    assert pod(containers=[{"env": [env("secretKeyRef", "s", "a", optional=True)]}]) == {
        ("Secret", "s", frozenset(), True)
    }
    both = [env("secretKeyRef", "s", "a", optional=True), env("secretKeyRef", "s", "b")]
    assert pod(containers=[{"env": both}]) == {("Secret", "s", frozenset({"b"}), False)}
