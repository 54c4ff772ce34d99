"""The provisioner of the node's storage class. It creates a folder for each claim, and deletes it with the claim."""

from __future__ import annotations

import shutil
import threading
from contextlib import suppress
from pathlib import Path

import urllib3

from tests.cluster.api import Api, ApiError, Object
from tests.node.cluster_objects import local_volume
from tests.node.configuration import STORAGE_CLASS

_INTERVAL = 0.25  # seconds between two checks


class Provisioner:
    """A thread that provisions volumes in `directory` until `stop`."""

    def __init__(self, api: Api, node: str, directory: Path) -> None:
        self._api = api
        self._node = node
        self._directory = directory
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="volumes of the node", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread. The volumes remain."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(_INTERVAL):
            with suppress(ApiError, urllib3.exceptions.HTTPError):  # the API server may not answer
                self.provision()

    def provision(self) -> None:
        """Create a volume for each claim without one, and delete the volumes of deleted claims. Raises ApiError."""
        volumes = {volume["metadata"]["name"]: volume for volume in self._api.list("v1", "PersistentVolume")}
        for claim in self._api.list("v1", "PersistentVolumeClaim"):
            name = f"pvc-{claim['metadata']['uid']}"
            if claim["spec"].get("storageClassName") == STORAGE_CLASS and name not in volumes:
                folder = self._directory / name
                folder.mkdir(parents=True, exist_ok=True)
                self._api.create(local_volume(claim, self._node, str(folder)))
        for name, volume in volumes.items():
            if _released(volume):
                self._api.delete(volume)
                shutil.rmtree(self._directory / name, ignore_errors=True)


def _released(volume: Object) -> bool:
    is_own = volume["spec"].get("storageClassName") == STORAGE_CLASS
    return is_own and (volume.get("status") or {}).get("phase") == "Released"
