"""What is registered with the API server: which differences are put right."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from cryostat_operator.plan.model.webhook_definitions import mutating, validating
from cryostat_operator.webhooks.registration import _is_same

WANTED = [{**each, "clientConfig": {"url": "https://a"}} for each in (*mutating(), *validating())]


def stored() -> list[dict[str, Any]]:
    """As the API server fills them in."""
    defaults: dict[str, Any] = {"namespaceSelector": {}, "objectSelector": {}, "timeoutSeconds": 10}
    return copy.deepcopy([defaults | each for each in WANTED])


def test_what_the_api_server_fills_in_is_no_difference() -> None:
    assert _is_same(WANTED, stored())
    theirs = [{**each, "namespaceSelector": {"matchLabels": {"a": "b"}}} for each in stored()]
    assert _is_same(WANTED, theirs)


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
def test_what_lets_something_pass_unseen_is_put_right(key: str, value: Any) -> None:
    cryostats = [index for index, each in enumerate(WANTED) if "cryostat.kb.io" in each["name"]]
    assert len(cryostats) == 2
    for index in cryostats:
        live = stored()
        live[index][key] = value
        assert not _is_same(WANTED, live)
        assert not _is_same(WANTED, live[:index] + live[index + 1 :])
