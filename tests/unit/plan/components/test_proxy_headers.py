"""The table of headers that clients may not send."""

from __future__ import annotations

import re
from pathlib import Path

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
    agents, users = proxy_headers.removed_from_agents(), proxy_headers.removed_from_users(openshift=True)
    assert "X-Forwarded-For" not in [*agents, *users]
    assert "X-Cryostat-Agent-Proxy" not in agents
    assert "X-Cryostat-Agent-Proxy" in users
    assert "X-Forwarded-User" in agents
    assert "X-Forwarded-User" not in users


def documented(rule: HeaderRule) -> str:
    """The row of the documentation about a header: who sets it, and who removes it."""
    for_users = {True: "from the login", False: "removed"}
    by_proxy = [for_users[rule.claim is not None], for_users[rule.openshift], "removed"]
    if rule.name == proxy_headers.FORWARDED_FOR:
        by_proxy = ["address of the peer", "address of the peer", "address of the agent"]
    if rule.name == proxy_headers.AGENT_HEADER:
        by_proxy[-1] = "`true`"
    by_secret = "removed, or [set](#secrets-of-the-proxies)"
    if rule.name == proxy_headers.AGENT_AUTH:
        by_proxy[-1] = by_secret
    if rule.name == proxy_headers.USER_PROXY_AUTH:
        by_proxy[:-1] = [by_secret, by_secret]
    return " | ".join([f"| `{rule.name}`", rule.meaning.value, *by_proxy]) + " |"


def test_the_table_in_the_documentation_has_the_rules_of_all_proxies() -> None:
    rows = DOCUMENT.read_text().split("| header | meaning |")[1].split("\n\n")[0].splitlines()[2:]
    assert rows == [documented(rule) for rule in PROTECTED_HEADERS]


def test_the_documentation_names_the_headers_with_addresses() -> None:
    [sentence] = re.findall(r"The proxies for users pass on (.+?), because", " ".join(DOCUMENT.read_text().split()))
    assert re.findall(r"`([^`]+)`", sentence) == list(ADDRESS_HEADERS)


def test_behind_oauth2_proxy_nginx_passes_on_what_this_proxy_sets() -> None:
    users = proxy_headers.removed_from_users(openshift=False)
    assert set(proxy_headers.removed_from_users(openshift=True)) - set(users) == {
        "X-Forwarded-Email",
        "X-Forwarded-Groups",
        "X-Forwarded-Preferred-Username",
    }
    assert {"X-Cryostat-Agent-Auth", "X-Cryostat-User-Proxy-Auth", "Authorization"} <= set(users)
    assert not {"X-Forwarded-User", "X-Forwarded-For"} & set(users)
