"""Copies of certificates in target namespaces, for the agents there.

The copies have the ownership labels, so that they are found and deleted when their namespace is no longer a target
and no private key stays behind.
"""

from __future__ import annotations

from collections.abc import Iterator

from .. import builders, targets
from ..instance import Instance
from ..model import certificates, names
from ..model.desired_state import Blocked, ComponentPlan
from ..model.kinds import Key, Obj
from ..model.problems import Problem
from ..model.requests import CopyRequest
from . import specs
from .specs import NAME

_AGENT_KEYS = (certificates.CERTIFICATE, certificates.PRIVATE_KEY, certificates.TLS_CA_KEY)


def build(instance: Instance) -> ComponentPlan:
    """Return copies of the CA's public certificate and of the agents' certificate for each target namespace."""
    objects, requests, blocked = [], [], []
    for request in _copy_requests(instance):
        problem = _source_missing(instance, request)
        if problem:
            blocked.append(Blocked(request.key, problem))
        else:
            objects.append(_copy(instance, request.key))
            requests.append(request)
    ca_name = specs.ca_secret_key(instance).name
    for target, problem in targets.unreachable(instance).items():
        agent = names.agent_certificate(instance.namespace, instance.name, target)
        blocked += [Blocked(Key("Secret", target, name), problem) for name in (ca_name, agent)]
    return ComponentPlan(NAME, objects=tuple(objects), requests=tuple(requests), blocked=tuple(blocked))


def _copy(instance: Instance, key: Key) -> Obj:
    return builders.labeled(instance, "Secret", key.name, key.namespace) | {"type": "Opaque"}


def _copy_requests(instance: Instance) -> Iterator[CopyRequest]:
    ca = specs.ca_secret_key(instance)
    for target in instance.reachable_targets:
        if target == instance.namespace:
            continue
        # `ca.crt` contains the previous CA certificate too while both are trusted.
        public = {certificates.CERTIFICATE: certificates.TLS_CA_KEY}
        yield CopyRequest(Key("Secret", target, ca.name), ca, public)
        agent = names.agent_certificate(instance.namespace, instance.name, target)
        source = Key("Secret", instance.namespace, agent)
        yield CopyRequest(Key("Secret", target, agent), source, {key: key for key in _AGENT_KEYS})


def _source_missing(instance: Instance, request: CopyRequest) -> Problem | None:
    source = instance.snapshot.certificates.get(request.source)
    if source and source.keys >= set(request.values.values()):
        return None
    return specs.waiting_for_certificate(
        f"Secret {request.key.namespace}/{request.key.name} waits for its source, Secret {request.source.namespace}/"
        f"{request.source.name}."
    )
