"""Simulates the kubelet for the operator's own Deployment: runs its container as a process, mounts its Secret."""

from __future__ import annotations

import base64
import threading
from contextlib import suppress
from pathlib import Path

from tests.cluster.api import Api, ApiError, Object, eventually
from tests.cluster.operator_process import DEPLOYMENT, NAMESPACE, ForkedOperator
from tests.cluster.processes import free_ports


def deployment(api: Api) -> Object:
    """The installed Deployment of the operator."""
    return api.get("apps/v1", "Deployment", DEPLOYMENT, NAMESPACE)


class Pod(ForkedOperator):
    """The operator with the arguments, variables and mounted Secret of its installed Deployment.

    The constructor waits for a Secret that is not optional, as a kubelet does. `webhook_port` is the port that the
    webhook Service should lead to.
    """

    def __init__(self, api: Api, directory: Path) -> None:
        spec = deployment(api)["spec"]["template"]["spec"]
        [container] = spec["containers"]
        [volume] = [each["secret"] for each in spec["volumes"] if "secret" in each]
        self._api, self._secret, self._mount = api, volume["secretName"], directory / "certificate"
        self._mount.mkdir(parents=True)
        if volume.get("optional") is not True:
            eventually(self._mounted, what=f"Secret {self._secret}")
        [self.webhook_port] = free_ports(1)
        env = {each["name"]: each["value"] for each in container["env"] if "value" in each}
        # In a pod webhooks are enabled by default; the directory is the mount path of the volume.
        env |= {"ENABLE_WEBHOOKS": "true", "WEBHOOK_CERT_DIR": str(self._mount)}
        env.setdefault("DISABLE_SERVICE_TLS", "")
        arguments = [*container["command"][2:], f"--webhook-port={self.webhook_port}"]
        super().__init__(api, directory, env, arguments)
        self._ended = threading.Event()
        threading.Thread(target=self._keep_mounted, daemon=True).start()

    def kill(self) -> int:
        if hasattr(self, "_ended"):
            self._ended.set()
        return super().kill()

    def _keep_mounted(self) -> None:
        while not self._ended.wait(0.5):
            with suppress(ApiError, OSError):
                self._mounted()

    def _mounted(self) -> bool:
        secret = self._api.find("v1", "Secret", self._secret, NAMESPACE)
        for name, value in ((secret or {}).get("data") or {}).items():
            file, content = self._mount / name, base64.b64decode(value)
            if not file.exists() or file.read_bytes() != content:
                file.write_bytes(content)
        return bool(secret and secret.get("data"))
