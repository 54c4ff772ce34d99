"""A simulated Go operator: creates a captured instance in a cluster with the objects that the Go operator created.

The objects have the field manager and owner references of the Go operator, and the Cryostat has its finalizer and its
status. Secrets have real values, and pods run. A capture that was made with cert-manager needs a running cert-manager.
"""

from __future__ import annotations

import base64
import copy
import json
import secrets
from dataclasses import dataclass
from typing import Any

from cryostat_operator.api import constants
from tests.cluster.api import Api, Object, condition, eventually
from tests.conformance.captures import captured, captured_status, documents

MANAGER = "manager"  # the name of its program, which its client library uses as field manager
FINALIZER = "operator.cryostat.io/cryostat.finalizer"
SPECIFIED = ("Service", "Route", "Ingress", "PersistentVolumeClaim", "Deployment")  # kinds whose labels a spec may set
ADDRESS = "203.0.113.7"  # the address of an ingress controller
_TEXTS = {"<hash>": "0" * 64, "<text>": "# text\n", "<apiserver>": "192.0.2.1/32", "<ca>": "-----BEGIN"}


@dataclass(frozen=True)
class GoOperatorInstance:
    """The instance of one captured case of one profile.

    Attributes:
        former: a label of an older spec, which the Go operator never removes.
    """

    api: Api
    case: str
    profile: str
    former: str

    @property
    def inputs(self) -> list[Object]:
        return documents(self.case, self.profile)

    @property
    def manifest(self) -> Object:
        """The Cryostat manifest of the case."""
        return next(d for d in self.inputs if d["kind"] == constants.KIND)

    @property
    def cryostat(self) -> Object:
        """The live Cryostat."""
        metadata = self.manifest["metadata"]
        return self.api.get(constants.API_VERSION, constants.KIND, metadata["name"], metadata["namespace"])

    @property
    def namespaces(self) -> list[str]:
        """The namespaces of the case, and a former target namespace."""
        own = [d["metadata"]["name"] for d in self.inputs if d["kind"] == "Namespace"]
        return [*own, self.former_target_namespace]

    @property
    def former_target_namespace(self) -> str:
        return f"{self.manifest['metadata']['namespace']}-gone"

    @property
    def captured(self) -> list[Object]:
        """All captured objects."""
        return captured(self.case, self.profile)

    @property
    def created(self) -> list[Object]:
        """The captured objects that the Go operator creates itself; cert-manager creates the others."""
        return [obj for obj in self.captured if not _issued(obj)]

    def create(self) -> None:
        """Create all objects without waiting for certificates. Deployments are paused, so that no pod starts."""
        for document in self.inputs:
            self.api.apply(document)
        for obj in self.created:
            if obj["kind"] == "PersistentVolumeClaim":
                self.api.create(_volume(obj))
        cr = self.cryostat
        cr["metadata"]["finalizers"] = [FINALIZER]
        cr = self.write(cr)
        for obj in self.created:
            if obj["kind"] == "Deployment":
                obj["spec"]["paused"] = True
            if obj["kind"] in SPECIFIED:
                obj["metadata"]["labels"] = {**(obj["metadata"].get("labels") or {}), self.former: "yes"}
            self.make(obj, cr)
        self._write_status(cr)

    def wait_until_complete(self) -> None:
        """Wait until cert-manager has issued the certificates and all pods run, and set the remaining fields."""
        for obj in self.captured:
            if obj["kind"] == "Certificate":
                eventually(lambda obj=obj: self._ready(obj), 300, f"{obj['metadata']['name']} is issued")  # type: ignore[misc]
        for obj in self.captured:
            if _issued(obj):
                self._set_owner(obj)
            elif _copied(obj, self.manifest):
                self._copy(obj)
        for obj in self.captured:
            if obj["kind"] == "Ingress":
                self.api.patch(obj, {"status": {"loadBalancer": {"ingress": [{"ip": ADDRESS}]}}}, sub="status")
            if obj["kind"] == "Deployment":
                eventually(lambda obj=obj: self._runs(obj), 300, f"{obj['metadata']['name']} runs")  # type: ignore[misc]

    def make(self, obj: Object, cr: Object) -> Object:
        """Create a captured object. Its owner references refer to the Cryostat `cr`."""
        obj = _filled(copy.deepcopy(obj))
        for reference in obj["metadata"].get("ownerReferences") or ():
            assert reference["kind"] == constants.KIND
            reference |= {
                "apiVersion": constants.API_VERSION,
                "uid": cr["metadata"]["uid"],
                "blockOwnerDeletion": True,
            }
        # Some releases of cert-manager do not know all fields of a capture; the Go operator ignored this.
        return self.api.create(obj, fieldManager=MANAGER, fieldValidation="Ignore")

    def write(self, obj: Object, sub: str = "") -> Object:
        """Replace a whole object (PUT), as the Go operator does for every change."""
        path = self.api.path_of(obj, sub)
        answer: Object = self.api.request("PUT", path, obj, fieldManager=MANAGER)
        return answer

    def _write_status(self, cr: Object) -> None:
        status = captured_status(self.case, self.profile)
        for each in status.get("conditions") or ():
            each |= {"lastTransitionTime": "2026-01-01T00:00:00Z", "message": ""}
        self.write({**cr, "status": status}, "status")

    def _ready(self, certificate: Object) -> bool:
        metadata = certificate["metadata"]
        live = self.api.get("cert-manager.io/v1", "Certificate", metadata["name"], metadata["namespace"])
        return bool(condition(live, "Ready").get("status") == "True")

    def _set_owner(self, obj: Object) -> None:
        """Set the owner reference of a Secret of cert-manager: its Certificate."""
        metadata = obj["metadata"]
        live = self.api.get("v1", "Secret", metadata["name"], metadata["namespace"])
        [reference] = metadata["ownerReferences"]
        owner = self.api.get("cert-manager.io/v1", "Certificate", reference["name"], metadata["namespace"])
        full = {
            **reference,
            "apiVersion": "cert-manager.io/v1",
            "uid": owner["metadata"]["uid"],
            "blockOwnerDeletion": True,
        }
        live["metadata"]["ownerReferences"] = [full]
        self.write({"apiVersion": "v1", "kind": "Secret", **live})

    def _copy(self, obj: Object) -> None:
        """Copy the data of a Secret to its copy in a target namespace."""
        metadata = obj["metadata"]
        original = self.api.get("v1", "Secret", metadata["name"], self.manifest["metadata"]["namespace"])
        live = self.api.get("v1", "Secret", metadata["name"], metadata["namespace"])
        live["data"] = {key: original["data"][key] for key in obj["data"]}
        self.write({"apiVersion": "v1", "kind": "Secret", **live})

    def _runs(self, obj: Object) -> bool:
        metadata = obj["metadata"]
        live = self.api.get("apps/v1", "Deployment", metadata["name"], metadata["namespace"])
        status = live.get("status") or {}
        assert status.get("observedGeneration") == live["metadata"]["generation"]
        if status.get("availableReplicas") != live["spec"]["replicas"]:
            pods = self.api.list("v1", "Pod", metadata["namespace"])
            found = [(pod["metadata"]["name"], pod.get("status")) for pod in pods]
            raise AssertionError(f"{self.case}: {status.get('conditions')} {found}")
        return True


def _volume(claim: Object) -> Object:
    """A PersistentVolume that is reserved for this claim."""
    spec, metadata = claim["spec"], claim["metadata"]
    name = f"{metadata['namespace']}-{metadata['name']}"
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "storageClassName": spec.get("storageClassName", ""),
            "claimRef": {"namespace": metadata["namespace"], "name": metadata["name"]},
            "hostPath": {"path": f"/nonexistent/{name}"},
        },
    }


def _issued(obj: Object) -> bool:
    """Whether the object is a Secret of cert-manager."""
    owners = obj["metadata"].get("ownerReferences") or ()
    return obj["kind"] == "Secret" and any(reference["kind"] == "Certificate" for reference in owners)


def _copied(obj: Object, cr: Object) -> bool:
    return bool(obj["kind"] == "Secret" and obj["metadata"]["namespace"] != cr["metadata"]["namespace"])


def _filled(obj: Object) -> Object:
    """The object with values instead of the placeholders of the capture."""
    if obj["kind"] == "Secret":
        obj["data"] = {key: base64.b64encode(secrets.token_urlsafe(24).encode()).decode() for key in obj["data"]}
    if obj["kind"] == "ConfigMap":
        data = obj.get("data") or {}
        obj["data"] = {k: v if isinstance(v, str) else json.dumps(v) for k, v in data.items()}
    filled: Object = _replaced(obj)
    return filled


def _replaced(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner) for inner in value]
    return _TEXTS.get(value, value) if isinstance(value, str) else value
