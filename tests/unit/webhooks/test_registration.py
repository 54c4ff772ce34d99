"""The registration with the API server: which differences are corrected."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from cryostat_operator.plan.model.webhook_definitions import mutating, validating
from cryostat_operator.webhooks.registration import Address, Registration, _is_same

WANTED = [{**each, "clientConfig": {"url": "https://a"}} for each in (*mutating(), *validating())]


def stored() -> list[dict[str, Any]]:
    """With the defaults of the API server."""
    defaults: dict[str, Any] = {"namespaceSelector": {}, "objectSelector": {}, "timeoutSeconds": 10}
    return copy.deepcopy([defaults | each for each in WANTED])


def test_defaults_of_the_api_server_are_no_difference() -> None:
    assert _is_same(WANTED, stored())
    theirs = [{**each, "namespaceSelector": {"matchLabels": {"a": "b"}}} for each in stored()]
    assert _is_same(WANTED, theirs)


class FakeClient:
    """A client that returns one webhook configuration and records patches."""

    def __init__(self, webhooks: list[dict[str, Any]]) -> None:
        self.webhooks = webhooks
        self.patches: list[Any] = []

    async def get_or_none(self, path: str) -> dict[str, Any] | None:
        return {"metadata": {"resourceVersion": "1"}, "webhooks": self.webhooks} if "mutating" in path else None

    async def request(self, verb: str, path: str, body: Any, **_: Any) -> dict[str, Any]:
        if verb != "PATCH":
            return {}
        self.patches.append(body)
        return {"webhooks": body[-1]["value"]}


async def test_a_namespace_selector_of_administrators_is_kept_when_other_fields_are_restored() -> None:
    selector = {"matchExpressions": [{"key": "control-plane", "operator": "DoesNotExist"}]}
    client: Any = FakeClient([{**each, "failurePolicy": "Ignore", "namespaceSelector": selector} for each in stored()])
    await Registration(client, "x-", Address("here", "webhook")).ensure(b"CA")
    [restored] = [body[-1]["value"] for body in client.patches if body[-1]["path"] == "/webhooks"]
    assert [each["namespaceSelector"] for each in restored] == [selector] * len(mutating())
    assert {each["failurePolicy"] for each in restored} == {each["failurePolicy"] for each in mutating()}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("failurePolicy", "Ignore"),
        ("objectSelector", {"matchLabels": {"a": "b"}}),
        ("matchPolicy", "Exact"),
        ("rules", []),
        ("clientConfig", {"url": "https://b"}),
        ("matchConditions", [{"name": "never", "expression": "false"}]),
        ("name", "other.example.com"),
    ],
)
def test_changes_that_bypass_the_review_are_reverted(key: str, value: Any) -> None:
    cryostats = [index for index, each in enumerate(WANTED) if "cryostat.kb.io" in each["name"]]
    assert len(cryostats) == 2
    for index in cryostats:
        live = stored()
        live[index][key] = value
        assert not _is_same(WANTED, live)
        assert not _is_same(WANTED, live[:index] + live[index + 1 :])
