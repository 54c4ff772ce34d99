"""Registers the webhooks with the API server: their address and the authority of their certificate."""

from __future__ import annotations

import base64
import logging
from dataclasses import dataclass
from typing import Any

from ..api import constants
from ..kube.client import JSON_PATCH, Client
from ..kube.errors import ApiError
from ..plan.model.kinds import Obj, resource_path
from ..plan.model.webhook_definitions import WebhookPaths, mutating, validating

logger = logging.getLogger(__name__)

_GROUP = "admissionregistration.k8s.io"


@dataclass(frozen=True)
class Address:
    """How the API server reaches the operator: through a Service, or by `url` if it runs outside the cluster."""

    namespace: str
    service: str
    url: str | None = None

    def client_config(self, path: str, ca_bundle: bytes | None) -> Obj:
        """Return the client configuration of a webhook at this path."""
        bundle = {"caBundle": base64.b64encode(ca_bundle).decode()} if ca_bundle else {}
        if self.url:
            return {"url": self.url.rstrip("/") + path, **bundle}
        return {"service": {"name": self.service, "namespace": self.namespace, "path": path, "port": 443}, **bundle}


class Registration:
    """Keeps the two webhook configurations and the conversion of the CRD as they must be.

    Args:
        client: writes them.
        prefix: prefix of the names of the configurations.
        address: how the API server reaches the operator.
    """

    def __init__(self, client: Client, prefix: str, address: Address) -> None:
        self._client = client
        self._address = address
        self._missing: set[str] = set()
        self._match_conditions = True  # False: the API server drops them (before Kubernetes 1.28)
        self._configurations = {
            f"{prefix}{kind.lower()}-webhook-configuration": (f"{kind}WebhookConfiguration", definitions)
            for kind, definitions in (("Mutating", mutating()), ("Validating", validating()))
        }
        definition = f"{constants.PLURAL}.{constants.GROUP}"
        self._definition = resource_path("apiextensions.k8s.io", "v1", "customresourcedefinitions", name=definition)

    async def ensure(self, ca_bundle: bytes, interim_ca: bytes = b"") -> None:
        """Write what differs, and create configurations that were deleted.

        Args:
            ca_bundle: the authorities that the API server must trust. Empty if another controller registers them
                (cert-manager, OpenShift's service CA, OLM): its value is not changed, and missing objects are not
                created.
            interim_ca: the authorities to register until that controller has done so.

        Raises:
            ApiError: something cannot be read or written.
        """
        if self._address.url:
            interim_ca = b""  # the certificate at a given URL is trusted otherwise
        for name, (kind, webhooks) in self._configurations.items():
            entries = [self._entry(webhook, ca_bundle) for webhook in webhooks]
            if not await self._sync_webhooks(_path(kind, name), entries, ca_bundle, interim_ca) and ca_bundle:
                await self._create(kind, name, entries)
        await self._sync_conversion(ca_bundle, interim_ca)

    async def unregister(self) -> None:
        """Remove the webhooks from their configurations, because this address will not answer any more.

        Raises:
            ApiError: something cannot be read or written.
        """
        for name, (kind, _) in self._configurations.items():
            await self._sync_webhooks(_path(kind, name), [])

    def _entry(self, webhook: Obj, ca_bundle: bytes | None) -> Obj:
        unused = {"path"} if self._match_conditions else {"path", "matchConditions"}
        rest = {key: value for key, value in webhook.items() if key not in unused}
        return {**rest, "clientConfig": self._address.client_config(webhook["path"], ca_bundle)}

    async def _sync_webhooks(
        self, path: str, desired: list[Obj], ca_bundle: bytes = b"", interim_ca: bytes = b""
    ) -> bool:
        """Write the webhooks of a configuration if they differ; return whether the configuration exists."""
        obj = await self._find(path)
        if obj is None:
            return False
        live = obj.get("webhooks") or []
        bundles = {each["name"]: each["clientConfig"].get("caBundle") for each in live}
        selectors = {each["name"]: each["namespaceSelector"] for each in live if each.get("namespaceSelector")}
        for each in desired:
            if each["name"] in selectors:
                each.setdefault("namespaceSelector", selectors[each["name"]])
            bundle = bundles.get(each["name"]) or base64.b64encode(interim_ca).decode()
            if "caBundle" not in each["clientConfig"] and bundle:
                each["clientConfig"]["caBundle"] = bundle
        if any(self._is_other_installation(each["clientConfig"]) for each in live):
            return True
        # A controller that registers the authority may not know match conditions and drop them with each of its writes.
        # They are then written with the webhooks, but not restored, because that would be repeated without end.
        is_shared = any("caBundle" in each["clientConfig"] and not ca_bundle for each in desired)
        if not _is_same(desired, live, ignore_dropped_conditions=is_shared):
            written = await self._patch(path, obj, "/webhooks", desired)
            self._check_match_conditions(desired, written.get("webhooks") or [])
        return True

    def _check_match_conditions(self, desired: list[Obj], written: list[Obj]) -> None:
        """Notice an API server that drops match conditions, so that they are not written again and again."""
        expected = any(each.get("matchConditions") for each in desired)
        if expected and written and not any(each.get("matchConditions") for each in written):
            logger.info("This API server has no match conditions: deleting Cryostats needs a running operator")
            self._match_conditions = False

    async def _create(self, kind: str, name: str, webhooks: list[Obj]) -> None:
        metadata = {"name": name, "labels": {"app.kubernetes.io/name": "cryostat-operator"}}
        obj = {"apiVersion": f"{_GROUP}/v1", "kind": kind, "metadata": metadata, "webhooks": webhooks}
        try:
            await self._client.request("POST", _path(kind), body=obj)
        except ApiError as error:
            if error.status not in (403, 409):  # without the permission; created by another replica
                raise
            return
        logger.info("Created missing %s %s", kind, name)

    async def _sync_conversion(self, ca_bundle: bytes, interim_ca: bytes) -> None:
        """Write the conversion of the CRD. Without it, a write in v1beta1 would drop what only v1beta2 has."""
        obj = await self._find(self._definition)
        conversion = ((obj or {}).get("spec") or {}).get("conversion") or {}
        live = (conversion.get("webhook") or {}).get("clientConfig") or {}
        if obj is None or self._is_other_installation(live):
            return
        if not ca_bundle and conversion.get("strategy") == "Webhook" and (live.get("caBundle") or not interim_ca):
            return
        webhook = {
            "clientConfig": self._address.client_config(WebhookPaths.CONVERT, ca_bundle or interim_ca),
            "conversionReviewVersions": ["v1"],
        }
        desired = {"strategy": "Webhook", "webhook": webhook}
        if conversion != desired:
            await self._patch(self._definition, obj, "/spec/conversion", desired)

    def _is_other_installation(self, client_config: Obj) -> bool:
        """Whether an operator in another namespace is registered."""
        service = client_config.get("service")
        return bool(service and service.get("namespace") != self._address.namespace)

    async def _find(self, path: str) -> Obj | None:
        found = await self._client.get_or_none(path)
        if found is None:
            if path not in self._missing:
                logger.warning(
                    "%s does not exist; the API server does not call these webhooks", path.rsplit("/", 1)[-1]
                )
                self._missing.add(path)
            return None
        self._missing.discard(path)
        return found

    async def _patch(self, path: str, obj: Obj, pointer: str, value: Any) -> Obj:
        guard = {"op": "test", "path": "/metadata/resourceVersion", "value": obj["metadata"]["resourceVersion"]}
        change = {"op": "add", "path": pointer, "value": value}
        written = await self._client.request("PATCH", path, body=[guard, change], content_type=JSON_PATCH)
        logger.info("Updated webhook registration %s", path.rsplit("/", 1)[-1])
        return written


def _path(kind: str, name: str = "") -> str:
    return resource_path(_GROUP, "v1", f"{kind.lower()}s", name=name)


def _is_same(desired: list[Obj], live: list[Obj], *, ignore_dropped_conditions: bool = False) -> bool:
    """Whether the live webhooks have all desired values and no other match conditions.

    The API server sets defaults. A `namespaceSelector` is left to the administrators of the cluster: some platforms
    exclude their own namespaces from every webhook.
    """
    if [each["name"] for each in desired] != [each["name"] for each in live]:
        return False
    for want, have in zip(desired, live, strict=True):
        if any(have.get(key) != value for key, value in want.items() if key != "matchConditions"):
            return False
        wanted, present = want.get("matchConditions") or [], have.get("matchConditions") or []
        if present != wanted and not (ignore_dropped_conditions and not present):
            return False
    return True
