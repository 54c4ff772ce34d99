"""Content of Secrets that the reconciler provides. Values never pass through a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .certificates import KEYS, KEYSTORES
from .kinds import Key


@dataclass(frozen=True)
class RandomValue:
    """A random value of `length` characters from an alphabet of 64."""

    length: int


@dataclass(frozen=True)
class HtpasswdValue:
    """The bcrypt htpasswd line of `user`, with the password that is generated for the key `password_key`."""

    user: str
    password_key: str


@dataclass(frozen=True)
class NginxHeaderValue:
    """A directive of nginx that sets `header` to the value of the key `value_key`.

    It is generated again, with the present value, each time that the operator writes the content of the Secret.
    """

    header: str
    value_key: str


ValueSource = str | RandomValue | HtpasswdValue | NginxHeaderValue
"""A literal value, or how to generate one."""


@dataclass(frozen=True)
class SecretRequest:
    """Keys that an owned Secret must have. A value is generated once, when its key is missing.

    Attributes:
        key: the Secret.
        values: by key of the Secret.
        restore_only: whether data exists that was written with these values. A Secret of this name without ownership
            labels is then taken for a restored one.
    """

    key: Key
    values: Mapping[str, ValueSource]
    restore_only: bool = False

    @property
    def keys(self) -> frozenset[str]:
        """Keys that the Secret will have."""
        return frozenset(self.values)


@dataclass(frozen=True)
class CertificateRequest:
    """A private key and a certificate, signed by the CA of the instance, that an owned Secret must have.

    Attributes:
        dns_names: all names that the certificate is valid for.
        usages: `server auth`, `client auth`, or both.
        ca: Secret of the CA that signs; None if this is the CA, which signs itself.
        rsa: whether the key is RSA with 2048 bits; otherwise it is ECDSA on P-256.
        password: Secret and key of the password of the keystores; None without keystores.
        password_digest: hash of that password; the keystores are created again when it changes.
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
        """Keys that the Secret will have."""
        return KEYS if self.password else KEYS.difference(KEYSTORES)

    restore_only = False


@dataclass(frozen=True)
class CopyRequest:
    """An owned Secret that is a copy of another one.

    Attributes:
        key: the copy.
        source: the Secret to copy.
        values: key of the source by key of the copy.
    """

    key: Key
    source: Key
    values: Mapping[str, str]
    restore_only = False

    @property
    def keys(self) -> frozenset[str]:
        """Keys that the copy will have."""
        return frozenset(self.values)


Request = SecretRequest | CertificateRequest | CopyRequest
"""Content of a Secret that the reconciler provides."""
