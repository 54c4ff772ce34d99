"""One object as it was last seen: whose it is, what may be kept of it, and how two states of it are told apart."""

from __future__ import annotations

import hashlib
import hmac
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import orjson

from ..desired import names
from ..desired.instance import DataFact
from ..desired.plan import Obj
from .certificates import Inspected, inspect
from .client import FIELD_MANAGER

# Field manager of the Go operator, and of every other program that is called so: see `is_our_work`.
_MANAGER = "manager"


class Owner(NamedTuple):
    """The Cryostat that something belongs to."""

    namespace: str
    name: str


Ring = Callable[[Owner], None]
RingLater = Callable[[Owner, float], None]  # within so many seconds


def owner_of(obj: Obj) -> Owner | None:
    """The Cryostat that an object's mark names."""
    labels = obj["metadata"].get("labels") or {}
    if names.LABEL_NAME in labels and names.LABEL_NAMESPACE in labels:
        return Owner(labels[names.LABEL_NAMESPACE], labels[names.LABEL_NAME])
    return None


def digest(uid: str, data: dict[str, str], binary: dict[str, str]) -> str:
    """A digest of the content that tells nothing about it: its key is the object's UID, unknown to pod readers."""
    content = orjson.dumps([data, binary], option=orjson.OPT_SORT_KEYS)
    return hmac.new(uid.encode(), content, hashlib.sha256).hexdigest()


def data_fact(obj: Obj) -> DataFact:
    """Keys and digest of a Secret or ConfigMap."""
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    made_for = (obj["metadata"].get("annotations") or {}).get(names.ANNOTATION_CERTIFICATE, "")
    return DataFact(frozenset(data) | frozenset(binary), digest(obj["metadata"]["uid"], data, binary), made_for)


def trimmed(kind: str, obj: Obj) -> Obj:
    """The parts of a live object that are compared or reported; Secret values never enter the cache."""
    metadata = {k: v for k, v in obj["metadata"].items() if k not in ("managedFields", "selfLink")}
    metadata["managedFields"] = [m for m in map(_metadata_fields, obj["metadata"].get("managedFields") or ()) if m]
    result = {**obj, "kind": kind, "metadata": metadata}
    if kind == "Secret":
        result.pop("data", None)
    return result


def is_our_work(entry: Obj) -> bool:
    """Whether an entry of `managedFields` tells of this operator, or of the Go operator that it takes over from.

    The latter's manager is just `manager`, as in most operators: it was the Go operator if it also made the object, and
    so has set an owner or the mark.
    """
    if entry.get("subresource"):
        return False
    metadata = (entry.get("fieldsV1") or {}).get("f:metadata") or {}
    made = "f:ownerReferences" in metadata or f"f:{names.LABEL_NAME}" in (metadata.get("f:labels") or {})
    return entry.get("manager") == FIELD_MANAGER or (entry.get("manager") == _MANAGER and made)


def _metadata_fields(entry: Obj) -> Obj | None:
    """What we set in the metadata of an object and of its pod template."""
    if not is_our_work(entry):
        return None
    fields = entry.get("fieldsV1") or {}
    own = fields.get("f:metadata")
    template = ((fields.get("f:spec") or {}).get("f:template") or {}).get("f:metadata")
    kept: dict[str, Any] = {}
    if own:
        kept["f:metadata"] = {k: own[k] for k in ("f:labels", "f:annotations") if k in own}
    if template:
        kept["f:spec"] = {"f:template": {"f:metadata": template}}
    return {"manager": entry["manager"], "fieldsV1": kept}


@dataclass(slots=True)
class Record:
    """One object of ours: identity, digests of what it should be (essence), of what it is (state) and of what else it
    says of that (murmur), its JSON.

    `controller` is the UID and the name of the Cryostat that controls it, `agreed` the digest of the wish that its
    essence was last found to fulfil.
    """

    uid: str
    version: str
    essence: bytes
    state: bytes
    murmur: bytes
    body: bytes
    data: DataFact | None
    certificate: Inspected | None = None
    controller: tuple[str, str] | None = None
    agreed: bytes = b""

    @property
    def obj(self) -> Obj:
        return dict(orjson.loads(zlib.decompress(self.body)))


def record_of(kind: str, live: Obj, obj: Obj) -> Record:
    """The record of an object, `live` being what is `trimmed` of it."""
    metadata = {k: v for k, v in live["metadata"].items() if k not in ("resourceVersion", "generation")}
    data = data_fact(obj) if kind in ("Secret", "ConfigMap") else None
    if data and kind == "Secret":  # somebody has emptied a value of ours: as good as none
        data = replace(data, keys=frozenset(key for key in data.keys if obj["data"][key]))
    wanted = {**live, "metadata": metadata, "status": None, "data digest": data.digest if data else None}
    certificate = inspect(obj.get("data") or {}) if kind == "Secret" else None
    version, body = live_version(obj), zlib.compress(orjson.dumps(live), 1)
    state, murmur = _told(live.get("status") or {}) if kind == "Deployment" else (live.get("status"), None)
    digests = _digest(wanted), _digest(state), _digest(murmur)
    return Record(metadata["uid"], version, *digests, body, data, certificate, controller_of(obj))


def controller_of(obj: Obj) -> tuple[str, str] | None:
    """UID and name of the Cryostat that controls an object, if one does."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        group = str(reference.get("apiVersion", "")).partition("/")[0]
        if reference.get("controller") and reference.get("kind") == names.KIND and group == names.GROUP:
            return str(reference.get("uid", "")), str(reference.get("name", ""))
    return None


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


def live_version(obj: Obj) -> str:
    return str(obj["metadata"].get("resourceVersion") or "")
