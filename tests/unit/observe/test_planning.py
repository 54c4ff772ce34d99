"""A Cryostat is planned from a snapshot and from the content that the plan refers to."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.kube.errors import ApiError
from cryostat_operator.observe.planning import has_ingress_spec, identity_of, plan_for
from cryostat_operator.plan.model.kinds import InstanceKey, Key
from cryostat_operator.plan.model.snapshot import ContentSummary, NamespaceState, ReferenceData, Snapshot
from cryostat_operator.plan.planner import Desired
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import NAME, NAMESPACE, cryostat

SETTINGS = Settings(service_tls=False)
DATABASE = Key("Deployment", NAMESPACE, f"{NAME}-database")


class Reader:
    """A cluster in which each Secret and ConfigMap has all keys, or none is there."""

    def __init__(self, *, complete: bool = True) -> None:
        self.complete = complete
        self.calls: list[Any] = []

    async def snapshot(self, instance_key: InstanceKey, uid: str, targets: tuple[str, ...]) -> Snapshot:
        self.calls.append((instance_key, uid, targets))
        return Snapshot(namespaces=dict.fromkeys(targets, NamespaceState()))

    async def resolve(self, instance_key: InstanceKey, desired: Desired) -> ReferenceData:
        self.calls.append((instance_key, desired))
        return {
            (each.kind, each.name): ContentSummary(each.keys, "d") if self.complete else None
            for each in desired.references
        }


async def test_the_snapshot_is_read_before_the_content_that_the_plan_needs() -> None:
    reader = Reader()
    desired, _ = await plan_for(cryostat({"targetNamespaces": ["b", "a"]}, uid="u"), reader, SETTINGS)
    key = InstanceKey(NAMESPACE, NAME)
    assert reader.calls == [(key, "u", ("b", "a")), (key, desired)]
    assert set(desired.instance.snapshot.namespaces) == {"b", "a"}


async def test_what_lacks_its_content_is_not_written() -> None:
    _, plan = await plan_for(cryostat(), Reader(), SETTINGS)
    assert DATABASE in plan.objects
    _, plan = await plan_for(cryostat(), Reader(complete=False), SETTINGS)
    assert DATABASE in plan.blocked


async def test_a_failed_read_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: Any) -> Any:
        raise ApiError(403, "Forbidden", "no")

    for step in ("snapshot", "resolve"):
        reader = Reader()
        monkeypatch.setattr(reader, step, fail)
        with pytest.raises(ApiError, match="no"):
            await plan_for(cryostat(), reader, SETTINGS)


def test_a_cryostat_that_is_not_created_yet_has_no_uid_and_may_have_no_name() -> None:
    assert identity_of(cryostat(uid="u"), SETTINGS) == (InstanceKey(NAMESPACE, NAME), "u", (NAMESPACE,))
    assert identity_of(cryostat(name=None, uid=None), SETTINGS) == (InstanceKey(NAMESPACE, ""), "", (NAMESPACE,))


@pytest.mark.parametrize(
    ("options", "expected"),
    [(None, False), ({}, False), ({"coreConfig": {}}, False), ({"coreConfig": {"ingressSpec": {"rules": []}}}, True)],
)
def test_only_a_spec_with_an_ingress_has_one(options: Any, expected: bool) -> None:
    assert has_ingress_spec(cryostat({"networkOptions": options})) is expected
