"""What a scenario of tests/cluster leaves in a cluster that other tests use, too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.cluster import scenario as module
from tests.cluster.api import Api, Object
from tests.cluster.controlplane import ControlPlane
from tests.cluster.scenario import Scenario


class Namespaces(Api):
    """The namespaces of a cluster without Cryostats."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def create(self, obj: Object, **_: Any) -> Object:
        assert obj["metadata"]["name"] not in self.names, "AlreadyExists"
        self.names.append(obj["metadata"]["name"])
        return obj

    def delete(self, obj: Object, **_: Any) -> None:
        self.names.remove(obj["metadata"]["name"])

    def find(self, *_: Any) -> Object:
        return {"kind": "ServiceAccount"}

    def path(self, *_: Any) -> str:
        raise LookupError

    def list(self, api_version: str, kind: str, namespace: str | None = None, **_: Any) -> list[Object]:
        return [{"metadata": {"name": name}} for name in self.names] if kind == "Namespace" else []

    def list_metadata(self, api_version: str, kind: str, namespace: str | None = None) -> Sequence[Object]:
        return self.list(api_version, kind, namespace)


def test_another_test_can_create_a_namespace_of_the_same_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Namespaces with generated names stay, and are emptied: that takes less CPU time."""
    api, emptied = Namespaces(), list[str]()
    monkeypatch.setattr(module, "empty_namespace", lambda _, name: emptied.append(name))
    monkeypatch.setattr(Scenario, "start", lambda _: None)
    scenario = Scenario(cast(ControlPlane, SimpleNamespace(api=api)), tmp_path)
    generated = []
    for _ in range(2):
        generated.append(scenario.namespace())
        scenario.make_namespace("my-app")
        scenario.clean()
    assert (api.names, emptied) == (generated, generated)
