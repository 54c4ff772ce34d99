"""Finds what a backup needs of an instance: its pods, its Secrets, and how to reach its object storage.

Names of Secrets are read from the Deployments, so that they are the Secrets that the running pods use.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from ..inspect.states import find_condition
from ..kube.client import MERGE_PATCH, Client
from ..plan.model import names
from ..plan.model.kinds import Key, Obj, cryostat_path, path_of, resource_path
from .manifest import BackupError
from .object_storage import ObjectStorage
from .pod_streams import PodStreams

APPLICATION, DATABASE, STORAGE = "cryostat", "database", "storage"
_PASSWORD, _ACCESS_KEY = "POSTGRESQL_PASSWORD", "CRYOSTAT_ACCESS_KEY"


@dataclass(frozen=True)
class Component:
    """One component with a pod of its own.

    Attributes:
        pod: name of a ready pod.
        container: the container of the component, as its Deployment defines it.
    """

    pod: str
    container: Obj

    @property
    def image(self) -> str:
        """The image of the container."""
        return str(self.container.get("image", ""))

    def secret_of(self, variable: str) -> str:
        """Return the name of the Secret that a variable is read from; empty if there is none."""
        for entry in self.container.get("env") or ():
            if entry.get("name") == variable:
                return str(((entry.get("valueFrom") or {}).get("secretKeyRef") or {}).get("name") or "")
        return ""


class InstanceAccess:
    """One Cryostat and its objects, with the permissions of the user."""

    def __init__(self, client: Client, streams: PodStreams, namespace: str, name: str) -> None:
        self.client = client
        self.streams = streams
        self.namespace = namespace
        self.name = name

    @property
    def path(self) -> str:
        """URL path of the Cryostat."""
        return cryostat_path(self.namespace, self.name)

    async def deployment(self, component: str) -> Obj | None:
        """Return the Deployment of a component; None if there is none."""
        return await self.client.get_or_none(self._deployment_key(component))

    async def pods(self, component: str) -> list[Obj]:
        """Return the pods of a component."""
        selector = f"app={self.name},kind=cryostat,component={component}"
        path = resource_path("", "v1", "pods", self.namespace)
        answer = await self.client.request("GET", path, params={"labelSelector": selector})
        return list(answer.get("items") or ())

    async def component(self, component: str) -> Component:
        """Return a component that runs.

        Raises:
            BackupError: it has no Deployment or no ready pod.
        """
        deployment = await self.deployment(component)
        name = self._deployment_key(component).name
        if deployment is None:
            raise BackupError(f"Deployment {self.namespace}/{name} does not exist, so its data cannot be read.")
        ready = [pod for pod in await self.pods(component) if _is_ready(pod)]
        if not ready:
            raise BackupError(
                f"Deployment {self.namespace}/{name} has no ready pod. "
                f"`kubectl cryostat status {self.name} -n {self.namespace}` shows the cause."
            )
        return Component(ready[0]["metadata"]["name"], deployment["spec"]["template"]["spec"]["containers"][0])

    async def secret(self, name: str) -> Obj:
        """Read a Secret. Raises `ApiError` if it does not exist or may not be read."""
        return await self.client.get(Key("Secret", self.namespace, name))

    def database_secret(self, component: Component) -> str:
        """Return the name of the Secret with the keys of the database."""
        return component.secret_of(_PASSWORD) or f"{self.name}-db"

    def storage_secret(self, component: Component) -> str:
        """Return the name of the Secret with the credentials of the managed storage."""
        return component.secret_of(_ACCESS_KEY) or f"{self.name}-storage"

    async def run_script(self, component: Component, command: list[str], **streams: Any) -> str:
        """Run a command in the container of a component and return its standard error."""
        name = str(component.container["name"])
        return await self.streams.execute(self.namespace, component.pod, name, command, **streams)

    @asynccontextmanager
    async def storage(self, component: Component) -> AsyncIterator[ObjectStorage]:
        """Open the managed object storage through the API server.

        Raises:
            BackupError: its port cannot be reached, or one of its Secrets cannot be used.
        """
        name = self.storage_secret(component)
        data = decoded(await self.secret(name))
        if not {"ACCESS_KEY", "SECRET_KEY"} <= set(data):
            raise BackupError(f"Secret {self.namespace}/{name} needs the keys ACCESS_KEY and SECRET_KEY.")
        context, server_name = None, None
        arguments = " ".join(component.container.get("args") or ())
        if "-s3.cert.file=" in arguments:
            context = _trusting(await self.secret(f"{self.name}-storage-tls"))
            server_name = f"{self.name}-storage.{self.namespace}.svc"
        async with self.streams.forwarded(self.namespace, component.pod, names.PORT_STORAGE) as port:
            scheme = "https" if context else "http"
            url = f"{scheme}://127.0.0.1:{port}"
            keys = data["ACCESS_KEY"].decode(), data["SECRET_KEY"].decode()
            async with aclosing(ObjectStorage(url, *keys, context, server_name)) as storage:
                yield storage

    async def annotate(self, values: Mapping[str, str | None]) -> None:
        """Set annotations of the Cryostat, or remove those whose value is None."""
        body = {"metadata": {"annotations": dict(values)}}
        await self.client.request("PATCH", self.path, body=body, content_type=MERGE_PATCH)

    async def scale_application(self, replicas: int) -> None:
        """Set the number of replicas of the application."""
        key = self._deployment_key(APPLICATION)
        body = {"spec": {"replicas": replicas}}
        await self.client.request("PATCH", path_of(key), body=body, content_type=MERGE_PATCH)

    def _deployment_key(self, component: str) -> Key:
        name = self.name if component == APPLICATION else f"{self.name}-{component}"
        return Key("Deployment", self.namespace, name)


def image_of(deployment: Obj | None) -> str:
    """Return the image of the component of a Deployment; empty if there is no Deployment."""
    containers = deployment["spec"]["template"]["spec"]["containers"] if deployment else [{}]
    return str(containers[0].get("image", ""))


def decoded(secret: Obj) -> dict[str, bytes]:
    """Return the values of a Secret."""
    return {key: base64.b64decode(value) for key, value in (secret.get("data") or {}).items()}


def _trusting(secret: Obj) -> ssl.SSLContext:
    """Return a context that verifies a server with the authority of its Secret."""
    try:
        return ssl.create_default_context(cadata=decoded(secret)["ca.crt"].decode())
    except (KeyError, ValueError, ssl.SSLError):
        name = f"{secret['metadata'].get('namespace')}/{secret['metadata'].get('name')}"
        raise BackupError(f"Secret {name} has no certificate of an authority in ca.crt.") from None


def _is_ready(pod: Obj) -> bool:
    return find_condition(pod, "Ready").get("status") == "True" and "deletionTimestamp" not in pod["metadata"]
