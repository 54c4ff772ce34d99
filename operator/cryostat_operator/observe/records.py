"""One owned object as last observed, with the hashes by which its changes are classified."""

from __future__ import annotations

import hashlib
import hmac
import zlib
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from ..api import constants
from ..pki.inspection import InspectedCertificate, inspect_secret
from ..pki.keystore_mac import value_to_compare
from ..plan.certificate_values import certificate_keys
from ..plan.database_keys import fingerprints
from ..plan.diff.ownership import controller_of
from ..plan.login_file import login_flaws
from ..plan.model.kinds import PARTIAL, Obj
from ..plan.model.managed_fields import trim
from ..plan.model.snapshot import ContentSummary
from ..plan.white_space import find_white_space

MAX_BODY_BYTES = 32 * 1024  # compressed; an object of the operator takes 1 to 4 KiB, and tenants can add to it
# Of the keys of a Secret or ConfigMap. An object of a MiB can have a hundred thousand, which would take ten MiB.
MAX_KEYS = 500
MAX_KEYS_LENGTH = 16 * 1024  # characters
SMALL_SHARE = 8  # both limits are divided by it for an object whose body is not kept
ROLLOUT_ENDED = frozenset({"NewReplicaSetAvailable", "ProgressDeadlineExceeded"})

# The metadata by which ownership and deletion are decided. Of objects that are never compared, only this is kept.
_PARTIAL_METADATA = ("name", "namespace", "uid", "resourceVersion", "deletionTimestamp")
_PARTIAL_LABELS = (constants.LABEL_NAME, constants.LABEL_NAMESPACE)
_PARTIAL_ANNOTATIONS = (constants.ANNOTATION_ISSUER, constants.ANNOTATION_CERTIFICATE)


def digest(uid: str, data: dict[str, str], binary: dict[str, str]) -> str:
    """Return a digest of a Secret's or ConfigMap's content from which the content cannot be guessed.

    Its key is the object's UID, which readers of pods do not know.
    """
    content = orjson.dumps([data, binary], option=orjson.OPT_SORT_KEYS)
    return hmac.new(uid.encode(), content, hashlib.sha256).hexdigest()


def content_summary(obj: Obj, share: int = 1) -> ContentSummary:
    """Return the keys and a digest of a Secret or ConfigMap.

    Args:
        share: both limits of the keys are divided by it.
    """
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    certificate = (obj["metadata"].get("annotations") or {}).get(constants.ANNOTATION_CERTIFICATE, "")
    keys = frozenset(data) | frozenset(binary)
    too_many = len(keys) > MAX_KEYS // share or sum(map(len, keys)) > MAX_KEYS_LENGTH // share
    return ContentSummary(
        frozenset() if too_many else keys,
        digest(obj["metadata"]["uid"], data, binary),
        certificate,
        fingerprints(data),
        has_too_many_keys=too_many,
    )


def reference_summary(kind: str, obj: Obj) -> ContentSummary:
    """Return the summary of a Secret or ConfigMap that a Cryostat refers to, with the values that pods cannot use."""
    summary = content_summary(obj)
    if kind != "Secret":
        return summary
    data = obj.get("data") or {}
    if summary.has_too_many_keys:
        return replace(summary, white_space=find_white_space(data))
    empty = frozenset(key for key in summary.keys if not data.get(key))
    keys = summary.keys - empty
    return replace(
        summary,
        keys=keys,
        empty=empty,
        login_flaws=login_flaws(data),
        white_space=find_white_space(data),
        certificate_keys=certificate_keys(data),
    )


@dataclass(slots=True)
class Record:
    """An owned object as last observed.

    Attributes:
        uid: its UID.
        version: its resource version.
        spec_hash: covers everything but the status.
        status_hash: covers the status fields that the operator reports.
        minor_status_hash: covers the rest of a Deployment's conditions and its observed generation. They change often,
            and alter at most the text of a condition of the Cryostat.
        body: compressed JSON, without the values of a Secret.
        is_partial: whether `body` holds only the metadata that decides about ownership and deletion.
        data: keys and digest of the content of a Secret or ConfigMap.
        certificate: the public part of the certificate in a Secret.
        controller: UID and name of the Cryostat that controls the object.
        in_sync_with: hash of the desired object that this object was last found to match.
        value: the keystore in a Secret of cert-manager, or the password of keystores, until both were compared; empty
            afterwards; None if the Secret has neither.
        opens_with: digest of the Secret with the password that a keystore was compared with, and whether it opens.
    """

    uid: str
    version: str
    spec_hash: bytes
    status_hash: bytes
    minor_status_hash: bytes
    body: bytes
    is_partial: bool
    data: ContentSummary | None
    certificate: InspectedCertificate | None = None
    controller: tuple[str, str] | None = None
    in_sync_with: bytes = b""
    value: bytes | None = field(default=None, repr=False)
    opens_with: tuple[str, bool] | None = None

    def keep_results(self, before: Record) -> None:
        """Take over the results of comparisons with an earlier version of the object, where they still hold."""
        if before.spec_hash == self.spec_hash:
            self.in_sync_with = before.in_sync_with
        if before.data and self.data and before.data.digest == self.data.digest:
            self.opens_with = before.opens_with

    def drop_value(self) -> None:
        """Drop the value, which was compared."""
        self.value = None if self.value is None else b""

    @property
    def obj(self) -> Obj:
        """The object, parsed again at each call."""
        return dict(orjson.loads(zlib.decompress(self.body)))


def record_of(kind: str, obj: Obj, *, with_body: bool) -> Record:
    """Return the record of an object as the API server sent it.

    Args:
        with_body: False keeps a partial body and no certificate. A body of more than `MAX_BODY_BYTES` is partial, too.
    """
    live = trim(kind, obj)
    metadata = {k: v for k, v in live["metadata"].items() if k not in ("resourceVersion", "generation")}
    share = 1 if with_body else SMALL_SHARE
    data = content_summary(obj, share) if kind in ("Secret", "ConfigMap") else None
    if data and kind == "Secret":  # an empty value counts as a missing one
        data = replace(data, keys=frozenset(key for key in data.keys if obj["data"][key]))
    status = live.get("status")
    reported, minor = _status_parts(live) if kind == "Deployment" else (status, None)
    spec = {**live, "metadata": metadata, "status": None, "data digest": data.digest if data else None}
    body = zlib.compress(orjson.dumps(live), 1) if with_body else b""
    is_partial = not body or len(body) > MAX_BODY_BYTES
    return Record(
        uid=metadata["uid"],
        version=resource_version(obj),
        spec_hash=_hash(spec),
        status_hash=_hash(reported),
        minor_status_hash=_hash(minor),
        body=zlib.compress(orjson.dumps(_partial(live)), 1) if is_partial else body,
        is_partial=is_partial,
        data=data,
        certificate=inspect_secret(obj.get("data") or {}) if kind == "Secret" and with_body else None,
        controller=controller_of(obj),
        value=value_to_compare(obj) if kind == "Secret" and with_body else None,
    )


def without_body(record: Record) -> Record:
    """Return the same record with a partial body and no certificate."""
    body = zlib.compress(orjson.dumps(_partial(record.obj)), 1)
    return replace(record, body=body, is_partial=True, certificate=None, value=None, opens_with=None)


def resource_version(obj: Obj) -> str:
    """Return the resource version of an object, empty where it has none."""
    return str(obj["metadata"].get("resourceVersion") or "")


def is_older(version: str, other: str) -> bool:
    """Return whether a resource version precedes another one: they are decimal numbers that grow (KEP-5504)."""
    return version.isdigit() and other.isdigit() and int(version) < int(other)


def _partial(live: Obj) -> Obj:
    metadata = live["metadata"]
    references = [r for r in metadata.get("ownerReferences") or () if r.get("controller") or _is_cryostat(r)]
    return {
        **{k: live[k] for k in ("kind", "apiVersion", "immutable") if k in live},
        PARTIAL: True,
        "metadata": {
            **{k: metadata[k] for k in _PARTIAL_METADATA if k in metadata},
            "labels": _only(metadata.get("labels"), _PARTIAL_LABELS),
            "annotations": _only(metadata.get("annotations"), _PARTIAL_ANNOTATIONS),
            "ownerReferences": references[:4],
        },
    }


def _is_cryostat(reference: Obj) -> bool:
    return bool(reference.get("kind") == constants.KIND)


def _only(entries: dict[str, str] | None, keys: tuple[str, ...]) -> dict[str, str]:
    return {key: value for key, value in (entries or {}).items() if key in keys}


def _status_parts(deployment: Obj) -> tuple[Any, Any]:
    """The reported part of a Deployment's status (available, failing, finished), and the rest (`minor_status_hash`).

    Numbers of pods and the times of conditions are in neither. Of a Deployment that is scaled to 0, it is reported
    whether it has pods.
    """
    status = deployment.get("status") or {}
    conditions = sorted(status.get("conditions") or (), key=lambda condition: str(condition.get("type")))
    minor = [[c.get(k) for k in ("type", "status", "reason", "message")] for c in conditions]
    true = [c["type"] for c in conditions if c.get("status") == "True" and c["type"] != "Progressing"]
    ended = [c.get("reason") for c in conditions if c["type"] == "Progressing" and c.get("reason") in ROLLOUT_ENDED]
    stopping = (deployment.get("spec") or {}).get("replicas") == 0 and bool(status.get("replicas"))
    return [true, ended, stopping], [status.get("observedGeneration"), minor]


def _hash(value: Any) -> bytes:
    return hashlib.blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
