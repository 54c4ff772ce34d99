"""A backup for the tests of restoring."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.api_server import ApiServer
from tests.unit.backup.instance import NAMESPACE, Streams, filled, serve_instance
from tests.unit.backup.saved import access, saved


@pytest.fixture
async def backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    server = ApiServer()
    serve_instance(server, cryostat={"metadata": {}, "spec": {"targetNamespaces": [NAMESPACE, "apps"]}})
    await saved(access(server, monkeypatch, Streams(), filled()), tmp_path / "b")
    return tmp_path / "b"
