"""The state of each certificate that cert-manager issues, decided by an ordered list of checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from ...api import constants
from ..instance import Instance
from ..model.certificates import CERTIFICATE, PRIVATE_KEY, TLS_CA_KEY
from ..model.kinds import Key, Obj
from ..model.messages import message, quoted
from ..model.problems import Problem
from ..model.reasons import Reason
from . import specs
from .specs import NAME, waiting_for_certificate

_REQUIRED_KEYS = frozenset((CERTIFICATE, PRIVATE_KEY, TLS_CA_KEY))


class CertificateState(Enum):
    """The state of a certificate that cert-manager issues."""

    FOREIGN = auto()
    """A Secret of that name does not belong to the Cryostat; cert-manager would overwrite it."""
    STALE = auto()
    """The Secret was written for another Certificate or by the operator; it must be deleted first."""
    REQUESTED = auto()
    """The Certificate does not exist yet."""
    ISSUING = auto()
    """cert-manager has not issued the certificate in its current form yet."""
    WRONG_ISSUER = auto()
    """The certificate was signed by a CA that has been replaced; its Secret must be deleted to issue it again."""
    OTHER_PASSWORD = auto()
    """Its keystore has another password than its Secret; its Secret must be deleted to issue it again."""
    READY = auto()
    """The Secret can be used."""


@dataclass(frozen=True)
class CertificateStatus:
    """The state of one certificate and, unless it is ready, the problem of the objects that need it."""

    state: CertificateState
    problem: Problem | None = None

    @property
    def ready(self) -> bool:
        """Whether the Secret can be used."""
        return self.state is CertificateState.READY

    @property
    def blocks_certificate(self) -> bool:
        """Whether the Certificate must not be written, because cert-manager would use or overwrite the Secret."""
        return self.state in (CertificateState.FOREIGN, CertificateState.STALE)

    @property
    def must_delete_secret(self) -> bool:
        """Whether the Secret must be deleted, so that cert-manager issues the certificate again."""
        return self.state in (
            CertificateState.STALE,
            CertificateState.WRONG_ISSUER,
            CertificateState.OTHER_PASSWORD,
        )


Check = Callable[[Instance, str, str], CertificateStatus | None]


def certificate_status(instance: Instance, name: str, secret: str) -> CertificateStatus:
    """Return the status of a certificate: that of the first check that applies, else ready.

    Args:
        instance: the Cryostat and what was observed of it.
        name: name of the Certificate.
        secret: name of its Secret.
    """
    found = (check(instance, name, secret) for check in CHECKS)
    return next((status for status in found if status), CertificateStatus(CertificateState.READY))


def ca_status(instance: Instance) -> CertificateStatus:
    """Return the status of the certificate authority's certificate."""
    return certificate_status(instance, specs.ca_certificate_name(instance), specs.ca_secret_key(instance).name)


def _foreign(instance: Instance, name: str, secret: str) -> CertificateStatus | None:
    content = None if instance.live("Secret", secret) else instance.snapshot.data.get(("Secret", secret))
    if content is None or content.certificate in (None, name):
        return None
    key = Key("Secret", instance.namespace, secret)
    text = (
        f"{key} exists and does not belong to this Cryostat, so it is not changed, and Certificate {name} is not "
        "created. Delete the Secret, or give the Cryostat another name."
    )
    return CertificateStatus(CertificateState.FOREIGN, Problem(NAME, Reason.NAME_COLLISION, text, dedup_key=str(key)))


def _stale(instance: Instance, name: str, secret: str) -> CertificateStatus | None:
    live = instance.live("Secret", secret)
    if live is None or _certificate_name_of(live) == name:
        return None
    text = f"Certificate {instance.namespace}/{name} waits until the previous Secret {secret} is deleted."
    return CertificateStatus(CertificateState.STALE, _waiting(instance, name, text))


def _requested(instance: Instance, name: str, _secret: str) -> CertificateStatus | None:
    if instance.live("Certificate", name) is not None:
        return None
    # The operator creates the others only after the certificate authority is ready.
    authority = ca_status(instance) if name != specs.ca_certificate_name(instance) else None
    if authority and authority.problem:
        return CertificateStatus(CertificateState.REQUESTED, authority.problem)
    text = f"Certificate {instance.namespace}/{name} does not exist yet; the operator creates it."
    return CertificateStatus(CertificateState.REQUESTED, _waiting(instance, name, text))


def _not_ready(instance: Instance, name: str, _secret: str) -> CertificateStatus | None:
    certificate = instance.live("Certificate", name) or {"metadata": {}}
    conditions = {each.get("type"): each for each in (certificate.get("status") or {}).get("conditions") or ()}
    ready: Obj = conditions.get("Ready") or {}
    issuing: Obj = conditions.get("Issuing") or {}
    generation = certificate["metadata"].get("generation", 0)
    is_current = ready.get("observedGeneration", generation) == generation
    if ready.get("status") == "True" and is_current:
        return None
    subject = f"Certificate {instance.namespace}/{name}"
    # The reason is that of the failed CertificateRequest, for example `Denied` or `InvalidRequest`.
    if is_current and issuing.get("status") == "False" and issuing.get("reason") != "Issued":
        cause, reason = issuing.get("message"), Reason.CERTIFICATE_FAILED
    elif is_current and ready.get("reason") == "Expired":
        cause, reason = ready.get("message"), Reason.CERTIFICATE_EXPIRED
    else:
        cause = ready.get("message") or "cert-manager has not reported its status"
        text = message(subject, "is not ready", cause=quoted(cause))
        return CertificateStatus(CertificateState.ISSUING, _waiting(instance, name, text))
    return _failed(instance, name, reason, quoted(cause))


def _failed(instance: Instance, name: str, reason: Reason, cause: str) -> CertificateStatus:
    command = f"kubectl -n {instance.namespace} describe certificate {name}"
    remedy = f"See {command}, and check cert-manager and its Issuer; cert-manager tries again by itself"
    predicate = "could not be issued" if reason == Reason.CERTIFICATE_FAILED else "has expired and is not renewed"
    text = message(f"Certificate {instance.namespace}/{name}", predicate, cause=cause, remedy=remedy)
    return CertificateStatus(CertificateState.ISSUING, Problem(NAME, reason, text, dedup_key=f"{reason} {name}"))


def _expired(instance: Instance, name: str, secret: str) -> CertificateStatus | None:
    """The certificate expired, although the Certificate is Ready: cert-manager does not reconcile it now."""
    info = instance.snapshot.certificates.get(Key("Secret", instance.namespace, secret))
    if info is None or not info.expired:
        return None
    cause = f"the certificate in Secret {secret} expired at {info.not_after}"
    return _failed(instance, name, Reason.CERTIFICATE_EXPIRED, cause)


def _secret_incomplete(instance: Instance, name: str, secret: str) -> CertificateStatus | None:
    info = instance.snapshot.certificates.get(Key("Secret", instance.namespace, secret))
    if instance.live("Secret", secret) is not None and info is not None and info.keys >= _REQUIRED_KEYS:
        return None
    text = f"Secret {instance.namespace}/{secret} of Certificate {name} does not exist yet or lacks keys."
    return CertificateStatus(CertificateState.ISSUING, _waiting(instance, name, text))


def _wrong_issuer(instance: Instance, name: str, secret: str) -> CertificateStatus | None:
    """Compare the key identifiers of issuer and CA; cert-manager does not detect that a CA was replaced."""
    known = instance.snapshot.certificates
    ca_key = specs.ca_secret_key(instance)
    ca, info = known.get(ca_key), known.get(Key("Secret", instance.namespace, secret))
    if secret == ca_key.name or ca is None or info is None or info.is_ca or not ca_status(instance).ready:
        return None
    if not info.issuer_id or not ca.key_id or info.issuer_id == ca.key_id:
        return None
    text = (
        f"Certificate {instance.namespace}/{name} was signed by a certificate authority that no longer exists; "
        "it is issued again."
    )
    return CertificateStatus(CertificateState.WRONG_ISSUER, _waiting(instance, name, text))


def _other_password(instance: Instance, name: str, secret: str) -> CertificateStatus | None:
    """cert-manager does not create a keystore again when its password changes."""
    info = instance.snapshot.certificates.get(Key("Secret", instance.namespace, secret))
    if info is None or not info.has_other_password:
        return None
    text = (
        f"The keystore of Certificate {instance.namespace}/{name} has another password than Secret "
        f"{specs.keystore_secret(instance)}; the certificate is issued again."
    )
    return CertificateStatus(CertificateState.OTHER_PASSWORD, _waiting(instance, name, text))


def _waiting(instance: Instance, name: str, text: str) -> Problem:
    command = f"kubectl -n {instance.namespace} describe certificate {name}"
    return waiting_for_certificate(text, f"check that cert-manager runs, and see {command}")


CHECKS: tuple[Check, ...] = (
    _foreign,
    _stale,
    _requested,
    _not_ready,
    _secret_incomplete,
    _expired,
    _wrong_issuer,
    _other_password,
)


def _certificate_name_of(secret: Obj) -> str | None:
    """Return the name of the Certificate that cert-manager wrote a Secret for."""
    annotations = secret["metadata"].get("annotations") or {}
    return annotations.get(constants.ANNOTATION_CERTIFICATE)
