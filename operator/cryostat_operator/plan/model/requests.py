"""Content of Secrets that the reconciler provides. Values never pass through a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .kinds import Key


@dataclass(frozen=True)
class RandomValue:
    """A value to mint: so many characters of a 64-letter alphabet."""

    length: int


@dataclass(frozen=True)
class HtpasswdValue:
    """A value to mint: the bcrypt htpasswd line of `user` with the password minted under `password_key`."""

    user: str
    password_key: str


ValueSource = str | RandomValue | HtpasswdValue
"""A literal value, or an order to make one."""


@dataclass(frozen=True)
class SecretRequest:
    """Keys that a Secret of ours must have; values are minted by the shell, once, and never pass through a plan.

    `restore_only` says that data which these keys belong to exists: a Secret that bears the name but no mark of ours is
    what somebody put back, and is taken for it.
    """

    key: Key
    values: Mapping[str, ValueSource]
    restore_only: bool = False

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(self.values)


@dataclass(frozen=True)
class CertificateRequest:
    """A private key and a certificate that a Secret of ours must have, made by the shell and signed by our authority.

    Attributes:
        dns_names: all names that the certificate is valid for.
        usages: `server auth`, `client auth`, or both.
        ca: Secret of the certificate authority that signs; None if this is the CA, which signs itself.
        rsa: whether the key is RSA with 2048 bits, else it is ECDSA on P-256.
        password: Secret and key of the password of the keystores, where there are keystores.
        password_digest: what identifies that password; other keystores are made when it changes.
    """

    key: Key
    common_name: str
    dns_names: tuple[str, ...] = ()
    usages: frozenset[str] = frozenset()
    ca: Key | None = None
    rsa: bool = False
    password: tuple[Key, str] | None = None
    password_digest: str = ""

    @property
    def keys(self) -> frozenset[str]:
        stores = ("keystore.p12", "truststore.p12") if self.password else ()
        return frozenset(("tls.crt", "tls.key", "ca.crt", *stores))

    restore_only = False


@dataclass(frozen=True)
class CopyRequest:
    """A Secret of ours that repeats another one; `values` tells for each key which key of the source it repeats."""

    key: Key
    source: Key
    values: Mapping[str, str]
    restore_only = False

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(self.values)


Request = SecretRequest | CertificateRequest | CopyRequest
"""Content of a Secret that the shell provides; values never pass through a plan."""
