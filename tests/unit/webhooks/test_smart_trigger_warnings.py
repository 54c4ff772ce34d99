"""Which ConfigMaps are read for warnings about smart triggers, and failures to read them."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from cryostat_operator.kube.errors import ApiError
from cryostat_operator.settings import Settings
from cryostat_operator.webhooks import smart_trigger_warnings as tested
from cryostat_operator.webhooks.smart_trigger_warnings import MAX_CONFIG_MAPS, smart_trigger_warnings


class Reader:
    """ConfigMaps with smart triggers of agent 0.8, except for `missing`; or an error."""

    def __init__(self, error: Exception | None = None, *, hangs: bool = False) -> None:
        self.read: list[str] = []
        self._error, self._hangs = error, hangs

    async def config_map(self, namespace: str, name: str) -> dict[str, str] | None:
        self.read.append(f"{namespace}/{name}")
        if self._hangs:
            await asyncio.Event().wait()
        if self._error:
            raise self._error
        return None if name == "missing" else {"file": "[{}]"}


async def warnings(reader: Reader, names: str, **labels: str) -> list[str]:
    metadata = {"annotations": {"cryostat.io/smart-triggers": names}, "labels": labels}
    return await smart_trigger_warnings(cast(Any, reader), "shop", {"metadata": metadata}, Settings())


async def test_config_maps_of_the_namespace_are_read() -> None:
    reader = Reader()
    found = await warnings(reader, "a,missing,b")
    assert [each.partition(",")[0].rpartition(" ")[2] for each in found] == ["shop/a", "shop/b"]
    assert reader.read == ["shop/a", "shop/missing", "shop/b"]


async def test_pods_without_smart_triggers_cause_no_request() -> None:
    reader = Reader()
    assert await warnings(reader, "") == []
    assert await warnings(reader, "a", **{"cryostat.io/callback-port": "x"}) == []  # they do not get the agent
    assert reader.read == []


async def test_the_number_of_reads_is_limited() -> None:
    reader = Reader()
    await warnings(reader, ",".join(f"c{number}" for number in range(60)))
    assert len(reader.read) == MAX_CONFIG_MAPS


@pytest.mark.parametrize("reader", [Reader(ApiError(500, "x", "y")), Reader(hangs=True)], ids=["error", "timeout"])
async def test_a_config_map_that_cannot_be_read_causes_no_warning(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tested, "READ_TIMEOUT", 0.01)
    assert await warnings(reader, "a") == []
