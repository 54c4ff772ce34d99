"""The table of headers that clients may not send."""

from __future__ import annotations

from pathlib import Path

import pytest

from cryostat_operator.plan.components import proxy_headers
from cryostat_operator.plan.components.proxy_headers import ADDRESS_HEADERS, PROTECTED_HEADERS, HeaderRule

DOCUMENT = Path(__file__).parents[4] / "docs" / "authentication.md"


def test_each_header_has_one_rule() -> None:
    every = [rule.name.lower() for rule in PROTECTED_HEADERS] + [name.lower() for name in ADDRESS_HEADERS]
    assert len(set(every)) == len(every)


def test_oauth2_proxy_sets_identity_from_the_session_and_removes_the_rest() -> None:
    headers = {header["name"]: header["values"] for header in proxy_headers.oauth2_proxy_headers()}
    assert headers["X-Forwarded-User"] == [{"claimSource": {"claim": "user"}}]
    assert {name for name, values in headers.items() if not values} == {
        rule.name for rule in PROTECTED_HEADERS if rule.claim is None
    }


def test_headers_that_a_gateway_sets_are_not_removed() -> None:
    agents, users = proxy_headers.removed_from_agents(), proxy_headers.removed_from_users()
    assert "X-Forwarded-For" not in [*agents, *users]
    assert "X-Cryostat-Agent-Proxy" not in agents
    assert "X-Cryostat-Agent-Proxy" in users
    assert "X-Forwarded-User" in agents
    assert "X-Forwarded-User" not in users


@pytest.mark.parametrize("rule", PROTECTED_HEADERS, ids=[rule.name for rule in PROTECTED_HEADERS])
def test_each_header_is_documented(rule: HeaderRule) -> None:
    assert f"`{rule.name}`" in DOCUMENT.read_text()
