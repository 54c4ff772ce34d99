"""Decides by client certificates whether a caller is the API server.

The API server presents a client certificate to webhooks only if its `AdmissionConfiguration` says so. The authorities
that can have issued it are in a ConfigMap that every API server publishes.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ..kube.client import Client
from ..plan.model.kinds import Key, Obj

logger = logging.getLogger(__name__)

CONFIG_MAP = Key("ConfigMap", "kube-system", "extension-apiserver-authentication")
ADMINISTRATORS = "system:masters"  # a certificate of this group may do everything already
# Names of the client certificates that installers issue to API servers.
API_SERVER_NAMES = frozenset({"kube-apiserver", "kube-apiserver-kubelet-client", "system:kube-apiserver"})


@dataclass(frozen=True)
class CallerAuthorities:
    """The authorities of client certificates.

    Attributes:
        client: issue certificates of users and nodes, the API server among them.
        front_proxy: issue certificates of the aggregation layer, which only API servers have.
        front_proxy_names: common names of these certificates; empty means any name.
    """

    client: tuple[x509.Certificate, ...] = ()
    front_proxy: tuple[x509.Certificate, ...] = ()
    front_proxy_names: frozenset[str] = frozenset()

    @property
    def pem(self) -> bytes:
        """All authorities as PEM."""
        return b"".join(each.public_bytes(Encoding.PEM) for each in self.client + self.front_proxy)

    def is_api_server(self, certificate: bytes) -> bool:
        """Return whether a client certificate (DER) is of the API server. The TLS handshake has verified its chain."""
        try:
            found = x509.load_der_x509_certificate(certificate)
        except ValueError:
            return False
        names = _attributes(found, NameOID.COMMON_NAME)
        groups = _attributes(found, NameOID.ORGANIZATION_NAME)
        if _is_issued_by(found, self.front_proxy):
            return not self.front_proxy_names or not self.front_proxy_names.isdisjoint(names)
        if _is_issued_by(found, self.client):
            return ADMINISTRATORS in groups or not API_SERVER_NAMES.isdisjoint(names)
        return False


def parse_authorities(config_map: Obj | None) -> CallerAuthorities:
    """Return the authorities in the ConfigMap; invalid entries are left out."""
    data = (config_map or {}).get("data") or {}
    return CallerAuthorities(
        client=_certificates(data.get("client-ca-file")),
        front_proxy=_certificates(data.get("requestheader-client-ca-file")),
        front_proxy_names=_names(data.get("requestheader-allowed-names")),
    )


async def read_authorities(client: Client) -> CallerAuthorities:
    """Read the authorities from the cluster. Raises ApiError."""
    return parse_authorities(await client.get_or_none(CONFIG_MAP))


def _certificates(text: object) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(x509.load_pem_x509_certificates(str(text).encode()))
    except ValueError:
        return ()


def _names(text: object) -> frozenset[str]:
    try:
        names = json.loads(str(text))
    except ValueError:
        names = []
    return frozenset(map(str, names)) if isinstance(names, list) else frozenset()


def _attributes(certificate: x509.Certificate, kind: x509.ObjectIdentifier) -> set[str]:
    return {str(attribute.value) for attribute in certificate.subject.get_attributes_for_oid(kind)}


def _is_issued_by(certificate: x509.Certificate, authorities: Iterable[x509.Certificate]) -> bool:
    for authority in authorities:
        try:
            certificate.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return True
    return False
