"""An API server with discovery, and objects of the instance `here/x`."""

from __future__ import annotations

import asyncio
from typing import Any

from cryostat_operator.api import constants
from cryostat_operator.kube.errors import ApiError
from cryostat_operator.plan.model.kinds import Key, Obj, path_of
from tests.unit.api_server import ApiServer
from tests.unit.observe.objects import LABELS

SERVICE = Key("Service", "here", "x")

RESOURCES = {
    "/apis/route.openshift.io/v1": ["routes"],
    "/apis/console.openshift.io/v1": ["consolelinks"],
    "/apis/cert-manager.io/v1": [],
}


class Apis(ApiServer):
    """An API server that also serves discovery."""

    openshift = False

    async def request(self, method: str, path: str, **more: Any) -> Obj:
        if path in RESOURCES:
            if not self.openshift:
                raise ApiError(404, "NotFound", path)
            return {"resources": [{"name": name} for name in RESOURCES[path]]}
        return await super().request(method, path, **more)


def put(server: Apis, key: Key, *, uid: str = "u", name: str = "x", **metadata: Any) -> None:
    reference = {"apiVersion": constants.API_VERSION, "kind": "Cryostat", "name": name, "uid": uid, "controller": True}
    metadata = {"name": key.name, "labels": LABELS, "ownerReferences": [reference], **metadata}
    server.put(path_of(key), {"kind": key.kind, "metadata": metadata, "spec": {}})


def running_watches() -> set[str]:
    """The names of the watches that have not ended."""
    names = [task.get_name() for task in asyncio.all_tasks()]
    return {name.removeprefix("watch ") for name in names if name.startswith("watch ")}
