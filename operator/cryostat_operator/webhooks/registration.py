"""Tells the API server where the webhooks are and which authority to trust, where nobody else does."""

from __future__ import annotations

import base64
import logging
from dataclasses import dataclass
from typing import Any

from ..api import constants
from ..kube.client import JSON_PATCH, Client
from ..kube.errors import ApiError
from ..plan.model import webhook_paths
from ..plan.model.kinds import Obj, resource_path
from ..plan.model.webhook_definitions import mutating, validating

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
    """The two webhook configurations and the conversion of the CRD: kept as they must be, whoever changes them."""

    def __init__(self, client: Client, prefix: str, address: Address) -> None:
        self._client = client
        self._address = address
        self._missing: set[str] = set()
        self._configurations = {
            f"{prefix}{kind.lower()}-webhook-configuration": (f"{kind}WebhookConfiguration", of)
            for kind, of in (("Mutating", mutating()), ("Validating", validating()))
        }
        definition = f"{constants.PLURAL}.{constants.GROUP}"
        self._definition = resource_path("apiextensions.k8s.io", "v1", "customresourcedefinitions", name=definition)

    async def ensure(self, ca_bundle: bytes, meanwhile: bytes = b"") -> None:
        """Write what differs, and make configurations that somebody has deleted.

        Args:
            ca_bundle: whom the API server has to trust. Empty where somebody else says that (cert-manager, OpenShift's
                service-ca, OLM): what they said is never changed, and what is missing is left to them.
            meanwhile: whom to trust until they have said so, or nobody would be answered for a moment.

        Raises:
            ApiError: something cannot be read or written.
        """
        if self._address.url:
            meanwhile = b""  # who gives us an address gives us a certificate that is trusted there
        for name, (kind, webhooks) in self._configurations.items():
            entries = [self._entry(webhook, ca_bundle) for webhook in webhooks]
            if not await self._enter(_path(kind, name), entries, meanwhile) and ca_bundle:
                await self._make(kind, name, entries)
        await self._convert(ca_bundle, meanwhile)

    async def withdraw(self) -> None:
        """Take our webhooks out: nobody will answer at this address any more.

        Raises:
            ApiError: something cannot be read or written.
        """
        for name, (kind, _) in self._configurations.items():
            await self._enter(_path(kind, name), [])

    def _entry(self, webhook: Obj, ca_bundle: bytes | None) -> Obj:
        rest = {key: value for key, value in webhook.items() if key != "path"}
        return {**rest, "clientConfig": self._address.client_config(webhook["path"], ca_bundle)}

    async def _enter(self, path: str, wanted: list[Obj], meanwhile: bytes = b"") -> bool:
        """Whether there is such a configuration."""
        obj = await self._find(path)
        if obj is None:
            return False
        live = obj.get("webhooks") or []
        bundles = {each["name"]: each["clientConfig"].get("caBundle") for each in live}
        for each in wanted:
            bundle = bundles.get(each["name"]) or base64.b64encode(meanwhile).decode()
            if "caBundle" not in each["clientConfig"] and bundle:
                each["clientConfig"]["caBundle"] = bundle
        if not any(self._foreign(each["clientConfig"]) for each in live) and not _same(wanted, live):
            await self._patch(path, obj, "/webhooks", wanted)
        return True

    async def _make(self, kind: str, name: str, webhooks: list[Obj]) -> None:
        metadata = {"name": name, "labels": {"app.kubernetes.io/name": "cryostat-operator"}}
        obj = {"apiVersion": f"{_GROUP}/v1", "kind": kind, "metadata": metadata, "webhooks": webhooks}
        try:
            await self._client.request("POST", _path(kind), body=obj)
        except ApiError as error:
            if error.status not in (403, 409):  # without the permission; made by somebody else meanwhile
                raise
            return
        logger.info("%s %s was missing: made", kind, name)

    async def _convert(self, ca_bundle: bytes, meanwhile: bytes) -> None:
        """The CRD's conversion: without it whoever writes v1beta1 would lose what only v1beta2 has."""
        obj = await self._find(self._definition)
        conversion = ((obj or {}).get("spec") or {}).get("conversion") or {}
        live = (conversion.get("webhook") or {}).get("clientConfig") or {}
        if obj is None or self._foreign(live):
            return
        if not ca_bundle and conversion.get("strategy") == "Webhook" and (live.get("caBundle") or not meanwhile):
            return
        webhook = {
            "clientConfig": self._address.client_config(webhook_paths.CONVERT, ca_bundle or meanwhile),
            "conversionReviewVersions": ["v1"],
        }
        wanted = {"strategy": "Webhook", "webhook": webhook}
        if conversion != wanted:
            await self._patch(self._definition, obj, "/spec/conversion", wanted)

    def _foreign(self, client: Obj) -> bool:
        """Whether another installation answers there."""
        service = client.get("service")
        return bool(service and service.get("namespace") != self._address.namespace)

    async def _find(self, path: str) -> Obj | None:
        found = await self._client.get_or_none(path)
        if found is None:
            if path not in self._missing:
                logger.warning("%s is not installed: the API server will not ask us", path.rsplit("/", 1)[-1])
                self._missing.add(path)
            return None
        self._missing.discard(path)
        return found

    async def _patch(self, path: str, obj: Obj, where: str, value: Any) -> None:
        guard = {"op": "test", "path": "/metadata/resourceVersion", "value": obj["metadata"]["resourceVersion"]}
        change = {"op": "add", "path": where, "value": value}
        await self._client.request("PATCH", path, body=[guard, change], content_type=JSON_PATCH)
        logger.info("The API server knows where the webhooks are (%s)", path.rsplit("/", 1)[-1])


def _path(kind: str, name: str = "") -> str:
    return resource_path(_GROUP, "v1", f"{kind.lower()}s", name=name)


def _same(wanted: list[Obj], live: list[Obj]) -> bool:
    """Whether all that we say is there, and no condition that lets something pass us by.

    The API server adds what we leave to it; a `namespaceSelector` is left to the administrators of the cluster, some of
    which keep their own namespaces out of every webhook.
    """
    if [each["name"] for each in wanted] != [each["name"] for each in live]:
        return False
    pairs = list(zip(wanted, live, strict=True))
    told = all(have.get(key) == value for want, have in pairs for key, value in want.items())
    return told and not any(have.get("matchConditions") for have in live)
