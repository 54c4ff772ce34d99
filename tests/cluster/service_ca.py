"""Simulates OpenShift's service CA: issues certificates for annotated Services, and injects CA bundles."""

from __future__ import annotations

import base64
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.cluster.api import Api, ApiError, Object
from tests.cluster.certificates import write_serving_certificate

_SECRET = "service.beta.openshift.io/serving-cert-secret-name"
_INJECT = "service.beta.openshift.io/inject-cabundle"
_INJECTED = (
    ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
)


class ServiceCa:
    """`with ServiceCa(api):` handles annotated objects several times a second."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._injected: dict[str, tuple[str, str]] = {}  # by uid: the version of the object, and its authority
        self._scratch = tempfile.TemporaryDirectory()
        self._authority = ""
        self.injecting = True  # False: certificates are issued, but no CA bundle is injected
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._scratch.cleanup()

    def _run(self) -> None:
        while not self._ended.wait(0.2):
            with suppress(ApiError, LookupError):
                self._issue()
                if self.injecting:
                    self._inject()

    def _issue(self) -> None:
        for service in self._api.list("v1", "Service"):
            meta = service["metadata"]
            secret = (meta.get("annotations") or {}).get(_SECRET)
            if secret and not self._api.find("v1", "Secret", secret, meta["namespace"]):
                host = f"{meta['name']}.{meta['namespace']}.svc"
                files = write_serving_certificate(Path(self._scratch.name), host, f"{host}.cluster.local")
                self._authority = _encoded(files.ca)
                self._api.create(
                    {
                        "apiVersion": "v1",
                        "kind": "Secret",
                        "type": "kubernetes.io/tls",
                        "metadata": {"name": secret, "namespace": meta["namespace"]},
                        "data": {"tls.crt": _encoded(files.certificate), "tls.key": _encoded(files.key)},
                    }
                )

    def _inject(self) -> None:
        for version, kind in _INJECTED:
            # Only metadata is listed: definitions are large, and few are annotated.
            for each in self._api.list_metadata(version, kind):
                meta = each["metadata"]
                state = (meta["resourceVersion"], self._authority)
                asked = (meta.get("annotations") or {}).get(_INJECT) == "true"
                if asked and self._authority and self._injected.get(meta["uid"]) != state:
                    self._inject_into(
                        {"apiVersion": version, "kind": kind, **self._api.get(version, kind, meta["name"])}
                    )

    def _inject_into(self, obj: Object) -> None:
        clients = list(_clients(obj))
        if any(each.get("caBundle") != self._authority for each in clients):
            for client in clients:
                client["caBundle"] = self._authority
            obj = self._api.replace(obj)
        self._injected[obj["metadata"]["uid"]] = (obj["metadata"]["resourceVersion"], self._authority)


def _clients(obj: Object) -> Iterator[Object]:
    for webhook in obj.get("webhooks") or []:
        yield webhook["clientConfig"]
    conversion = (obj.get("spec") or {}).get("conversion") or {}
    if client := (conversion.get("webhook") or {}).get("clientConfig"):
        yield client


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
