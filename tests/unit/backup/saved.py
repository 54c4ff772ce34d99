"""Saves a backup of the instance in the in-memory API server."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cryostat_operator.backup import encryption
from cryostat_operator.backup.folder import new_folder
from cryostat_operator.backup.instance_access import InstanceAccess
from cryostat_operator.backup.manifest import Manifest
from cryostat_operator.backup.save import save
from tests.unit.api_server import ApiServer
from tests.unit.backup.instance import NAME, NAMESPACE, Storage, Streams

PASSPHRASE = b"correct horse battery"


def access(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch, streams: Streams, storage: Storage, namespace: str = NAMESPACE
) -> InstanceAccess:
    @asynccontextmanager
    async def opened(*_: Any) -> Any:
        yield storage

    monkeypatch.setattr(encryption, "COST", 16)
    monkeypatch.setattr(InstanceAccess, "storage", opened)
    untyped: Any = streams
    return InstanceAccess(server, untyped, namespace, NAME)


async def saved(reached: InstanceAccess, target: Path) -> tuple[Manifest, list[str]]:
    lines: list[str] = []
    with new_folder(target) as folder:
        return await save(reached, folder, PASSPHRASE, lines.append), lines
