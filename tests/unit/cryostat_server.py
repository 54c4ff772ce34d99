"""An in-memory API server that serves Cryostats."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from cryostat_operator.kube.errors import ApiError
from cryostat_operator.plan.model.kinds import InstanceKey, Obj
from tests.unit.api_server import ApiServer

API = "/apis/operator.cryostat.io/v1beta2"
COLLECTION = f"{API}/cryostats"
ONE, OTHER = InstanceKey("a", "x"), InstanceKey("b", "y")


class Cluster(ApiServer):
    """An API server that serves Cryostats, and no optional API."""

    def __init__(self) -> None:
        super().__init__()
        self.served = [{"name": "cryostats"}]

    async def request(self, method: str, path: str, **more: Any) -> Obj:
        group = path.removeprefix("/apis/").split("/")
        if len(group) != 2 or path.startswith("/api/"):
            return await super().request(method, path, **more)
        self.requests.append((method, path))
        if error := self.hook and self.hook(method, path, None):
            raise error
        if path != API:
            raise ApiError(404, "NotFound", "the server could not find the requested resource")
        return {"resources": self.served}

    def add(self, instance_key: InstanceKey) -> Obj:
        return self.put(f"{API}/namespaces/{instance_key.namespace}/cryostats/{instance_key.name}", {"spec": {}})


async def until(is_reached: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not is_reached():
            await asyncio.sleep(0)
