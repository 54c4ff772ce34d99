"""Whether a keystore opens with a password, for the keystores of all releases of cert-manager."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from cryostat_operator.api import constants
from cryostat_operator.pki import keystore_mac
from cryostat_operator.pki.keystore_mac import opens_with, value_to_compare
from cryostat_operator.pki.signing import CertificateTemplate, new_key, sign_certificate

PASSWORD = b"p\xc3\xa4ssword-of-20"
# Written by `openssl pkcs12 -export -legacy`, as by cert-manager without a profile: RC2, and a MAC with SHA-1. Only
# the certificate is in it. The password is `secret`.
LEGACY = base64.b64decode(
    "MIICRAIBAzCCAgoGCSqGSIb3DQEHAaCCAfsEggH3MIIB8zCCAe8GCSqGSIb3DQEHBqCCAeAwggHcAgEAMIIB1QYJKoZIhvcNAQcBMBwGCiqG"
    "SIb3DQEMAQYwDgQIUv9P9ERkM9wCAggAgIIBqHwuXedJIQpRDGi9i6k38aPkM92eePCU+YEHN7gkFpSp199efN+ZRqd/TAw1b3mlZuQOyBDG"
    "AKZRSzS5JymSh6Zgj0hsffW6n5KTVs6LV/Ot0EUfNNXJFx2bu3UXu72p4LMwUCo1k4mqpTJMFzKXQrqxdM3S7HlUGRV/4BteSwZfBcwKtIqY"
    "h8lps1rwqmVVY5AC4WjRs7jY1NugSNY573GrRJna00CX4JxnCAx4TrjcdEeYEHM+qAmggNFqh3kB6eoOrx0Hmjqx+h/Qpjp8WZBGMsOIaumJ"
    "QfO00pLZNLTf79nXGZyviWAM1/hIxHxqhEoX+e5mx7G9J/TFneEyoMGzOM4ibl6vLIbQcmRFfH2gllLhQX35K8TZ1aJon/HdHV5X8VFLtz79"
    "BT4/6KyZMyn7TIOS8zzZ3bpihUSbuq2eK7Q/gl1S4EUkjSHC6v+UwYxuTNVmws+pLkCAV+A0bYQxbaoD31/ETBFa8wGiGSSBKDsGGVaB6NHm"
    "0LWteubeedzTR0av/Zk+hmOANGIXAhaOo2CWK9rBHUClYs3+4COLkJ88AelABbQwMTAhMAkGBSsOAwIaBQAEFP3SJ69c009ToP8mMitrcRSv"
    "Z0FOBAjfw79SD+UdEgICCAA="
)


def keystore(algorithm: hashes.HashAlgorithm) -> bytes:
    key = new_key()
    encryption = PrivateFormat.PKCS12.encryption_builder().hmac_hash(algorithm).build(PASSWORD)
    certificate = sign_certificate(CertificateTemplate("x"), key, time.time())
    return pkcs12.serialize_key_and_certificates(b"x", key, certificate, None, encryption)


@pytest.mark.parametrize("algorithm", [hashes.SHA1(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_a_keystore_opens_with_its_password_only(algorithm: hashes.HashAlgorithm) -> None:
    written = keystore(algorithm)
    assert opens_with(written, PASSWORD) is True
    assert opens_with(written, PASSWORD + b"x") is False
    assert opens_with(written, b"another") is False


def test_the_algorithm_that_encrypts_it_need_not_be_available() -> None:
    assert opens_with(LEGACY, b"secret") is True
    assert opens_with(LEGACY, b"Secret") is False


def test_a_keystore_that_cannot_be_read_has_no_result() -> None:
    written = keystore(hashes.SHA256())
    cut_off = (written[:length] for length in range(0, len(written), 7))
    for broken in (b"rubbish", b"\x30\x80" + written[2:], b"\x30\x00", *cut_off):
        assert opens_with(broken, PASSWORD) is None
    content = len(written) // 2
    assert opens_with(written[:content] + b"rubbish" + written[content + 7 :], PASSWORD) is False


@pytest.mark.parametrize("password", [b"\xff\xfe", "\U0001f511".encode()])
def test_a_password_that_cert_manager_cannot_use_has_no_result(password: bytes) -> None:
    assert opens_with(keystore(hashes.SHA256()), password) is None


def test_very_many_iterations_are_not_computed() -> None:
    written = keystore(hashes.SHA256())
    [position] = [at for at in range(len(written) - 4, len(written)) if written[at:] == (2048).to_bytes(2, "big")]
    most, more = (
        written[:position] + number.to_bytes(2, "big")
        for number in (keystore_mac.MAX_ITERATIONS, keystore_mac.MAX_ITERATIONS + 1)
    )
    assert opens_with(most, PASSWORD) is False
    assert opens_with(more, PASSWORD) is None


def secret(annotations: dict[str, str], **data: bytes | str) -> dict[str, Any]:
    values = {
        k.replace("_p12", ".p12"): base64.b64encode(v).decode() if isinstance(v, bytes) else v for k, v in data.items()
    }
    return {"metadata": {"annotations": annotations}, "data": values}


def test_only_the_keystores_of_cert_manager_and_their_passwords_are_compared() -> None:
    issued = {constants.ANNOTATION_CERTIFICATE: "x"}
    assert value_to_compare(secret(issued, keystore_p12=b"keystore")) == b"keystore"
    assert value_to_compare(secret({}, keystore_p12=b"keystore")) is None
    assert value_to_compare(secret({}, KEYSTORE_PASS=b"password")) == b"password"
    assert value_to_compare(secret({}, OTHER=b"value")) is None
    assert value_to_compare(secret({}, KEYSTORE_PASS="")) is None
    assert value_to_compare(secret({}, KEYSTORE_PASS="#")) is None
    assert value_to_compare(secret(issued, keystore_p12=b"x" * (keystore_mac.MAX_VALUE + 3))) is None
    assert value_to_compare({"metadata": {}}) is None
