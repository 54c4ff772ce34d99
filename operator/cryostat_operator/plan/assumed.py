"""Certificates as they are after they have been issued, for plans that are made without a cluster."""

from __future__ import annotations

from .model import names
from .model.certificates import CERTIFICATE, PRIVATE_KEY, TLS_CA_KEY, CertificateInfo
from .model.requests import CertificateRequest, CopyRequest
from .tls.checks import Known

_PLACEHOLDER = "(certificate of the authority)"


def assumed_certificate(request: CertificateRequest | CopyRequest, known: Known) -> CertificateInfo:
    """Return what will be known of a certificate or a copy once the operator has fulfilled the request.

    Args:
        request: a request whose CA or source is in `known`.
        known: certificates of the instance that exist already.
    """
    if isinstance(request, CopyRequest):
        source = known[request.source]
        digests = {key: source.digests[origin] for key, origin in request.values.items() if origin in source.digests}
        return CertificateInfo(request.keys, digests, common_name=source.common_name, key_id=source.key_id)
    key_id = names.sha256(str(request.key))
    ca = known[request.ca] if request.ca else None
    trusted = ca.trusted if ca else frozenset({key_id})
    return CertificateInfo(
        request.keys,
        {CERTIFICATE: key_id, TLS_CA_KEY: names.sha256("".join(sorted(trusted)))},
        request.common_name,
        frozenset(request.dns_names),
        request.usages,
        ca is None,
        request.rsa,
        key_id,
        ca.key_id if ca else key_id,
        trusted,
        pem="" if ca else _PLACEHOLDER,
    )


def assumed_issued(*, is_ca: bool) -> CertificateInfo:
    """Return what will be known of a Secret once cert-manager has written it."""
    keys = frozenset((CERTIFICATE, PRIVATE_KEY, TLS_CA_KEY, "keystore.p12", "truststore.p12"))
    digests = {CERTIFICATE: names.sha256(CERTIFICATE), TLS_CA_KEY: names.sha256(TLS_CA_KEY)}
    return CertificateInfo(keys, digests, is_ca=is_ca, pem=_PLACEHOLDER if is_ca else "")
