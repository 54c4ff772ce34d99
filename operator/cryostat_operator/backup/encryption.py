"""Encrypts the Secrets of a backup with a passphrase: scrypt (RFC 7914) and AES-256-GCM."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from .manifest import SECRETS, BackupError

COST = 2**16  # 64 MiB of memory and about 0.2 s for each try
_MAX_COST = 2**20  # a file can ask for 1 GiB of memory at most
_BLOCK_SIZE = 8  # parameter r of scrypt
_CONTEXT = b"cryostat-backup/v1 secrets"


def encrypt(passphrase: bytes, content: bytes) -> bytes:
    """Return the content encrypted with the passphrase, as JSON with the parameters of the encryption."""
    salt, nonce = os.urandom(16), os.urandom(12)
    encrypted = AESGCM(_key(passphrase, salt, COST)).encrypt(nonce, content, _CONTEXT)
    data = {
        "cipher": "AES-256-GCM",
        "kdf": "scrypt",
        "n": COST,
        "salt": _text(salt),
        "nonce": _text(nonce),
        "data": _text(encrypted),
    }
    return json.dumps(data, indent=1).encode() + b"\n"


def decrypt(passphrase: bytes, encrypted: bytes) -> bytes:
    """Return the content that `encrypt` encrypted.

    Raises:
        BackupError: the passphrase is wrong, or the file is damaged.
    """
    try:
        data: dict[str, Any] = json.loads(encrypted)
        cost = int(data["n"])
        salt, nonce, content = (base64.b64decode(data[name]) for name in ("salt", "nonce", "data"))
        if data["kdf"] != "scrypt" or data["cipher"] != "AES-256-GCM" or not 2 <= cost <= _MAX_COST:
            raise ValueError(cost)
        key = _key(passphrase, salt, cost)
    except (ValueError, KeyError, TypeError):
        raise BackupError(f"{SECRETS} is damaged: it cannot be parsed.") from None
    try:
        return AESGCM(key).decrypt(nonce, content, _CONTEXT)
    except (InvalidTag, ValueError):
        raise BackupError(f"The passphrase is wrong, or {SECRETS} is damaged.") from None


def _key(passphrase: bytes, salt: bytes, cost: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=cost, r=_BLOCK_SIZE, p=1).derive(passphrase)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
