"""The public part of certificates in Secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CERTIFICATE, PRIVATE_KEY, TLS_CA_KEY = "tls.crt", "tls.key", "ca.crt"


@dataclass(frozen=True)
class CertificateInfo:
    """A Secret with a certificate, without what is secret in it.

    Attributes:
        keys: names of the Secret's keys.
        digests: SHA-256 of `tls.crt` and `ca.crt`, as far as they are there.
        common_name, dns_names, usages, authority, rsa: as in `CertificateOrder`; `authority` says whether it may sign.
        key_id: identifies its public key.
        issuer_id: identifies the public key that it was signed with.
        trusted: identify the public keys of the certificates in `ca.crt`.
        sound: whether the private key belongs to the certificate; public copies have none.
        due: whether it must be renewed by now.
        not_after: when it ends, RFC 3339.
        pem: for authorities, all certificates of `ca.crt`.
    """

    keys: frozenset[str]
    digests: Mapping[str, str] = field(default_factory=dict)
    common_name: str = ""
    dns_names: frozenset[str] = frozenset()
    usages: frozenset[str] = frozenset()
    authority: bool = False
    rsa: bool = False
    key_id: str = ""
    issuer_id: str = ""
    trusted: frozenset[str] = frozenset()
    sound: bool = True
    due: bool = False
    not_after: str = ""
    pem: str = ""
