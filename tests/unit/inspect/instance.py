"""An instance in the in-memory API server, as after a reconcile."""

from __future__ import annotations

import base64
import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from cryostat_operator.api import constants
from cryostat_operator.plan.model.kinds import Key, Obj, path_of
from tests.unit.api_server import ApiServer

NAMESPACE, NAME = "here", "sample"
CRYOSTAT_PATH = f"/apis/{constants.API_VERSION}/namespaces/{NAMESPACE}/{constants.PLURAL}/{NAME}"
OWNED = {constants.LABEL_NAME: NAME, constants.LABEL_NAMESPACE: NAMESPACE}
NOW = 1_700_000_000.0  # seconds since the epoch


def condition(kind: str, status: str, reason: str, message: str = "") -> Obj:
    return {"type": kind, "status": status, "reason": reason, "message": message}


READY = condition("Ready", "True", "AllComponentsAvailable", "Cryostat is available")


def cryostat(*conditions: Obj, **status: Any) -> Obj:
    """The Cryostat `here/sample` with these conditions in its status."""
    return {
        "apiVersion": constants.API_VERSION,
        "kind": constants.KIND,
        "metadata": {"name": NAME, "namespace": NAMESPACE, "generation": 1},
        "spec": {},
        "status": {"observedGeneration": 1, "conditions": list(conditions or [READY]), **status},
    }


def owned(kind: str, name: str, namespace: str = NAMESPACE, **content: Any) -> Obj:
    """An object with the ownership labels."""
    return {"kind": kind, "metadata": {"name": name, "namespace": namespace, "labels": OWNED}, **content}


def deployment(suffix: str = "", ready: int = 1) -> Obj:
    name = f"{NAME}{suffix}"
    pod = {"spec": {"containers": [{"name": name, "image": f"quay.io/cryostat/{name}:4.2.0"}]}}
    status = {"observedGeneration": 1, "readyReplicas": ready, "updatedReplicas": ready}
    found = owned("Deployment", name, spec={"replicas": 1, "template": pod}, status=status)
    found["metadata"]["generation"] = 1
    return found


def pod(component: str, waiting: str = "", message: str = "") -> Obj:
    """A pod of a component. Its container waits with this reason, or runs if it is empty."""
    labels = {"app": NAME, "kind": "cryostat", "component": component}
    state = {"waiting": {"reason": waiting, "message": message}} if waiting else {"running": {}}
    ready = {"type": "Ready", "status": "False" if waiting else "True"}
    return {
        "kind": "Pod",
        "metadata": {"name": f"{NAME}-{component}-1", "namespace": NAMESPACE, "labels": labels},
        "spec": {"containers": [{"name": "c", "image": "quay.io/cryostat/x:1"}]},
        "status": {
            "phase": "Pending" if waiting else "Running",
            "conditions": [ready],
            "containerStatuses": [{"name": "c", "image": "quay.io/cryostat/x:1", "state": state, "ready": not waiting}],
        },
    }


def certificate(days: float) -> str:
    """A certificate that expires this many days after `NOW`, in base64 as in a Secret."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.fromtimestamp(NOW, datetime.UTC)
    builder = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=1,
        not_valid_before=now - datetime.timedelta(days=400),
        not_valid_after=now + datetime.timedelta(days=days),
    )
    return base64.b64encode(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)).decode()


def serve(server: ApiServer, *objects: Obj) -> ApiServer:
    """Put objects of `KINDS`, pods, and the Cryostat into the API server."""
    for obj in objects:
        meta = obj["metadata"]
        if obj["kind"] == constants.KIND:
            server.put(CRYOSTAT_PATH, obj)
        elif obj["kind"] == "Pod":
            server.put(f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}", obj)
        else:
            server.put(path_of(Key(obj["kind"], meta["namespace"], meta["name"])), obj)
    return server


# A Deployment of the operator without a ready pod.
DOWN: Obj = {"metadata": {"name": "cryostat-operator-controller", "namespace": "ops"}, "status": {}}


def lease(holder: str = "operator-1_uid") -> Obj:
    """The Lease of an operator that has not renewed it."""
    spec = {"holderIdentity": holder, "renewTime": "2023-11-14T22:00:00Z"}  # 800 seconds before NOW
    return {"metadata": {"name": "d696d7ab.redhat.com", "namespace": "ops"}, "spec": spec}
