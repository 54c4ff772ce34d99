"""Encryption between components: who issues certificates, copies for agents, which pods a new one restarts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .. import builders, targets
from ..instance import Instance
from ..model import certificates, names
from ..model.desired_state import Blocked, ComponentPlan, Reference
from ..model.kinds import Key, Obj
from ..model.problems import Problem
from ..model.requests import CopyRequest
from . import built_in, cert_manager, specs
from .specs import NAME, authority_secret

_LEAF_KEYS = (certificates.CERTIFICATE, certificates.PRIVATE_KEY, certificates.TLS_CA_KEY)


def build(instance: Instance) -> ComponentPlan:
    """Certificates of whichever way is in use, and their copies; nothing where TLS is off."""
    if not instance.tls:
        return ComponentPlan(NAME)
    issued = cert_manager.build(instance) if instance.tls_issuer == "cert-manager" else built_in.build(instance)
    copied = copies(instance)
    return ComponentPlan(
        NAME,
        objects=issued.objects + copied.objects,
        requests=issued.requests + copied.requests,
        blocked=issued.blocked + copied.blocked,
        needs=_needs(instance),
        delete=issued.delete,
        hot_reloaded=_hot_reloaded(instance),
    )


def _needs(instance: Instance) -> Mapping[Key, frozenset[Reference]]:
    """Secrets that cert-manager would overwrite: the operator must know their owner before it creates a Certificate."""
    if instance.tls_issuer != "cert-manager" or not instance.cert_manager_served:
        return {}
    return {
        Key("Certificate", instance.namespace, certificate): frozenset({Reference("Secret", secret, optional=True)})
        for secret, certificate in specs.secrets(instance).items()
    }


# --- target namespaces ---


def copies(instance: Instance) -> ComponentPlan:
    """What agents in other namespaces need: the authority's public certificate, and the certificate of their own.

    Found by label when their namespace is no longer a target, so that no private key stays behind.
    """
    objects, requests, blocked = [], [], []
    for order in _copy_orders(instance):
        held = _source_missing(instance, order)
        if held:
            blocked.append(Blocked(order.key, held))
        else:
            objects.append(_copy(instance, order.key))
            requests.append(order)
    for target, problem in targets.unreachable(instance).items():
        agent = names.agent_certificate(instance.namespace, instance.name, target)
        blocked += [Blocked(Key("Secret", target, name), problem) for name in (authority_secret(instance).name, agent)]
    return ComponentPlan(NAME, objects=tuple(objects), requests=tuple(requests), blocked=tuple(blocked))


def _copy(instance: Instance, key: Key) -> Obj:
    return builders.labeled(instance, "Secret", key.name, key.namespace) | {"type": "Opaque"}


def _copy_orders(instance: Instance) -> Iterator[CopyRequest]:
    built_in = authority_secret(instance)
    for target in instance.reachable_targets:
        if target == instance.namespace:
            continue
        # While an old authority and its successor are both trusted, `ca.crt` holds both.
        public = {certificates.CERTIFICATE: certificates.TLS_CA_KEY}
        yield CopyRequest(Key("Secret", target, built_in.name), built_in, public)
        agent = names.agent_certificate(instance.namespace, instance.name, target)
        leaf = {key: key for key in _LEAF_KEYS}
        yield CopyRequest(Key("Secret", target, agent), Key("Secret", instance.namespace, agent), leaf)


def _source_missing(instance: Instance, order: CopyRequest) -> Problem | None:
    source = instance.snapshot.certificates.get(order.source)
    if source and source.keys >= set(order.values.values()):
        return None
    message = f"The copy in namespace {order.key.namespace} waits for Secret {order.source.name}."
    return Problem(NAME, "WaitingForCertificate", message, warning=False)


# --- pods ---


def _hot_reloaded(instance: Instance) -> Mapping[str, frozenset[str]]:
    """Secrets whose certificates the programs of a Deployment load again without a restart, by Deployment.

    A renewed certificate does not restart these pods; a change of the trusted authorities does. See docs/tls.md.
    """
    by_deployment = {
        # nginx reads its certificate at each handshake; of storage and database only the authority matters here.
        instance.name: ("agent", "storage", "database"),
        f"{instance.name}-storage": ("storage",),
        f"{instance.name}-reports": ("reports", "storage"),
    }
    return {
        deployment: frozenset(f"{instance.name}-{component}-tls" for component in components)
        for deployment, components in by_deployment.items()
    }
