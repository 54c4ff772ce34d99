"""Finds out whether a PKCS #12 keystore was written with a password.

Only its message authentication code is verified (RFC 7292, section 4 and appendix B.2), because not every algorithm
that encrypts keystores is available. Nothing is decrypted.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator
from typing import Any

from ..api import constants
from ..plan.model.certificates import KEYSTORE, KEYSTORE_PASSWORD
from ..plan.model.kinds import Obj

# More iterations would block the event loop. cert-manager uses 2,048 or fewer.
MAX_ITERATIONS = 10_000
# Bytes of a value to compare. A keystore of cert-manager has 3 to 6 KiB.
MAX_VALUE = 64 * 1024
# The hash by its encoded object identifier, and the length of its blocks in bytes.
_HASHES = {
    bytes.fromhex("2b0e03021a"): (hashlib.sha1, 64),
    bytes.fromhex("608648016503040201"): (hashlib.sha256, 64),
    bytes.fromhex("608648016503040202"): (hashlib.sha384, 128),
    bytes.fromhex("608648016503040203"): (hashlib.sha512, 128),
}
_MAC_KEY = 3  # the purpose of the derived key
_OBJECT_IDENTIFIER = 0x06


def value_to_compare(secret: Obj) -> bytes | None:
    """Return the keystore in a Secret of cert-manager, or the password of keystores; None if it has neither.

    Args:
        secret: a Secret as the API server sent it.
    """
    data = secret.get("data") or {}
    is_issued = constants.ANNOTATION_CERTIFICATE in (secret["metadata"].get("annotations") or {})
    encoded = (is_issued and data.get(KEYSTORE)) or data.get(KEYSTORE_PASSWORD)
    if not encoded or len(encoded) > MAX_VALUE * 4 // 3:
        return None
    try:
        return base64.b64decode(encoded) or None
    except ValueError:
        return None


def opens_with(keystore: bytes, password: bytes) -> bool | None:
    """Return whether a keystore was written with a password; None if that cannot be determined."""
    try:
        _version, (_, auth_safe), (_, mac_data) = _elements(_only(keystore))
        [(_, wrapped)] = [element for element in _elements(auth_safe) if element[0] != _OBJECT_IDENTIFIER]
        (_, digest_info), (_, salt), *rest = _elements(mac_data)
        (_, algorithm), (_, expected) = _elements(digest_info)
        hash_, block = _HASHES[next(_elements(algorithm))[1]]
        iterations = int.from_bytes(rest[0][1], "big") if rest else 1
        text = password.decode()
        if not 0 < iterations <= MAX_ITERATIONS or not salt or any(ord(each) > 0xFFFF for each in text):
            return None
        key = _derive(hash_, block, text.encode("utf-16-be") + b"\0\0", salt, iterations)
        return hmac.compare_digest(hmac.new(key, _only(wrapped), hash_).digest(), expected)
    except (ValueError, KeyError, IndexError, StopIteration):  # users may write anything
        return None


def _derive(hash_: Callable[..., Any], block: int, password: bytes, salt: bytes, iterations: int) -> bytes:
    """Return a key as long as one hash."""
    value = bytes([_MAC_KEY]) * block + _filled(salt, block) + _filled(password, block)
    for _ in range(iterations):
        value = hash_(value, usedforsecurity=False).digest()
    return value


def _filled(value: bytes, block: int) -> bytes:
    """Return a value repeated to the next multiple of a block."""
    length = -(-len(value) // block) * block
    return (value * (length // len(value) + 1))[:length]


def _only(data: bytes) -> bytes:
    """Return the content of the only element of DER data."""
    [(_, content)] = _elements(data)
    return content


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each element of DER data.

    Raises:
        ValueError: an element is cut off, or has no length.
        IndexError: the same.
    """
    position = 0
    while position < len(data):
        tag, length, position = data[position], data[position + 1], position + 2
        if length > 0x7F:
            size = length & 0x7F
            length, position = int.from_bytes(data[position : position + size], "big"), position + size
            if not 0 < size <= 4:
                raise ValueError("length")
        if position + length > len(data):
            raise ValueError("cut off")
        yield tag, data[position : position + length]
        position += length
