"""The use of volumes from the statistics of kubelets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cryostat_operator.inspect import volume_usage as module
from cryostat_operator.inspect.volume_usage import VolumeUsage, volume_usage
from cryostat_operator.kube.errors import ApiError, ApiUnavailable
from tests.unit.inspect.instance import NAMESPACE, pod


class Nodes:
    """Nodes that return these statistics, raise an error, or do not respond (None)."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.known: dict[str, Any] = {}

    async def request(self, method: str, path: str) -> Any:
        node = path.removeprefix("/api/v1/nodes/").removesuffix("/proxy/stats/summary")
        self.asked.append(node)
        answer = self.answers[node]
        if answer is None:
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        return answer


def mounted(node: str | None, claim: str | None = "sample-database") -> Any:
    """A pod on a node, with a volume."""
    found = pod("database")
    volume = {"persistentVolumeClaim": {"claimName": claim}} if claim else {"emptyDir": {}}
    found["spec"] |= {"nodeName": node, "volumes": [{"name": "data", **volume}]}
    return found


def measured(claim: str, used: int | None, capacity: int | None, namespace: str = NAMESPACE) -> Any:
    volume = {"name": "data", "usedBytes": used, "capacityBytes": capacity}
    return {"volume": [{"name": "tmp", "usedBytes": 1}, volume | {"pvcRef": {"name": claim, "namespace": namespace}}]}


async def usage(nodes: Nodes, *pods: Any) -> tuple[dict[str, VolumeUsage], list[str]]:
    return await volume_usage(nodes, NAMESPACE, pods, nodes.known)  # type: ignore[arg-type]


async def test_claims_of_the_namespace_are_found_on_the_nodes_of_their_pods() -> None:
    one = {"pods": [measured("sample-database", 50, 200), measured("sample-database", 1, 2, "elsewhere"), {}]}
    two = {"pods": [measured("sample-storage", 3, 4), measured("unmeasured", None, None), measured("foreign", 1, 2)]}
    nodes = Nodes(one=one, two=two)
    waiting = mounted("three")
    waiting["status"]["phase"] = "Pending"
    storage = [mounted("two", "sample-storage"), mounted("two", "unmeasured")]
    elsewhere = [mounted(None), mounted("three", None), waiting]
    found, reasons = await usage(nodes, mounted("one"), mounted("one"), *storage, *elsewhere)
    assert reasons == ["The kubelet of node two does not report the use of PersistentVolumeClaims: unmeasured."]
    assert found == {"sample-database": VolumeUsage(50, 200), "sample-storage": VolumeUsage(3, 4)}
    assert found["sample-database"].percent == 25
    assert nodes.asked == ["one", "two"]


NOT_MEASURED = (
    "The kubelet of node one does not report the use of PersistentVolumeClaims: sample-database, sample-storage."
)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            None,
            "The kubelet of node one did not answer within 0.01 seconds, so the use of its volumes is not shown.",
        ),
        (
            ApiUnavailable(503, "ServiceUnavailable", "no route to host."),
            "The kubelet of node one could not be asked (no route to host), so the use of its volumes is not shown.",
        ),
        ({}, NOT_MEASURED),
        ({"pods": None}, NOT_MEASURED),
    ],
)
async def test_a_node_without_statistics_is_named(answer: Any, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SECONDS_PER_NODE", 0.01)
    nodes = Nodes(one=answer, two={"pods": [measured("a", 1, 2)]})
    pods = [mounted("one"), mounted("one", "sample-storage"), mounted("two", "a")]
    assert await usage(nodes, *pods) == ({"a": VolumeUsage(1, 2)}, [reason])


@pytest.mark.parametrize("answer", [{}, ApiUnavailable(503, "ServiceUnavailable", "no")])
async def test_a_node_is_asked_once_for_all_instances(answer: Any) -> None:
    nodes = Nodes(one=answer)
    assert await usage(nodes, mounted("one")) == await usage(nodes, mounted("one"))
    assert nodes.asked == ["one"]


async def test_a_claim_that_another_node_measures_is_not_missing() -> None:
    nodes = Nodes(one={}, two={"pods": [measured("sample-database", 1, 2)]})
    assert await usage(nodes, mounted("one"), mounted("two")) == ({"sample-database": VolumeUsage(1, 2)}, [])


async def test_a_missing_permission_is_an_error() -> None:
    with pytest.raises(PermissionError, match="You may not get nodes/proxy"):
        await usage(Nodes(one=ApiError(403, "Forbidden", "no")), mounted("one"))
