"""The built-in authority: the Secrets with its own certificate and with those that it signs, as orders to the shell."""

from __future__ import annotations

from dataclasses import replace

from .. import k8s, names
from ..instance import Instance
from ..plan import CertificateOrder, Key, Obj, Part, Problem, Waiting
from . import leaves
from .leaves import PART, Leaf

COMMON_NAME = "cryostat-ca"


def part(i: Instance) -> Part:
    """All certificates; each waits while cert-manager, which may have made it before, still looks after its Secret."""
    orders = (_authority(i), *(_leaf(i, leaf) for leaf in leaves.of(i)))
    names_of_old = leaves.secrets(i)
    waiting = {}
    for order in orders:
        problem = _handed_over(i, names_of_old[order.key.name]) or _password_missing(i, order)
        if problem:
            waiting[order.key] = Waiting(order.key, problem)
    ready = tuple(order for order in orders if order.key not in waiting)
    return Part(PART, tuple(_secret(i, order) for order in ready), ready, tuple(waiting.values()))


def _authority(i: Instance) -> CertificateOrder:
    return CertificateOrder(leaves.authority_secret(i), COMMON_NAME)


def _leaf(i: Instance, leaf: Leaf) -> CertificateOrder:
    order = CertificateOrder(
        Key("Secret", i.namespace, leaf.secret),
        leaf.common_name,
        leaf.dns_names,
        frozenset(leaf.usages),
        leaves.authority_secret(i),
        leaf.rsa,
    )
    if not leaf.keystore:
        return order
    password = Key("Secret", i.namespace, leaves.keystore_secret(i))
    fact = i.facts.data.get(("Secret", password.name))
    digest = names.sha256(fact.digest)[:16] if fact else ""
    return replace(order, password=(password, leaves.KEYSTORE_PASSWORD), password_digest=digest)


def _secret(i: Instance, order: CertificateOrder) -> Obj:
    obj = k8s.owned(i, "Secret", order.key.name) | {"type": "kubernetes.io/tls"}
    if order.password:
        k8s.annotate(obj, {names.ANNOTATION_KEYSTORE_PASSWORD: order.password_digest})
    return obj


def _handed_over(i: Instance, certificate: str) -> Problem | None:
    if not i.live("Certificate", certificate):
        return None
    message = f"Certificate {certificate} of cert-manager is about to be deleted; the operator issues it afterwards."
    return Problem(PART, "WaitingForCertificate", message, warning=False)


def _password_missing(i: Instance, order: CertificateOrder) -> Problem | None:
    if not order.password:
        return None
    secret, key = order.password
    fact = i.facts.data.get(("Secret", secret.name))
    if fact and key in fact.keys:
        return None
    message = f"The keystore in Secret {order.key.name} waits for its password in Secret {secret.name}."
    return Problem(PART, "WaitingForCertificate", message, warning=False)
