"""The TLS component: certificates, their copies, and which Secrets' certificates are reloaded without a restart."""

from __future__ import annotations

from collections.abc import Mapping

from ..instance import Instance
from ..model.desired_state import ComponentPlan, ContentUse, Reference
from ..model.kinds import Key
from . import built_in, cert_manager, copies, renewals, specs
from .specs import NAME


def build(instance: Instance) -> ComponentPlan:
    """Return the certificates from the issuer in use and their copies; an empty plan if TLS is off."""
    if not instance.tls:
        return ComponentPlan(NAME)
    issuer = cert_manager if instance.tls_issuer == "cert-manager" else built_in
    issued = issuer.build(instance)
    copied = copies.build(instance)
    return ComponentPlan(
        NAME,
        objects=issued.objects + copied.objects,
        requests=issued.requests + copied.requests,
        blocked=issued.blocked + copied.blocked,
        needs=_needs(instance),
        delete=issued.delete,
        warnings=renewals.warnings(instance) if issuer is cert_manager else (),
        hot_reloaded=_hot_reloaded(instance),
        content_use=ContentUse.EVERYTHING,
    )


def _needs(instance: Instance) -> Mapping[Key, frozenset[Reference]]:
    """Return the Secrets to look up before Certificates are created, because cert-manager overwrites them."""
    if instance.tls_issuer != "cert-manager" or not instance.cert_manager_served:
        return {}
    return {
        Key("Certificate", instance.namespace, certificate): frozenset({Reference("Secret", secret, optional=True)})
        for secret, certificate in specs.certificate_names(instance).items()
    }


def _hot_reloaded(instance: Instance) -> Mapping[str, frozenset[str]]:
    """Return the Secrets whose certificates the programs of a Deployment reload by themselves, by Deployment.

    A renewed certificate does not restart these pods, but a changed certificate authority does. See docs/tls.md.
    """
    by_deployment = {
        # nginx reads its certificate at each handshake; of storage and database only the CA is used here.
        instance.name: ("agent", "storage", "database"),
        f"{instance.name}-storage": ("storage",),
        f"{instance.name}-reports": ("reports", "storage"),
    }
    return {
        deployment: frozenset(f"{instance.name}-{component}-tls" for component in components)
        for deployment, components in by_deployment.items()
    }
