"""Requests for the certificates that the operator's own certificate authority issues, without cert-manager."""

from __future__ import annotations

from dataclasses import replace

from ...api import constants
from .. import builders
from ..instance import Instance
from ..model import names
from ..model.certificates import KEYSTORE_PASSWORD
from ..model.desired_state import Blocked, ComponentPlan
from ..model.kinds import Key, Obj
from ..model.problems import Problem
from ..model.reasons import Reason
from ..model.requests import CertificateRequest
from . import specs
from .specs import NAME, CertificateSpec

CA_NAME = "cryostat-ca"


def build(instance: Instance) -> ComponentPlan:
    """Return all certificates; one is blocked while cert-manager manages its Secret or its password is missing."""
    requests = (_ca_request(instance), *(_certificate_request(instance, spec) for spec in specs.certificates(instance)))
    certificate_names = specs.certificate_names(instance)
    blocked = {}
    for request in requests:
        problem = _held_by_cert_manager(instance, certificate_names[request.key.name])
        problem = problem or _password_missing(instance, request)
        if problem:
            blocked[request.key] = Blocked(request.key, problem)
    ready = tuple(request for request in requests if request.key not in blocked)
    secrets = tuple(_secret(instance, request) for request in ready)
    return ComponentPlan(NAME, secrets, ready, tuple(blocked.values()))


def _ca_request(instance: Instance) -> CertificateRequest:
    return CertificateRequest(specs.ca_secret_key(instance), CA_NAME)


def _certificate_request(instance: Instance, spec: CertificateSpec) -> CertificateRequest:
    request = CertificateRequest(
        Key("Secret", instance.namespace, spec.secret),
        spec.common_name,
        spec.dns_names,
        frozenset(spec.usages),
        specs.ca_secret_key(instance),
        spec.rsa,
    )
    if not spec.keystore:
        return request
    password = Key("Secret", instance.namespace, specs.keystore_secret(instance))
    content = instance.snapshot.data.get(("Secret", password.name))
    digest = names.sha256(content.digest)[:16] if content else ""
    return replace(request, password=(password, KEYSTORE_PASSWORD), password_digest=digest)


def _secret(instance: Instance, request: CertificateRequest) -> Obj:
    obj = builders.owned(instance, "Secret", request.key.name) | {"type": "kubernetes.io/tls"}
    if request.password:
        builders.annotate(obj, {constants.ANNOTATION_KEYSTORE_PASSWORD: request.password_digest})
    return obj


def _held_by_cert_manager(instance: Instance, certificate: str) -> Problem | None:
    """Return the problem of a Secret whose Certificate exists: cert-manager would overwrite it."""
    if not instance.live("Certificate", certificate):
        return None
    return specs.waiting_for_certificate(
        f"Certificate {instance.namespace}/{certificate} of cert-manager is being deleted; "
        "the operator issues the certificate itself afterwards."
    )


def _password_missing(instance: Instance, request: CertificateRequest) -> Problem | None:
    if not request.password:
        return None
    secret, key = request.password
    content = instance.snapshot.data.get(("Secret", secret.name))
    if content and not content.missing([key]):
        return None
    text = f"The keystore in {request.key} waits for its password, in Secret {secret.name}."
    return Problem(NAME, Reason.SECRET_PENDING, text)
