"""What is public of certificates in Secrets, and whether they still are what was ordered."""

from __future__ import annotations

from collections.abc import Mapping

from ...api import constants
from ..model import names
from ..model.certificates import CERTIFICATE, PRIVATE_KEY, TLS_CA_KEY, CertificateInfo
from ..model.kinds import Key, Obj
from ..model.requests import CertificateRequest, CopyRequest

_PLACEHOLDER = "(certificate of the authority)"


Known = Mapping[Key, CertificateInfo]


def reissue_reason(order: CertificateRequest, known: Known, live: Obj | None) -> str | None:
    """Why the certificate in the ordered Secret must be made anew, in a few words; None where it is as ordered."""
    fact = known.get(order.key)
    if fact is None or not order.keys <= fact.keys:
        return "it is missing or incomplete"
    if not fact.sound:
        return "its private key does not belong to it"
    if fact.due:
        return "it is due for renewal"
    if (fact.common_name, fact.dns_names, fact.usages, fact.rsa) != _wished(order):
        return "it was made for something else"
    if order.password and keystore_digest(live) != order.password_digest:
        return "the password of its keystore changed"
    return _distrusted(order, fact, known)


def _wished(order: CertificateRequest) -> tuple[str, frozenset[str], frozenset[str], bool]:
    return order.common_name, frozenset(order.dns_names), order.usages, order.rsa


def _distrusted(order: CertificateRequest, fact: CertificateInfo, known: Known) -> str | None:
    if order.authority is None:
        return None if fact.authority and fact.key_id in fact.trusted else "it is no authority"
    authority = known.get(order.authority)
    if authority is None or fact.issuer_id not in authority.trusted or fact.trusted != authority.trusted:
        return "the authority changed"
    return None


def keystore_digest(live: Obj | None) -> str:
    """What identifies the password that the keystores of a live Secret were made with."""
    annotations = (live or {}).get("metadata", {}).get("annotations") or {}
    return str(annotations.get(constants.ANNOTATION_KEYSTORE_PASSWORD, ""))


def differs(order: CopyRequest, known: Known) -> bool:
    """Whether a copy does not repeat its source. A private key is known by the certificate that it belongs to."""
    copy, source = known.get(order.key), known.get(order.source)
    if copy is None or source is None or not order.keys <= copy.keys:
        return True
    public = {key: origin for key, origin in order.values.items() if key != PRIVATE_KEY}
    same = all(copy.digests.get(key) == source.digests.get(origin) for key, origin in public.items())
    return not same or (PRIVATE_KEY in order.values and not copy.sound)


def assumed_certificate(order: CertificateRequest | CopyRequest, known: Known) -> CertificateInfo:
    """The fact that the shell makes true when it carries out an order; for plans of clusters that are not there."""
    if isinstance(order, CopyRequest):
        source = known[order.source]
        digests = {k: source.digests[v] for k, v in order.values.items() if v in source.digests}
        return CertificateInfo(order.keys, digests, common_name=source.common_name, key_id=source.key_id)
    key_id = names.sha256(str(order.key))
    authority = known[order.authority] if order.authority else None
    trusted = authority.trusted if authority else frozenset({key_id})
    common_name, dns_names, usages, rsa = _wished(order)
    return CertificateInfo(
        order.keys,
        {CERTIFICATE: key_id, TLS_CA_KEY: names.sha256("".join(sorted(trusted)))},
        common_name,
        dns_names,
        usages,
        authority is None,
        rsa,
        key_id,
        authority.key_id if authority else key_id,
        trusted,
        pem="" if authority else _PLACEHOLDER,
    )


def issued(*, authority: bool) -> CertificateInfo:
    """The fact of a Secret that cert-manager has written; for plans of clusters that are not there."""
    keys = frozenset((CERTIFICATE, PRIVATE_KEY, TLS_CA_KEY, "keystore.p12", "truststore.p12"))
    digests = {CERTIFICATE: names.sha256(CERTIFICATE), TLS_CA_KEY: names.sha256(TLS_CA_KEY)}
    return CertificateInfo(keys, digests, authority=authority, pem=_PLACEHOLDER if authority else "")
