"""An instance with TLS on a real API server: its certificates, Secrets and condition."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping

from cryptography import x509

from cryostat_operator.api import constants
from tests.cluster.api import Api, Object, condition
from tests.cluster.controlplane import ControlPlane
from tests.cluster.operator_process import operator_requests

NAME = "tls"
ON = {"DISABLE_SERVICE_TLS": "false"}
CERTIFICATES = ("tls", "reports-tls", "database-tls", "storage-tls", "agent-tls")
Secret = dict[str, bytes]
SLOW = 60.0  # seconds until cert-manager has issued certificates


def cryostat(namespace: str, *targets: str, **spec: object) -> Object:
    """A Cryostat with target namespaces; by default its own."""
    return {
        "apiVersion": constants.API_VERSION,
        "kind": constants.KIND,
        "metadata": {"name": NAME, "namespace": namespace},
        "spec": {"targetNamespaces": list(targets) or [namespace], **spec},
    }


def secret(api: Api, namespace: str, name: str) -> Secret:
    """The decoded data of a Secret."""
    data = api.get("v1", "Secret", name, namespace).get("data") or {}
    return {key: base64.b64decode(value) for key, value in data.items()}


def tls_condition(api: Api, namespace: str) -> Object:
    """The condition about certificates."""
    return condition(api.get(constants.API_VERSION, constants.KIND, NAME, namespace), "TLSSetupComplete")


def ready(api: Api, namespace: str, reason: str = "AllCertificatesReady") -> bool:
    """Whether the newest spec is reconciled, and the condition about certificates has this reason."""
    live = api.get(constants.API_VERSION, constants.KIND, NAME, namespace)
    done = condition(live, "TLSSetupComplete").get("reason") == reason and condition(live, "Ready")["status"] == "True"
    return done and live["status"]["observedGeneration"] == live["metadata"]["generation"]


def deployments(api: Api, namespace: str) -> dict[str, int]:
    """The generations of Deployments, which count the changes of the spec."""
    return {d["metadata"]["name"]: d["metadata"]["generation"] for d in api.list("apps/v1", "Deployment", namespace)}


def serial(data: Secret) -> int:
    """The serial number of the certificate in a Secret."""
    return x509.load_pem_x509_certificate(data["tls.crt"]).serial_number


def write(api: Api, namespace: str, name: str, data: Mapping[str, bytes]) -> None:
    """Change a Secret as with `kubectl edit`."""
    live = api.get("v1", "Secret", name, namespace)
    api.patch(live, {"data": {key: base64.b64encode(value).decode() for key, value in data.items()}})


def issuer_of(api: Api, namespace: str) -> str:
    """The message of the condition about certificates, which names their issuer."""
    return str(tls_condition(api, namespace).get("message", ""))


def by_cert_manager(api: Api, namespace: str) -> bool:
    """Whether cert-manager has issued all certificates."""
    return "cert-manager" in issuer_of(api, namespace) and ready(api, namespace)


def by_operator(api: Api, namespace: str) -> bool:
    """Whether the operator's CA has issued all certificates."""
    return "own authority" in issuer_of(api, namespace) and ready(api, namespace)


def kept_objects(api: Api, namespace: str) -> dict[str, str]:
    """The UIDs of the objects that every change must keep, by name: the claims, and the keys of their data."""
    claims = api.list("v1", "PersistentVolumeClaim", namespace)
    keys = [api.get("v1", "Secret", f"{NAME}-db", namespace)]
    return {obj["metadata"]["name"]: obj["metadata"]["uid"] for obj in [*claims, *keys]}


def is_idle(plane: ControlPlane) -> bool:
    """Whether the operator writes nothing for two seconds."""
    mark = plane.audit_mark()
    time.sleep(2)
    return not operator_requests(plane.audit_since(mark))
