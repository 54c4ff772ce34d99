"""Decides whether an object may be deleted when it is no longer desired.

While a Cryostat exists, `plan_diff` deletes these objects, unless a problem of the plan blocks them. Before a Cryostat
is deleted, `teardown` deletes its objects that have no owner reference.
"""

from __future__ import annotations

from collections.abc import Container

from ...api import constants
from ..model.kinds import KINDS, Key, Obj
from .ownership import has_instance_name


def is_prunable(key: Key, live: Obj, uid: str) -> bool:
    """Return whether an object with the ownership labels may be deleted if it is not desired.

    Volumes and database keys are never deleted, nor are objects that only have the labels, which any user can set.

    Args:
        key: of the object.
        live: the object.
        uid: UID of the Cryostat; empty while it is being deleted.
    """
    if KINDS[key.kind].retained or "deletionTimestamp" in live["metadata"]:
        return False
    if key.kind == "Secret" and live.get("immutable"):
        return False  # the keys of a database
    references = live["metadata"].get("ownerReferences") or []
    if any(r.get("kind") == "Certificate" and r.get("controller") for r in references):
        return bool(uid) and _is_issued_for(key, live)  # deleting the Certificate deletes it as well
    is_controlled = any(r.get("kind") == constants.KIND and r.get("uid") == uid for r in references)
    return is_controlled or has_instance_name(key, live) or _is_issued_for(key, live)


def is_kept_by_cert_manager(key: Key, live: Obj, present: Container[Key]) -> bool:
    """Return whether cert-manager would create a Secret again if it were deleted.

    Args:
        key: of the object.
        live: the object.
        present: the live objects of the Cryostat.
    """
    certificate = (live["metadata"].get("annotations") or {}).get(constants.ANNOTATION_CERTIFICATE) or ""
    return key.kind == "Secret" and Key("Certificate", key.namespace, certificate) in present


def _is_issued_for(key: Key, live: Obj) -> bool:
    """Whether cert-manager created a Secret with an Issuer of the Cryostat that its ownership labels name."""
    labels, annotations = live["metadata"].get("labels") or {}, live["metadata"].get("annotations") or {}
    name = labels.get(constants.LABEL_NAME, "")
    is_issuer = annotations.get(constants.ANNOTATION_ISSUER) in (f"{name}-ca", f"{name}-self-signed")
    return is_issuer and key.namespace == labels.get(constants.LABEL_NAMESPACE)
