"""Renewal of credentials and connections."""

from __future__ import annotations

import asyncio

from cryostat_operator.kube.connection import Connection
from cryostat_operator.kube.connection_pool import ConnectionPool
from cryostat_operator.kube.kopf_import import kopf


class LogIn:
    """Counts logins. Each returns another token."""

    def __init__(self) -> None:
        self.count = 0

    def connection(self) -> Connection:
        return Connection(kopf.ConnectionInfo(server="https://example.invalid", token=f"token-{self.count}"))

    async def __call__(self) -> Connection:
        await asyncio.sleep(0)
        self.count += 1
        return self.connection()


async def test_requests_that_fail_at_the_same_time_renew_once() -> None:
    log_in = LogIn()
    pool = ConnectionPool(log_in.connection(), log_in)
    used, session = pool.connection, pool.requests
    assert pool.headers("a")["Authorization"] == "Bearer token-0"
    await asyncio.gather(*(pool.renew(used) for _ in range(5)))
    assert log_in.count == 1
    assert pool.headers("application/json") == {
        "Accept": "application/json",
        "User-Agent": "cryostat-operator",
        "Authorization": "Bearer token-1",
    }
    assert not session.closed  # requests in flight complete
    assert pool.requests is not session
    await pool.close()
    assert session.closed  # otherwise aiohttp writes "Unclosed client session" below the error of a command
    assert pool.requests.closed
    assert pool.watches.closed
