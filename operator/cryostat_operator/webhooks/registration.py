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
    """Writes the two webhook configurations and the conversion of the CRD, and restores them.

    Args:
        client: writes them.
        prefix: prefix of the names of the configurations.
        address: how the API server reaches the operator.

    Attributes:
        mutating_configuration: name of the MutatingWebhookConfiguration.
    """

    def __init__(self, client: Client, prefix: str, address: Address) -> None:
        self._client = client
        self._address = address
        self._warnings: set[str] = set()  # those that were logged and still apply
        self._supports_match_conditions = True  # False: the API server drops them (before Kubernetes 1.28)
        self.mutating_configuration = f"{prefix}mutating-webhook-configuration"
        self._configurations = {
            f"{prefix}{kind.lower()}-webhook-configuration": (f"{kind}WebhookConfiguration", definitions)
            for kind, definitions in (("Mutating", mutating()), ("Validating", validating()))
        }
        self._definition = f"{constants.PLURAL}.{constants.GROUP}"

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
            interim_ca = b""  # the API server trusts the certificate at a URL by its system authorities
        for name, (kind, webhooks) in self._configurations.items():
            entries = [self._entry(webhook, ca_bundle) for webhook in webhooks]
            exists = await self._sync_webhooks(kind, name, entries, ca_bundle, interim_ca)
            if not exists and ca_bundle:
                exists = await self._create(kind, name, entries)
            self._warn_if_missing(f"{kind} {name}", missing=not exists)
        await self._sync_conversion(ca_bundle, interim_ca)

    async def unregister(self) -> None:
        """Remove the webhooks from their configurations, because this address will not answer any more.

        Raises:
            ApiError: something cannot be read or written.
        """
        for name, (kind, _) in self._configurations.items():
            await self._sync_webhooks(kind, name, [])

    def _entry(self, webhook: Obj, ca_bundle: bytes | None) -> Obj:
        unused = {"path"} if self._supports_match_conditions else {"path", "matchConditions"}
        rest = {key: value for key, value in webhook.items() if key not in unused}
        return {**rest, "clientConfig": self._address.client_config(webhook["path"], ca_bundle)}

    async def _sync_webhooks(
        self, kind: str, name: str, desired: list[Obj], ca_bundle: bytes = b"", interim_ca: bytes = b""
    ) -> bool:
        """Write the webhooks of a configuration if they differ; return whether the configuration exists."""
        subject, path = f"{kind} {name}", _path(kind, name)
        obj = await self._client.get_or_none(path)
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
        if self._is_of_other_installation(subject, [each["clientConfig"] for each in live]):
            return True
        # A controller that registers the authority may not know match conditions and drop them with each of its writes.
        # They are then written with the webhooks, but not restored, because that would be repeated without end.
        is_shared = any("caBundle" in each["clientConfig"] and not ca_bundle for each in desired)
        if not _is_same(desired, live, ignore_dropped_conditions=is_shared):
            written = await self._patch(subject, path, obj, "/webhooks", desired)
            self._check_match_conditions(desired, written.get("webhooks") or [])
        return True

    def _check_match_conditions(self, desired: list[Obj], written: list[Obj]) -> None:
        """Detect an API server that drops match conditions, and do not write them again."""
        expected = any(each.get("matchConditions") for each in desired)
        if expected and written and not any(each.get("matchConditions") for each in written):
            logger.info(
                "The API server drops matchConditions of webhooks (before Kubernetes 1.28), "
                "so the deletion of a Cryostat needs a running operator"
            )
            self._supports_match_conditions = False

    async def _create(self, kind: str, name: str, webhooks: list[Obj]) -> bool:
        """Create a configuration; return whether it exists now."""
        metadata = {"name": name, "labels": {"app.kubernetes.io/name": "cryostat-operator"}}
        obj = {"apiVersion": f"{_GROUP}/v1", "kind": kind, "metadata": metadata, "webhooks": webhooks}
        try:
            await self._client.request("POST", _path(kind), body=obj)
        except ApiError as error:
            if error.status not in (403, 409):  # no permission; created by another replica
                raise
            return error.status == 409
        logger.info("Created missing %s %s", kind, name)
        return True

    async def _sync_conversion(self, ca_bundle: bytes, interim_ca: bytes) -> None:
        """Write the conversion of the CRD. Without it, a write in v1beta1 would drop what only v1beta2 has."""
        subject = f"CustomResourceDefinition {self._definition}"
        path = resource_path("apiextensions.k8s.io", "v1", "customresourcedefinitions", name=self._definition)
        obj = await self._client.get_or_none(path)
        self._warn_if_missing(subject, missing=obj is None)
        conversion = ((obj or {}).get("spec") or {}).get("conversion") or {}
        live = (conversion.get("webhook") or {}).get("clientConfig") or {}
        if obj is None or self._is_of_other_installation(subject, [live]):
            return
        if not ca_bundle and conversion.get("strategy") == "Webhook" and (live.get("caBundle") or not interim_ca):
            return
        webhook = {
            "clientConfig": self._address.client_config(WebhookPaths.CONVERT, ca_bundle or interim_ca),
            "conversionReviewVersions": ["v1"],
        }
        desired = {"strategy": "Webhook", "webhook": webhook}
        if conversion != desired:
            await self._patch(subject, path, obj, "/spec/conversion", desired)

    def _is_of_other_installation(self, subject: str, client_configs: list[Obj]) -> bool:
        """Whether an operator in another namespace is registered."""
        services = [config.get("service") or {} for config in client_configs]
        namespaces = {service.get("namespace") for service in services if service} - {self._address.namespace}
        text = f"{subject} registers the operator in another namespace and is not changed. Run one operator per cluster"
        self._warn_once(text, holds=bool(namespaces))
        return bool(namespaces)

    def _warn_if_missing(self, subject: str, *, missing: bool) -> None:
        text = f"{subject} does not exist, so the API server does not call its webhooks"
        self._warn_once(f"{text}. Apply the manifests of the operator again", holds=missing)

    def _warn_once(self, text: str, *, holds: bool) -> None:
        """Log a warning when it begins to hold."""
        if holds and text not in self._warnings:
            logger.warning("%s", text)
        self._warnings = self._warnings | {text} if holds else self._warnings - {text}

    async def _patch(self, subject: str, path: str, obj: Obj, pointer: str, value: Any) -> Obj:
        guard = {"op": "test", "path": "/metadata/resourceVersion", "value": obj["metadata"]["resourceVersion"]}
        change = {"op": "add", "path": pointer, "value": value}
        written = await self._client.request("PATCH", path, body=[guard, change], content_type=JSON_PATCH)
        logger.info("Updated %s of %s", pointer.rsplit("/", 1)[-1], subject)
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
    for webhook, live_webhook in zip(desired, live, strict=True):
        if any(live_webhook.get(key) != value for key, value in webhook.items() if key != "matchConditions"):
            return False
        conditions, live_conditions = (each.get("matchConditions") or [] for each in (webhook, live_webhook))
        if live_conditions != conditions and (live_conditions or not ignore_dropped_conditions):
            return False
    return True
