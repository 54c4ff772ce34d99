"""The public part of a Secret with a certificate, which is all that the operator keeps of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CERTIFICATE, PRIVATE_KEY, TLS_CA_KEY = "tls.crt", "tls.key", "ca.crt"
KEYSTORE = "keystore.p12"
KEYSTORES = (KEYSTORE, "truststore.p12")
KEYSTORE_PASSWORD = "KEYSTORE_PASS"  # noqa: S105 - the key of the Secret with their password
KEYS = frozenset((CERTIFICATE, PRIVATE_KEY, TLS_CA_KEY, *KEYSTORES))


@dataclass(frozen=True)
class CertificateInfo:
    """The public part of a Secret with a certificate.

    Attributes:
        keys: those of `KEYS` that the Secret has.
        digests: SHA-256 of `tls.crt` and `ca.crt`, if they exist.
        common_name: common name of the subject.
        dns_names: DNS names of the subject alternative name.
        usages: extended key usages, by cert-manager's names.
        is_ca: whether it may sign certificates.
        rsa: whether its key is RSA.
        key_id: identifier of its public key.
        issuer_id: identifier of the public key that verifies its signature.
        trusted: identifiers of the public keys of the certificates in `ca.crt`.
        key_matches: whether the private key belongs to the certificate; True if the Secret has no private key.
        renewal_due: whether it must be renewed now.
        renewal_overdue: whether cert-manager should have renewed it more than ten minutes ago.
        expired: whether it has expired.
        not_after: end of its validity, RFC 3339.
        pem: for a CA, all certificates of `ca.crt`; otherwise empty.
        has_other_password: whether its keystore was written with another password than that in its Secret.
    """

    keys: frozenset[str]
    digests: Mapping[str, str] = field(default_factory=dict)
    common_name: str = ""
    dns_names: frozenset[str] = frozenset()
    usages: frozenset[str] = frozenset()
    is_ca: bool = False
    rsa: bool = False
    key_id: str = ""
    issuer_id: str = ""
    trusted: frozenset[str] = frozenset()
    key_matches: bool = True
    renewal_due: bool = False
    renewal_overdue: bool = False
    expired: bool = False
    not_after: str = ""
    pem: str = ""
    has_other_password: bool = False
