"""Records the keys that a database was set up with, in an annotation on its PersistentVolumeClaim.

The record has a salted digest of each key. Users who may only write Cryostats cannot change it. It stays with the
volume when a Cryostat is deleted, replaced or restored.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from ..api import constants
from .model.kinds import Obj
from .model.snapshot import ContentSummary

CONNECTION_KEY: Final = "CONNECTION_KEY"
ENCRYPTION_KEY: Final = "ENCRYPTION_KEY"
KEYS: Final = (CONNECTION_KEY, ENCRYPTION_KEY)

_SALT = "salt"
# Hexadecimal digits. Short on purpose: enough to notice another value, too little to confirm a guessed password.
_DIGEST_LENGTH = 8


def fingerprints(data: Mapping[str, str]) -> dict[str, str]:
    """Return a hash of each database key in a Secret. It is kept in memory only, and salted before it is recorded."""
    return {key: hashlib.sha256(f"{key}\n{data[key]}".encode()).hexdigest() for key in KEYS if data.get(key)}


def record(content: ContentSummary | None, salt: str) -> str | None:
    """Return the value of the annotation for the keys in a Secret.

    Args:
        content: the Secret; None if it does not exist.
        salt: any text; the UID of a Cryostat keeps equal keys of two instances from having the same record.

    Returns:
        None if the values of the keys are not known.
    """
    if content is None or not content.fingerprints.keys() >= set(KEYS):
        return None
    salt = hashlib.sha256(salt.encode()).hexdigest()[:16]
    digests = {key: _digest(salt, content.fingerprints[key]) for key in KEYS}
    return ",".join(f"{name}={value}" for name, value in {_SALT: salt, **digests}.items())


def recorded(claim: Obj | None) -> str | None:
    """Return the record on the live claim of a database; None if there is none."""
    annotations = (claim or {"metadata": {}})["metadata"].get("annotations") or {}
    return annotations.get(constants.ANNOTATION_DATABASE_KEYS) or None


def changed_keys(claim: Obj | None, content: ContentSummary | None) -> list[str]:
    """Return the keys of a Secret with values that differ from those that the claim records.

    Keys that are missing in either are left out, so that an unreadable record changes nothing.
    """
    parts = dict(part.partition("=")[::2] for part in (recorded(claim) or "").split(","))
    known = content.fingerprints if content else {}
    pairs = {key: (parts.get(key), known.get(key)) for key in KEYS}
    salt = parts.get(_SALT, "")
    return [key for key, (digest, value) in pairs.items() if digest and value and digest != _digest(salt, value)]


def _digest(salt: str, fingerprint: str) -> str:
    return hmac.new(salt.encode(), fingerprint.encode(), hashlib.sha256).hexdigest()[:_DIGEST_LENGTH]
