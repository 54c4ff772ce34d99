"""Encryption between components: who issues certificates, copies for agents, which pods a new one restarts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .. import certificates, k8s, names, targets
from ..instance import Instance
from ..plan import CopyOrder, Key, Obj, Part, Problem, Reference, Waiting
from . import authority, cert_manager, leaves
from .leaves import PART, authority_secret

_LEAF_KEYS = (certificates.CERTIFICATE, certificates.PRIVATE_KEY, certificates.AUTHORITIES)


def part(i: Instance) -> Part:
    """Certificates of whichever way is in use, and their copies; nothing where TLS is off."""
    if not i.tls:
        return Part(PART)
    issued = cert_manager.part(i) if i.tls_way == "cert-manager" else authority.part(i)
    copied = copies(i)
    return Part(
        PART,
        issued.objects + copied.objects,
        issued.orders + copied.orders,
        issued.waiting + copied.waiting,
        discarded=issued.discarded,
    )


def needs(i: Instance) -> Mapping[Key, set[Reference]]:
    """Whose the Secrets are that cert-manager would overwrite must be known before it is asked to."""
    if i.tls_way != "cert-manager" or not i.cert_manager_served:
        return {}
    return {
        Key("Certificate", i.namespace, certificate): {Reference("Secret", secret, optional=True)}
        for secret, certificate in leaves.secrets(i).items()
    }


# --- target namespaces ---


def copies(i: Instance) -> Part:
    """What agents in other namespaces need: the authority's public certificate, and the certificate of their own.

    Found by label when their namespace is no longer a target, so that no private key stays behind.
    """
    objects, orders, waiting = [], [], []
    for order in _copy_orders(i):
        held = _source_missing(i, order)
        if held:
            waiting.append(Waiting(order.key, held))
        else:
            objects.append(_copy(i, order.key))
            orders.append(order)
    for target, problem in targets.unreachable(i).items():
        agent = names.agent_certificate(i.namespace, i.name, target)
        waiting += [Waiting(Key("Secret", target, name), problem) for name in (authority_secret(i).name, agent)]
    return Part(PART, objects=tuple(objects), orders=tuple(orders), waiting=tuple(waiting))


def _copy(i: Instance, key: Key) -> Obj:
    return k8s.marked(i, "Secret", key.name, key.namespace) | {"type": "Opaque"}


def _copy_orders(i: Instance) -> Iterator[CopyOrder]:
    authority = authority_secret(i)
    for target in i.reachable_targets:
        if target == i.namespace:
            continue
        # While an old authority and its successor are both trusted, `ca.crt` holds both.
        public = {certificates.CERTIFICATE: certificates.AUTHORITIES}
        yield CopyOrder(Key("Secret", target, authority.name), authority, public)
        agent = names.agent_certificate(i.namespace, i.name, target)
        leaf = {key: key for key in _LEAF_KEYS}
        yield CopyOrder(Key("Secret", target, agent), Key("Secret", i.namespace, agent), leaf)


def _source_missing(i: Instance, order: CopyOrder) -> Problem | None:
    source = i.facts.certificates.get(order.source)
    if source and source.keys >= set(order.values.values()):
        return None
    message = f"The copy in namespace {order.key.namespace} waits for Secret {order.source.name}."
    return Problem(PART, "WaitingForCertificate", message, warning=False)


# --- pods ---


def reloaded(i: Instance, deployment: str) -> frozenset[str]:
    """Secrets of a Deployment whose certificates its programs read again by themselves; see docs/tls.md.

    Such pods need no restart when a certificate is renewed, but they do when other authorities are to be trusted.
    """
    if not i.tls:
        return frozenset()
    by_deployment = {
        # nginx reads the certificate at each handshake; of storage and database the authority is what counts.
        i.name: ("agent", "storage", "database"),
        f"{i.name}-storage": ("storage",),
        f"{i.name}-reports": ("reports", "storage"),
    }
    return frozenset(f"{i.name}-{component}-tls" for component in by_deployment.get(deployment, ()))
