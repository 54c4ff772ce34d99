"""Tells the API server where the webhooks are and which authority to trust, where nobody else does."""

from __future__ import annotations

import base64
import logging
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ...cluster.client import JSON_PATCH, ApiError, Client, resource_path
from ...desired import names
from ...desired.plan import Obj
from ...desired.webhooks import mutating, validating

logger = logging.getLogger(__name__)

_GROUP = "admissionregistration.k8s.io"


@dataclass(frozen=True)
class Address:
    """How the API server reaches us: by Service, or by `url` where the operator runs outside the cluster."""

    namespace: str
    service: str
    url: str | None = None

    def client_config(self, path: str, ca_bundle: bytes | None) -> Obj:
        bundle = {"caBundle": base64.b64encode(ca_bundle).decode()} if ca_bundle else {}
        if self.url:
            return {"url": self.url.rstrip("/") + path, **bundle}
        return {"service": {"name": self.service, "namespace": self.namespace, "path": path, "port": 443}, **bundle}


class Registration:
    """The two webhook configurations and the conversion of the CRD, as they are installed."""

    def __init__(self, client: Client, prefix: str, address: Address) -> None:
        self._client = client
        self._address = address
        self._missing: set[str] = set()
        self._configurations = {
            resource_path(
                _GROUP, "v1", f"{kind}webhookconfigurations", name=f"{prefix}{kind}-webhook-configuration"
            ): of
            for kind, of in (("mutating", mutating()), ("validating", validating()))
        }
        definition = f"{names.PLURAL}.{names.GROUP}"
        self._definition = resource_path("apiextensions.k8s.io", "v1", "customresourcedefinitions", name=definition)

    async def ensure(self, ca_bundle: bytes, meanwhile: bytes = b"") -> None:
        """Write what differs; what is not installed is left alone.

        Args:
            ca_bundle: whom the API server has to trust. Empty where somebody else says that (cert-manager, OpenShift's
                service-ca, OLM): what they said is never changed.
            meanwhile: whom to trust until they have said so, or nobody would be answered for a moment.

        Raises:
            ApiError: something cannot be read or written.
        """
        if self._address.url:
            meanwhile = b""  # who gives us an address gives us a certificate that is trusted there
        for path, webhooks in self._configurations.items():
            await self._enter(path, [self._entry(webhook, ca_bundle) for webhook in webhooks], meanwhile)
        if not ca_bundle and not meanwhile:
            return
        obj = await self._find(self._definition)
        conversion = ((obj or {}).get("spec") or {}).get("conversion") or {}
        client = (conversion.get("webhook") or {}).get("clientConfig")
        if ca_bundle or not (client or {}).get("caBundle"):
            where = "/spec/conversion/webhook/clientConfig"
            await self._write(self._definition, obj, [(where, client)], ca_bundle or meanwhile)

    async def withdraw(self) -> None:
        """Take our webhooks out: nobody will answer at this address any more.

        Raises:
            ApiError: something cannot be read or written.
        """
        for path in self._configurations:
            await self._enter(path, [])

    def _entry(self, webhook: Obj, ca_bundle: bytes | None) -> Obj:
        rest = {key: value for key, value in webhook.items() if key != "path"}
        return {**rest, "clientConfig": self._address.client_config(webhook["path"], ca_bundle)}

    async def _enter(self, path: str, wanted: list[Obj], meanwhile: bytes = b"") -> None:
        obj = await self._find(path)
        live = (obj or {}).get("webhooks") or []
        bundles = {each["name"]: each["clientConfig"].get("caBundle") for each in live}
        for each in wanted:
            bundle = bundles.get(each["name"]) or base64.b64encode(meanwhile).decode()
            if "caBundle" not in each["clientConfig"] and bundle:
                each["clientConfig"]["caBundle"] = bundle
        if obj is None or self._foreign(live) or _same(wanted, live):
            return
        guard = {"op": "test", "path": "/metadata/resourceVersion", "value": obj["metadata"]["resourceVersion"]}
        change = {"op": "add", "path": "/webhooks", "value": wanted}
        await self._client.request("PATCH", path, body=[guard, change], content_type=JSON_PATCH)
        logger.info("The API server knows where the webhooks are (%s)", path.rsplit("/", 1)[-1])

    def _foreign(self, live: list[Obj]) -> bool:
        """Whether another installation answers these."""
        services = [each["clientConfig"].get("service") for each in live]
        return any(service and service.get("namespace") != self._address.namespace for service in services)

    async def _find(self, path: str) -> Obj | None:
        try:
            found = await self._client.request("GET", path)
        except ApiError as error:
            if error.status != 404:
                raise
            if path not in self._missing:
                logger.warning("%s is not installed: the API server will not ask us", path.rsplit("/", 1)[-1])
                self._missing.add(path)
            return None
        self._missing.discard(path)
        return found

    async def _write(self, path: str, obj: Obj | None, clients: list[tuple[str, Any]], ca_bundle: bytes) -> None:
        changes = []
        for where, client in clients:
            wanted = self._wanted(client, ca_bundle)
            if wanted is not None and wanted != client:
                changes.append({"op": "replace", "path": where, "value": wanted})
        if obj is None or not changes:
            return
        guard = {"op": "test", "path": "/metadata/resourceVersion", "value": obj["metadata"]["resourceVersion"]}
        await self._client.request("PATCH", path, body=[guard, *changes], content_type=JSON_PATCH)
        logger.info("The API server knows where the webhooks are (%s)", path.rsplit("/", 1)[-1])

    def _wanted(self, client: Any, ca_bundle: bytes) -> Obj | None:
        """The client configuration as it should be; None for one that belongs to another installation."""
        if not isinstance(client, dict):
            return None
        service = client.get("service")
        if service and service.get("namespace") != self._address.namespace:
            return None
        path = service.get("path") if service else urlsplit(client.get("url") or "").path
        return self._address.client_config(path or "/", ca_bundle)


def _same(wanted: list[Obj], live: list[Obj]) -> bool:
    """Whether all that we say is there; the API server adds what we leave to it."""
    if [each["name"] for each in wanted] != [each["name"] for each in live]:
        return False
    return all(have.get(key) == value for want, have in zip(wanted, live, strict=True) for key, value in want.items())
