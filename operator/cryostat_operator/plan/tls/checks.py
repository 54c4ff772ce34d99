"""Ordered checks of certificates in Secrets: the first check that fails is the reason to issue one again.

The approach is that of cert-manager's policy chain: each check is a function of the request, what is known of all
certificates, and the live Secret, and returns a reason or None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...api import constants
from ..model.certificates import PRIVATE_KEY, CertificateInfo
from ..model.kinds import Key, Obj
from ..model.requests import CertificateRequest, CopyRequest

Known = Mapping[Key, CertificateInfo]
"""Certificates of an instance by their Secret."""

Check = Callable[[CertificateRequest, CertificateInfo, Known, Obj | None], str | None]

_MISSING = "it is missing or incomplete"


def reissue_reason(request: CertificateRequest, known: Known, live: Obj | None) -> str | None:
    """Return why the requested certificate must be issued again, in a few words; None if it is as requested.

    Args:
        request: the certificate that is needed.
        known: certificates of the instance, the CA included.
        live: the Secret as last observed.
    """
    info = known.get(request.key)
    if info is None:
        return _MISSING
    reasons = (check(request, info, known, live) for check in CHECKS)
    return next((reason for reason in reasons if reason), None)


def _incomplete(request: CertificateRequest, info: CertificateInfo, _known: Known, _live: Obj | None) -> str | None:
    return None if request.keys <= info.keys else _MISSING


def _key_mismatch(_request: CertificateRequest, info: CertificateInfo, _known: Known, _live: Obj | None) -> str | None:
    return None if info.key_matches else "its private key does not belong to it"


def _renewal_due(_request: CertificateRequest, info: CertificateInfo, _known: Known, _live: Obj | None) -> str | None:
    return "it is due for renewal" if info.renewal_due else None


def _other_content(request: CertificateRequest, info: CertificateInfo, _known: Known, _live: Obj | None) -> str | None:
    actual = (info.common_name, info.dns_names, info.usages, info.rsa)
    desired = (request.common_name, frozenset(request.dns_names), request.usages, request.rsa)
    return None if actual == desired else "its names, usages or key type differ from the request"


def _other_password(request: CertificateRequest, _info: CertificateInfo, _known: Known, live: Obj | None) -> str | None:
    if not request.password or keystore_digest(live) == request.password_digest:
        return None
    return "the password of its keystore changed"


def _no_ca(request: CertificateRequest, info: CertificateInfo, _known: Known, _live: Obj | None) -> str | None:
    if request.ca is not None or (info.is_ca and info.key_id in info.trusted):
        return None
    return "it is not a certificate authority"


def _issuer_changed(request: CertificateRequest, info: CertificateInfo, known: Known, _live: Obj | None) -> str | None:
    if request.ca is None:
        return None
    ca = known.get(request.ca)
    if ca and info.issuer_id in ca.trusted and info.trusted == ca.trusted:
        return None
    return "the certificate authority changed"


CHECKS: tuple[Check, ...] = (
    _incomplete,
    _key_mismatch,
    _renewal_due,
    _other_content,
    _other_password,
    _no_ca,
    _issuer_changed,
)


def keystore_digest(live: Obj | None) -> str:
    """Return the digest of the password that the keystores of a live Secret were created with, or an empty string."""
    annotations = (live or {}).get("metadata", {}).get("annotations") or {}
    return str(annotations.get(constants.ANNOTATION_KEYSTORE_PASSWORD, ""))


def copy_differs(request: CopyRequest, known: Known) -> bool:
    """Return whether a copy differs from its source. A private key is compared through its certificate."""
    copy, source = known.get(request.key), known.get(request.source)
    if copy is None or source is None or not request.keys <= copy.keys:
        return True
    public = {key: origin for key, origin in request.values.items() if key != PRIVATE_KEY}
    same = all(copy.digests.get(key) == source.digests.get(origin) for key, origin in public.items())
    return not same or (PRIVATE_KEY in request.values and not copy.key_matches)
