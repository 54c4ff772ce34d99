"""One object as it was last seen: whose it is, what may be kept of it, and how two states of it are told apart."""

from __future__ import annotations

import hashlib
import hmac
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import orjson

from ..api import constants
from ..pki.inspection import InspectedCertificate, inspect_secret
from ..plan.diff.ownership import controller_of
from ..plan.model.kinds import InstanceKey, Obj
from ..plan.model.snapshot import ContentSummary

Enqueue = Callable[[InstanceKey], None]
EnqueueAfter = Callable[[InstanceKey, float], None]  # within so many seconds


def digest(uid: str, data: dict[str, str], binary: dict[str, str]) -> str:
    """A digest of the content that tells nothing about it: its key is the object's UID, unknown to pod readers."""
    content = orjson.dumps([data, binary], option=orjson.OPT_SORT_KEYS)
    return hmac.new(uid.encode(), content, hashlib.sha256).hexdigest()


def content_summary(obj: Obj) -> ContentSummary:
    """Keys and digest of a Secret or ConfigMap."""
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    made_for = (obj["metadata"].get("annotations") or {}).get(constants.ANNOTATION_CERTIFICATE, "")
    return ContentSummary(frozenset(data) | frozenset(binary), digest(obj["metadata"]["uid"], data, binary), made_for)


@dataclass(slots=True)
class Record:
    """One object of ours: identity, digests of what it should be (essence), of what it is (state) and of what else it
    says of that (murmur), its JSON.

    `controller` is the UID and the name of the Cryostat that controls it, `agreed` the digest of the wish that its
    essence was last found to fulfil.
    """

    uid: str
    version: str
    spec_hash: bytes
    state: bytes
    noise_hash: bytes
    body: bytes
    data: ContentSummary | None
    certificate: InspectedCertificate | None = None
    controller: tuple[str, str] | None = None
    agreed: bytes = b""

    @property
    def obj(self) -> Obj:
        return dict(orjson.loads(zlib.decompress(self.body)))


def record_of(kind: str, live: Obj, obj: Obj) -> Record:
    """The record of an object, `live` being what is `trimmed` of it."""
    metadata = {k: v for k, v in live["metadata"].items() if k not in ("resourceVersion", "generation")}
    data = content_summary(obj) if kind in ("Secret", "ConfigMap") else None
    if data and kind == "Secret":  # somebody has emptied a value of ours: as good as none
        data = replace(data, keys=frozenset(key for key in data.keys if obj["data"][key]))
    wanted = {**live, "metadata": metadata, "status": None, "data digest": data.digest if data else None}
    certificate = inspect_secret(obj.get("data") or {}) if kind == "Secret" else None
    version, body = resource_version(obj), zlib.compress(orjson.dumps(live), 1)
    state, noise_hash = _told(live.get("status") or {}) if kind == "Deployment" else (live.get("status"), None)
    digests = _digest(wanted), _digest(state), _digest(noise_hash)
    return Record(metadata["uid"], version, *digests, body, data, certificate, controller_of(obj))


def _told(status: Obj) -> tuple[Any, Any]:
    """What a Deployment's status says of being available, failing and having finished, and its other remarks.

    How many pods it just has, and when a condition was looked at, is neither.
    """
    conditions = sorted(status.get("conditions") or (), key=lambda condition: str(condition.get("type")))
    said = [[c.get(k) for k in ("type", "status", "reason", "message")] for c in conditions]
    true = [c["type"] for c in conditions if c.get("status") == "True" and c["type"] != "Progressing"]
    ends = [c.get("reason") for c in conditions if c["type"] == "Progressing" and c.get("reason") in _ENDS]
    return [true, ends], [status.get("observedGeneration"), said]


_ENDS = frozenset({"NewReplicaSetAvailable", "ProgressDeadlineExceeded"})


def _digest(value: Any) -> bytes:
    return hashlib.blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


def resource_version(obj: Obj) -> str:
    return str(obj["metadata"].get("resourceVersion") or "")
