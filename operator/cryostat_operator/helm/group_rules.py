"""Rules for groups of chart values that have to be read together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .rule_types import (
    Context,
    Finding,
    NotConverted,
    NotSupported,
    SetField,
    for_mapping,
    is_empty,
    with_chart_defaults,
)

SCHEDULING = ("nodeSelector", "tolerations", "affinity")

_ROUTE_TLS = {"termination": "edge", "insecureEdgeTerminationPolicy": "Redirect"}
_RESTRICTED_POD = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
_ACCESS_REVIEW = {"group": "", "resource": "pods", "subresource": "exec", "name": "", "verb": "create", "version": ""}


@for_mapping(
    "enabled",
    "namespaces",
    "installNamespaceDisabled",
    "allowAllNamespaces",
    "portNames",
    "portNumbers",
    "builtInPortNamesDisabled",
    "builtInPortNumbersDisabled",
)
def discovery(path: str, value: Any, context: Context) -> Iterator[Finding]:
    """Convert target namespaces, and the ports by which targets are recognized."""
    if value.get("enabled") is False:
        yield SetField("targetDiscoveryOptions.disableBuiltInDiscovery", True)
    if value.get("namespaces"):
        yield SetField("targetNamespaces", value["namespaces"])
    elif value.get("installNamespaceDisabled"):
        advice = "a Cryostat needs at least one target namespace; list the others in spec.targetNamespaces"
        yield NotConverted(f"{path}.installNamespaceDisabled", advice)
    if value.get("allowAllNamespaces"):
        advice = "a Cryostat cannot select all namespaces; list them in spec.targetNamespaces"
        yield NotConverted(f"{path}.allowAllNamespaces", advice)
    for name, other in (("Names", "builtInPortNamesDisabled"), ("Numbers", "builtInPortNumbersDisabled")):
        if value.get(f"port{name}"):
            yield SetField(f"targetDiscoveryOptions.discoveryPort{name}", value[f"port{name}"])
        if value.get(other):
            yield SetField(f"targetDiscoveryOptions.disableBuiltInPort{name}", True)


@for_mapping("enabled", "secretName", "filename")
def basic_auth(path: str, value: Any, context: Context) -> Iterator[Finding]:
    """Convert users from an htpasswd file in a Secret."""
    if value.get("enabled"):
        user_file = {key: value[key] for key in ("secretName", "filename") if value.get(key)}
        yield SetField("authorizationOptions.basicAuth", user_file)


@for_mapping("enabled", "group", "resource", "subresource", "name", "namespace", "verb", "version")
def access_review(path: str, value: Any, context: Context) -> Iterator[Finding]:
    """Convert the permission that OpenShift users need. A template in `namespace` means that of the Cryostat."""
    if value.get("enabled") is False:
        advice = "OpenShift users are always reviewed; select a permission that all of them have"
        yield NotConverted(f"{path}.enabled", advice)
    review = {k: v for k, v in value.items() if k != "enabled" and not (k == "namespace" and "{{" in str(v))}
    whole = with_chart_defaults(review, _ACCESS_REVIEW)
    if whole != _ACCESS_REVIEW:
        fields = {key: inner for key, inner in whole.items() if inner != ""}
        yield SetField("authorizationOptions.openShiftSSO.accessReview", fields)


def certificates(path: str, value: Any, context: Context) -> Iterator[Finding]:
    """Convert Secrets with certificates to trust. The chart trusts every key, the operator one key per item."""
    if isinstance(value, list):
        yield SetField("trustedCertSecrets", [{"secretName": name} for name in value])
    yield NotConverted(path, "only the key tls.crt of each Secret is trusted; select another one with certificateKey")


def files(field: str) -> NotSupported:
    """Return the rule for ConfigMaps of which the chart uses all files."""
    return NotSupported(f"list each file of these ConfigMaps in spec.{field} with configMapName and filename")


def network_policy(path: str, value: Any, context: Context) -> Iterator[Finding]:
    """Convert the switch for all network policies of incoming connections."""
    if value is False:
        for component in ("core", "reports", "database", "storage"):
            yield SetField(f"networkPolicies.{component}Config.ingressDisabled", True)


def scheduling(context: Context) -> Iterator[Finding]:
    """Convert the scheduling of pods: the spec has one setting for report generators and one for all other pods."""
    for attribute in SCHEDULING:
        common = context.at(attribute)
        core, reports = (context.at(f"{component}.{attribute}") or common for component in ("core", "reports"))
        if not is_empty(core):
            yield SetField(f"schedulingOptions.{attribute}", core)
        if not is_empty(reports):
            yield SetField(f"reportOptions.schedulingOptions.{attribute}", reports)
        for component in ("db", "storage"):
            own = context.at(f"{component}.{attribute}")
            if not is_empty(own) and own != core:
                advice = f"spec.schedulingOptions.{attribute} applies to this component too"
                yield NotConverted(f"{component}.{attribute}", advice)
        for component in ("grafana", "datasource"):
            if attribute != "affinity" and not is_empty(context.at(f"{component}.{attribute}")):
                yield NotConverted(f"{component}.{attribute}", "the container runs in the pod of the application")


def extra_environment(path: str, value: Any, context: Context) -> Iterator[Finding]:
    """Report environment variables of a container, at any depth."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from extra_environment(f"{path}.{key}", inner, context)
    elif not is_empty(value):
        yield NotConverted(path, "there is no field for additional environment variables")


@for_mapping("enabled", *_ROUTE_TLS, "key", "certificate", "caCertificate", "destinationCACertificate")
def route_tls(path: str, value: Any, context: Context) -> Iterator[Finding]:
    """Report TLS of the Route. The values may contain a private key, so they are not shown."""
    for key, inner in value.items():
        if not is_empty(inner) and inner != _ROUTE_TLS.get(key, True):
            yield NotConverted(
                f"{path}.{key}", "the operator configures TLS of the Route with the router's certificate"
            )


def pod_security(path: str, value: Any, context: Context) -> Iterator[Finding]:
    """Convert the security context of all pods."""
    whole = with_chart_defaults(value, _RESTRICTED_POD)
    if whole != _RESTRICTED_POD:
        yield SetField("securityOptions.podSecurityContext", whole)
        yield SetField("reportOptions.securityOptions.podSecurityContext", whole)


def as_mappings(key: str) -> Callable[[Any], Any]:
    """Return a function that converts a list of names to a list of mappings with that key."""
    return lambda names: [{key: name} for name in names] if isinstance(names, list) else names


def handled_elsewhere(path: str, value: Any, context: Context) -> Iterator[Finding]:
    """Leave out a value that another rule reads, or that is the operator's default anyway."""
    yield from ()
