"""Whether a Route or an Ingress exposes the application, and the options of the spec for both."""

from __future__ import annotations

from ...api.network_options import NetworkConfiguration
from .. import workloads
from ..instance import Instance

NAME = "exposure"  # the component


def network_config(instance: Instance) -> NetworkConfiguration:
    """Return the network options of the application, or empty ones if the spec has none."""
    options = instance.spec.network_options
    return (options.core_config if options else None) or NetworkConfiguration()


def labels(instance: Instance) -> dict[str, str]:
    """Return the labels of the Route or Ingress."""
    return dict(network_config(instance).labels or {}) | {"app": instance.name, "component": workloads.CORE}


def has_route(instance: Instance) -> bool:
    """Return whether a Route exposes the application: on OpenShift, if Routes are served."""
    return instance.openshift and instance.snapshot.serves("Route")


def has_ingress(instance: Instance) -> bool:
    """Return whether an Ingress exposes the application: if the spec has one and there are no Routes."""
    return not has_route(instance) and bool(network_config(instance).ingress_spec)
