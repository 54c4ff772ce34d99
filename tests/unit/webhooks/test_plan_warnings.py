"""Warnings of a review from the plan: which objects are read, and what is left out."""

from __future__ import annotations

from unittest.mock import AsyncMock

import pytest

from cryostat_operator.kube.errors import ApiUnavailable
from cryostat_operator.plan.model.kinds import PARTIAL, Key
from cryostat_operator.plan.model.snapshot import NamespaceState, Snapshot
from cryostat_operator.webhooks.plan_warnings import MAX_REFERENCES
from tests.unit.webhooks.cryostat_requests import Reader, validate


async def test_only_some_of_very_many_references_are_read_for_warnings() -> None:
    reader = Reader(Snapshot())
    templates = [{"configMapName": f"template{number}", "filename": "a"} for number in range(1_000)]
    response = (await validate(reader, {"eventTemplates": templates}))["response"]
    assert response["allowed"] is True
    assert 0 < len(reader.read) <= MAX_REFERENCES


async def test_an_object_with_a_partial_body_is_left_out() -> None:
    key = Key("PersistentVolumeClaim", "n", "a-database")
    claim = {"kind": key.kind, "metadata": {"name": key.name, "namespace": "n"}, PARTIAL: True}
    answer = await validate(Reader(Snapshot(live={key: claim}, namespaces={"n": NamespaceState()})))
    assert answer["response"]["allowed"] is True


async def test_problems_that_cannot_be_read_are_left_out_of_the_warnings(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reader = Reader(Snapshot(namespaces={"n": NamespaceState()}))
    caplog.set_level("DEBUG", "cryostat_operator")
    monkeypatch.setattr(reader, "content", AsyncMock(side_effect=ApiUnavailable(0, "Unavailable", "refused")))
    answer = await validate(reader, {"databaseOptions": {"secretName": "s"}})
    assert answer["response"]["allowed"] is True
    assert caplog.messages == ["Some warnings about Cryostat n/a are left out: refused"]
