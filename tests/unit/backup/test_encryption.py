"""Encryption with a passphrase."""

from __future__ import annotations

import base64
import json

import pytest

from cryostat_operator.backup import encryption
from cryostat_operator.backup.encryption import decrypt, encrypt
from cryostat_operator.backup.manifest import BackupError

CONTENT = b"marker of a secret value"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encryption, "COST", 16)


def test_round_trip() -> None:
    encrypted = encrypt(b"passphrase", CONTENT)
    assert decrypt(b"passphrase", encrypted) == CONTENT
    assert CONTENT not in encrypted
    assert base64.b64encode(CONTENT) not in encrypted


def test_equal_contents_have_different_ciphertexts() -> None:
    assert encrypt(b"passphrase", CONTENT) != encrypt(b"passphrase", CONTENT)


def test_another_passphrase_is_refused() -> None:
    with pytest.raises(BackupError, match=r"^The passphrase is wrong, or secrets\.encrypted\.json is damaged\.$"):
        decrypt(b"Passphrase", encrypt(b"passphrase", CONTENT))


@pytest.mark.parametrize("name", ["data", "salt", "nonce"])
def test_every_byte_is_protected(name: str) -> None:
    data = json.loads(encrypt(b"passphrase", CONTENT))
    content = bytearray(base64.b64decode(data[name]))
    content[0] ^= 1
    data[name] = base64.b64encode(content).decode()
    with pytest.raises(BackupError, match="is damaged"):
        decrypt(b"passphrase", json.dumps(data).encode())


@pytest.mark.parametrize("changes", [{"n": 2**30}, {"n": 3}, {"kdf": "none"}, {"cipher": "none"}, {"data": 1}])
def test_parameters_are_checked(changes: dict[str, object]) -> None:
    data = json.loads(encrypt(b"passphrase", CONTENT)) | changes
    with pytest.raises(BackupError, match=r"^secrets\.encrypted\.json is damaged: it cannot be parsed\.$"):
        decrypt(b"passphrase", json.dumps(data).encode())


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"\xff"])
def test_content_without_encryption_is_refused(text: bytes) -> None:
    with pytest.raises(BackupError, match=r"^secrets\.encrypted\.json is damaged: it cannot be parsed\.$"):
        decrypt(b"passphrase", text)
