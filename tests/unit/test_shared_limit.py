"""A limit that the addresses of clients share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryostat_operator.shared_limit import SharedLimit


def filled(limit: int, *addresses: str) -> SharedLimit:
    """A limit of which all addresses use as much as they can, one after the other."""
    found = SharedLimit()
    fill(found, limit, *addresses)
    return found


def fill(found: SharedLimit, limit: int, *addresses: str) -> None:
    while able := [address for address in addresses if found.allows(address, 1, limit)]:
        found.add(able[0], 1)


def test_one_address_leaves_a_fifth() -> None:
    assert filled(256, "a").used == 205
    assert filled(1, "a").used == 1
    assert filled(0, "a").used == 0


@pytest.mark.parametrize("count", [1, 3, 10])
def test_a_new_address_gets_a_share_beside_any_number_of_busy_ones(count: int) -> None:
    """At first the earlier ones have more; their requests end, and then they cannot get as many again."""
    greedy = [f"10.0.0.{number}" for number in range(count)]
    found = filled(256, *greedy)
    for _ in range(3):
        for address in greedy:
            found.release(address, found._by_address[address] // 2)
            fill(found, 256, *reversed(greedy))
    assert not any(found.allows(address, 1, 256) for address in greedy)
    assert found.allows("10.1.0.1", 1, 256)


def test_an_amount_beyond_what_is_free_is_refused() -> None:
    found = filled(100, "a")
    assert found.allows("b", 100 - found.used, 100)
    assert not found.allows("b", 101 - found.used, 100)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 50))))
def test_amounts_that_are_released_can_be_used_again(requests: list[tuple[str, int]]) -> None:
    found = SharedLimit()
    admitted = []
    for address, amount in requests:
        if found.allows(address, amount, 100):
            found.add(address, amount)
            admitted.append((address, amount))
        assert found.used <= 100
    for address, amount in admitted:
        found.release(address, amount)
    assert found.used == 0
    assert not found._by_address
    assert found.allows("a", 80, 100)
