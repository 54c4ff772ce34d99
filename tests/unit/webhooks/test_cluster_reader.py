"""Events that the webhooks record on a Cryostat."""

from __future__ import annotations

from typing import Any, cast

import pytest

from cryostat_operator.plan.model.reasons import Reason
from cryostat_operator.webhooks.cluster_reader import CachedReader

CRYOSTAT = {"metadata": {"name": "a", "namespace": "n", "uid": "u"}}


class Client:
    """Keeps the bodies of requests."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []

    async def request(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        self.bodies.append(options["body"])
        return {}


@pytest.mark.parametrize("reason", [Reason.WEBHOOK_UNREACHABLE, Reason.AGENT_NOT_ADDED])
async def test_an_event_is_recorded_once(reason: Reason) -> None:
    client = Client()
    reader = CachedReader(cast(Any, client), cast(Any, None), cast(Any, None), lambda: True)
    for _ in range(2):
        await reader.record_event(CRYOSTAT, reason, "a cause")
    [event] = client.bodies
    assert (event["reason"], event["type"], event["message"]) == (reason, "Warning", "a cause")
    assert event["involvedObject"]["name"] == "a"
