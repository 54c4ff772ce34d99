"""Shares a limited amount, such as memory, among the addresses of clients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

# An address may use up to this many times the amount that is free: a single address 4/5 of the limit, two addresses 4/9
# each.
SHARE = 4


class SharedLimit:
    """An amount that requests in progress use, in all and by the address of the client.

    Some amount is always left for an address that uses nothing yet. So a pod that sends reviews cannot use up the limit
    for the API server, which has another address.

    Attributes:
        used: by all requests in progress.
    """

    def __init__(self) -> None:
        self.used = 0
        self._by_address: Counter[str] = Counter()

    def allows(self, address: str, amount: int, limit: int) -> bool:
        """Return whether a client may use a further amount.

        Args:
            address: the IP address of the client; empty if it is not known.
            amount: what the request needs.
            limit: of all requests in progress.
        """
        free = limit - self.used
        return amount <= free and self._by_address[address] + amount <= SHARE * free

    @contextmanager
    def use(self, address: str, amount: int) -> Iterator[None]:
        """Count an amount as used inside the context."""
        self.add(address, amount)
        try:
            yield
        finally:
            self.release(address, amount)

    def add(self, address: str, amount: int) -> None:
        """Count an amount as used."""
        self.used += amount
        self._by_address[address] += amount

    def release(self, address: str, amount: int) -> None:
        """Count an amount as no longer used."""
        self.used -= amount
        self._by_address[address] -= amount
        if self._by_address[address] <= 0:
            del self._by_address[address]
