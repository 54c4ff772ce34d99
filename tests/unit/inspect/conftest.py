"""The API server of the tests of commands."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from cryostat_operator.inspect import login
from cryostat_operator.inspect.login import Login, UserConnection
from cryostat_operator.kube import client
from tests.unit.api_server import ApiServer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> ApiServer:
    """The API server of the commands."""
    server = ApiServer()

    async def log_in(context: str | None = None) -> Any:
        return Login(UserConnection("https://api.example.com", ssl.create_default_context(), {}), "here")

    monkeypatch.setattr(login, "log_in", log_in)
    monkeypatch.setattr(client, "Client", lambda *_: server)
    return server
