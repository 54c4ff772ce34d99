"""The built-in authority: the Secrets with its own certificate and with those that it signs, as orders to the shell."""

from __future__ import annotations

from dataclasses import replace

from ...api import constants
from .. import builders
from ..instance import Instance
from ..model import names
from ..model.desired_state import Blocked, ComponentPlan
from ..model.kinds import Key, Obj
from ..model.problems import Problem
from ..model.requests import CertificateRequest
from . import specs
from .specs import NAME, CertificateSpec

COMMON_NAME = "cryostat-ca"


def build(instance: Instance) -> ComponentPlan:
    """All certificates; each waits while cert-manager, which may have made it before, still looks after its Secret."""
    requests = (_authority(instance), *(_leaf(instance, leaf) for leaf in specs.of(instance)))
    names_of_old = specs.secrets(instance)
    blocked = {}
    for order in requests:
        problem = _handed_over(instance, names_of_old[order.key.name]) or _password_missing(instance, order)
        if problem:
            blocked[order.key] = Blocked(order.key, problem)
    ready = tuple(order for order in requests if order.key not in blocked)
    return ComponentPlan(NAME, tuple(_secret(instance, order) for order in ready), ready, tuple(blocked.values()))


def _authority(instance: Instance) -> CertificateRequest:
    return CertificateRequest(specs.authority_secret(instance), COMMON_NAME)


def _leaf(instance: Instance, leaf: CertificateSpec) -> CertificateRequest:
    order = CertificateRequest(
        Key("Secret", instance.namespace, leaf.secret),
        leaf.common_name,
        leaf.dns_names,
        frozenset(leaf.usages),
        specs.authority_secret(instance),
        leaf.rsa,
    )
    if not leaf.keystore:
        return order
    password = Key("Secret", instance.namespace, specs.keystore_secret(instance))
    fact = instance.snapshot.data.get(("Secret", password.name))
    digest = names.sha256(fact.digest)[:16] if fact else ""
    return replace(order, password=(password, specs.KEYSTORE_PASSWORD), password_digest=digest)


def _secret(instance: Instance, order: CertificateRequest) -> Obj:
    obj = builders.owned(instance, "Secret", order.key.name) | {"type": "kubernetes.io/tls"}
    if order.password:
        builders.annotate(obj, {constants.ANNOTATION_KEYSTORE_PASSWORD: order.password_digest})
    return obj


def _handed_over(instance: Instance, certificate: str) -> Problem | None:
    if not instance.live("Certificate", certificate):
        return None
    message = f"Certificate {certificate} of cert-manager is about to be deleted; the operator issues it afterwards."
    return Problem(NAME, "WaitingForCertificate", message, warning=False)


def _password_missing(instance: Instance, order: CertificateRequest) -> Problem | None:
    if not order.password:
        return None
    secret, key = order.password
    fact = instance.snapshot.data.get(("Secret", secret.name))
    if fact and key in fact.keys:
        return None
    message = f"The keystore in Secret {order.key.name} waits for its password in Secret {secret.name}."
    return Problem(NAME, "WaitingForCertificate", message, warning=False)
