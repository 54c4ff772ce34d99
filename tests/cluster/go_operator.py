"""A simulated Go operator: creates a captured instance in a cluster with the objects that the Go operator created.

Its field manager, its finalizer on the Cryostat, its owner references, real values in its Secrets, its status, and pods
that run. With a capture that was made with cert-manager, a real one must be there to issue the certificates.
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

MANAGER = "manager"  # the name of its program, which is what its client library writes into managedFields
FINALIZER = "operator.cryostat.io/cryostat.finalizer"
ADDRESS = "203.0.113.7"  # of an ingress controller
_TEXTS = {"<hash>": "0" * 64, "<text>": "# text\n", "<apiserver>": "192.0.2.1/32", "<ca>": "-----BEGIN"}


@dataclass(frozen=True)
class GoOperatorInstance:
    """One captured case of one profile."""

    api: Api
    case: str
    profile: str

    @property
    def inputs(self) -> list[Object]:
        return documents(self.case, self.profile)

    @property
    def wanted(self) -> Object:
        """The Cryostat as it is asked for."""
        return next(d for d in self.inputs if d["kind"] == constants.KIND)

    @property
    def cryostat(self) -> Object:
        """The Cryostat as it is."""
        metadata = self.wanted["metadata"]
        return self.api.get(constants.API_VERSION, constants.KIND, metadata["name"], metadata["namespace"])

    @property
    def namespaces(self) -> list[str]:
        """Those of the case, and one that was a target once."""
        own = [d["metadata"]["name"] for d in self.inputs if d["kind"] == "Namespace"]
        return [*own, self.given_up]

    @property
    def given_up(self) -> str:
        return f"{self.wanted['metadata']['namespace']}-gone"

    @property
    def captured(self) -> list[Object]:
        """All that came of it."""
        return captured(self.case, self.profile)

    @property
    def own(self) -> list[Object]:
        """What that operator makes itself, as captured."""
        return [obj for obj in self.captured if not _issued(obj)]

    def work(self) -> None:
        """Makes everything; what takes time has only begun. Deployments are paused, so that no pod starts yet."""
        for document in self.inputs:
            self.api.apply(document)
        for obj in self.own:
            if obj["kind"] == "PersistentVolumeClaim":
                self.api.create(_volume(obj))
        cr = self.cryostat
        cr["metadata"]["finalizers"] = [FINALIZER]
        cr = self.write(cr)
        for obj in self.own:
            paused = {"spec": {**obj["spec"], "paused": True}} if obj["kind"] == "Deployment" else {}
            self.make({**obj, **paused}, cr)
        self._write_status(cr)

    def finish(self) -> None:
        """Waits until cert-manager has issued and all pods run, as it was left before it was replaced."""
        for obj in self.captured:
            if obj["kind"] == "Certificate":
                eventually(lambda obj=obj: self._ready(obj), 300, f"{obj['metadata']['name']} is issued")  # type: ignore[misc]
        for obj in self.captured:
            if _issued(obj):
                self._hand_over(obj)
            elif _copied(obj, self.wanted):
                self._copy(obj)
        for obj in self.captured:
            if obj["kind"] == "Ingress":
                self.api.patch(obj, {"status": {"loadBalancer": {"ingress": [{"ip": ADDRESS}]}}}, sub="status")
            if obj["kind"] == "Deployment":
                eventually(lambda obj=obj: self._runs(obj), 300, f"{obj['metadata']['name']} runs")  # type: ignore[misc]

    def make(self, obj: Object, cr: Object) -> Object:
        """Creates an object of a capture, controlled by this Cryostat where it says so."""
        obj = _filled(copy.deepcopy(obj))
        for reference in obj["metadata"].get("ownerReferences") or ():
            assert reference["kind"] == constants.KIND
            reference |= {
                "apiVersion": constants.API_VERSION,
                "uid": cr["metadata"]["uid"],
                "blockOwnerDeletion": True,
            }
        # Releases of cert-manager drop fields that they do not know; that operator did not mind.
        return self.api.create(obj, fieldManager=MANAGER, fieldValidation="Ignore")

    def write(self, obj: Object, sub: str = "") -> Object:
        """A full update, which is how it changes everything."""
        path = self.api.path_of(obj, sub)
        answer: Object = self.api.request("PUT", path, obj, fieldManager=MANAGER)
        return answer

    def label(self, obj: Object, **labels: str) -> None:
        """Puts labels on one of its objects, as an older spec may have asked."""
        body = {"metadata": {"labels": labels}}
        merge = "application/merge-patch+json"
        self.api.request("PATCH", self.api.path_of(obj), body, merge, fieldManager=MANAGER)

    def _write_status(self, cr: Object) -> None:
        status = captured_status(self.case, self.profile)
        for each in status.get("conditions") or ():
            each |= {"lastTransitionTime": "2026-01-01T00:00:00Z", "message": ""}
        self.write({**cr, "status": status}, "status")

    def _ready(self, certificate: Object) -> bool:
        metadata = certificate["metadata"]
        live = self.api.get("cert-manager.io/v1", "Certificate", metadata["name"], metadata["namespace"])
        return bool(condition(live, "Ready").get("status") == "True")

    def _hand_over(self, obj: Object) -> None:
        """Makes a Certificate the owner of the Secret that was issued for it."""
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
        """Fills a copy in a target namespace from its original."""
        metadata = obj["metadata"]
        original = self.api.get("v1", "Secret", metadata["name"], self.wanted["metadata"]["namespace"])
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
    """A volume that only this claim binds to."""
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
    """Whether cert-manager wrote it."""
    owners = obj["metadata"].get("ownerReferences") or ()
    return obj["kind"] == "Secret" and any(reference["kind"] == "Certificate" for reference in owners)


def _copied(obj: Object, cr: Object) -> bool:
    return bool(obj["kind"] == "Secret" and obj["metadata"]["namespace"] != cr["metadata"]["namespace"])


def _filled(obj: Object) -> Object:
    """The object with values where the capture has only marks."""
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
