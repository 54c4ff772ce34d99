"""Values of the chart that mean something only together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any

from .rule_types import UNKNOWN, Context, Finding, Lost, Rule, Set, Warn, completed, is_empty

_FILES_ADVICE = "list every file of these ConfigMaps in spec.{field} with configMapName and filename"
SCHEDULING = ("nodeSelector", "tolerations", "affinity")
_SWITCHES = {
    "usePathStyleAccess": ("useVirtualHostAccess", True),
    "usePresignedRecordingTransfers": ("disablePresignedFileTransfers", True),
    "usePresignedDownloads": ("disablePresignedDownloads", False),
}
"""Switch of the chart: the field that says the opposite, and the chart's default."""
_ROUTE_TLS = {"termination": "edge", "insecureEdgeTerminationPolicy": "Redirect"}
_RESTRICTED_POD = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


def _mapping(*known: str) -> Callable[[Rule], Rule]:
    """A rule for a mapping with these keys; others are named."""

    def decorated(rule: Rule) -> Rule:
        @wraps(rule)
        def guarded(path: str, value: Any, context: Context) -> Iterator[Finding]:
            if not isinstance(value, Mapping):
                yield Warn(path, "a mapping is expected here")
                return
            yield from rule(path, value, context)
            yield from (Warn(f"{path}.{key}", UNKNOWN) for key in value if key not in known)

        return guarded

    return decorated


@_mapping(
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
    """Where targets are looked for, and by which ports they are recognised."""
    if value.get("enabled") is False:
        yield Set("targetDiscoveryOptions.disableBuiltInDiscovery", True)
    if value.get("namespaces"):
        yield Set("targetNamespaces", value["namespaces"])
    elif value.get("installNamespaceDisabled"):
        yield Warn(f"{path}.installNamespaceDisabled", "a Cryostat has at least one target namespace: name others")
    if value.get("allowAllNamespaces"):
        yield Warn(f"{path}.allowAllNamespaces", "list the namespaces in spec.targetNamespaces")
    for name, other in (("Names", "builtInPortNamesDisabled"), ("Numbers", "builtInPortNumbersDisabled")):
        if value.get(f"port{name}"):
            yield Set(f"targetDiscoveryOptions.discoveryPort{name}", value[f"port{name}"])
        if value.get(other):
            yield Set(f"targetDiscoveryOptions.disableBuiltInPort{name}", True)


@_mapping("enabled", "className", "annotations", "hosts", "tls")
def ingress(path: str, value: Any, context: Context) -> Iterator[Finding]:
    """The Ingress, whose backend is the Service of the new instance."""
    if not value.get("enabled"):
        return
    port = context.at("core.service.httpPort")
    number = port if port not in (None, 8181) else 4180
    backend = {"service": {"name": context.name, "port": {"number": number}}}
    hosts = value.get("hosts") or [{"host": "cryostat.local", "paths": [{"path": "/"}]}]
    if not isinstance(hosts, list) or not all(isinstance(host, Mapping) for host in hosts):
        yield Warn(f"{path}.hosts", "expected a list of mappings")
        return
    spec: dict[str, Any] = {"rules": [_rule(host, backend) for host in hosts]}
    if value.get("className"):
        spec["ingressClassName"] = value["className"]
    if value.get("tls"):
        spec["tls"] = value["tls"]
    yield Set("networkOptions.coreConfig.ingressSpec", spec)
    if value.get("annotations"):
        yield Set("networkOptions.coreConfig.annotations", value["annotations"])


def _rule(host: Mapping[str, Any], backend: dict[str, Any]) -> dict[str, Any]:
    paths = host.get("paths") or [{"path": "/"}]
    found = [
        {"path": each.get("path"), "pathType": each.get("pathType") or "ImplementationSpecific", "backend": backend}
        for each in paths
        if isinstance(each, Mapping)
    ]
    named = {"host": host["host"]} if host.get("host") else {}
    return {**named, "http": {"paths": found}}


def volume(field: str, size: str) -> Any:
    """A rule for the volume of one component; without a claim the chart keeps its data in an emptyDir."""

    @_mapping("enabled", "annotations", "storage", "accessModes", "storageClassName", "selector")
    def rule(path: str, value: Any, context: Context) -> Iterator[Finding]:
        if value.get("enabled") is False:
            yield Set(f"storageOptions.{field}.emptyDir.enabled", True)
        if not value.get("enabled"):
            return
        spec = {key: value[key] for key in ("accessModes", "selector") if value.get(key)}
        if isinstance(value.get("storageClassName"), str):
            spec["storageClassName"] = value["storageClassName"]  # the empty one asks for a volume without a class
        if value.get("storage", size) != size:
            spec["resources"] = {"requests": {"storage": value["storage"]}}
        if spec.get("accessModes") == ["ReadWriteOnce"]:
            del spec["accessModes"]
        if spec:
            yield Set(f"storageOptions.{field}.pvc.spec", spec)
        if value.get("annotations"):
            yield Set(f"storageOptions.{field}.pvc.annotations", value["annotations"])

    return rule


@_mapping("enabled", "secretName", "filename")
def basic_auth(path: str, value: Any, context: Context) -> Iterator[Finding]:
    """Users from an htpasswd file."""
    if value.get("enabled"):
        user_file = {key: value[key] for key in ("secretName", "filename") if value.get(key)}
        yield Set("authorizationOptions.basicAuth", user_file)


@_mapping("enabled", "group", "resource", "subresource", "name", "namespace", "verb", "version")
def access_review(path: str, value: Any, context: Context) -> Iterator[Finding]:
    """What an OpenShift user must be allowed to do. A template in it stands for the own namespace, our default."""
    if value.get("enabled") is False:
        yield Warn(f"{path}.enabled", "OpenShift users are always reviewed; choose a permission that all of them have")
    default = {"group": "", "resource": "pods", "subresource": "exec", "name": "", "verb": "create", "version": ""}
    asked = {k: v for k, v in value.items() if k != "enabled" and not (k == "namespace" and "{{" in str(v))}
    if completed(asked, default) != default:
        yield Set(
            "authorizationOptions.openShiftSSO.accessReview",
            {key: inner for key, inner in completed(asked, default).items() if inner != ""},
        )


def storage_secret(path: str, value: Any, context: Context) -> Iterator[Finding]:
    yield Set("objectStorageOptions.secretName", value)
    yield Warn(
        path,
        "its keys must be called ACCESS_KEY and SECRET_KEY (in the chart: STORAGE_ACCESS_KEY_ID, STORAGE_ACCESS_KEY)",
    )


@_mapping("url", "region", "tls", "metadata", "useChecksumValidation", "authentication", *_SWITCHES)
def provider(path: str, value: Any, context: Context) -> Iterator[Finding]:
    """An S3 service outside; without its address the other settings mean nothing."""
    here = "objectStorageOptions.provider"
    for key, default in (("useChecksumValidation", True), ("authentication", {"credentialsType": "default"})):
        if not is_empty(value.get(key)) and value[key] != default:
            yield Warn(f"{path}.{key}", "no field takes it; credentials come from objectStorageOptions.secretName")
    if not value.get("url"):
        return
    yield Set(f"{here}.url", value["url"])
    if value.get("region"):
        yield Set(f"{here}.region", value["region"])
    for key, (field, default) in _SWITCHES.items():
        if not value.get(key, default):
            yield Set(f"{here}.{field}", True)
    if context.at(f"{path}.tls.trustAll"):
        yield Set(f"{here}.tlsTrustAll", True)
    if context.at(f"{path}.metadata.storageMode") not in (None, "tagging"):
        yield Set(f"{here}.metadataMode", context.at(f"{path}.metadata.storageMode"))


def certificates(path: str, value: Any, context: Context) -> Iterator[Finding]:
    if isinstance(value, list):
        yield Set("trustedCertSecrets", [{"secretName": name} for name in value])
    yield Warn(path, "only the key tls.crt of each Secret is trusted; name others with certificateKey")


def files(field: str) -> Lost:
    return Lost(_FILES_ADVICE.format(field=field))


def network_policy(path: str, value: Any, context: Context) -> Iterator[Finding]:
    if value is False:
        for component in ("core", "reports", "database", "storage"):
            yield Set(f"networkPolicies.{component}Config.ingressDisabled", True)


def scheduling(context: Context) -> Iterator[Finding]:
    """Where pods run: one setting for report generators, one for all the others."""
    for attribute in SCHEDULING:
        common = context.at(attribute)
        core, reports = (context.at(f"{c}.{attribute}") or common for c in ("core", "reports"))
        if not is_empty(core):
            yield Set(f"schedulingOptions.{attribute}", core)
        if not is_empty(reports):
            yield Set(f"reportOptions.schedulingOptions.{attribute}", reports)
        for component in ("db", "storage"):
            own = context.at(f"{component}.{attribute}")
            if not is_empty(own) and own != core:
                yield Warn(f"{component}.{attribute}", f"its pods run where spec.schedulingOptions.{attribute} says")
        for component in ("grafana", "datasource"):
            if attribute != "affinity" and not is_empty(context.at(f"{component}.{attribute}")):
                yield Warn(f"{component}.{attribute}", "it shares the pod of the application, as in the chart")


def extra(path: str, value: Any, context: Context) -> Iterator[Finding]:
    """Variables of a container, in whatever depth."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from extra(f"{path}.{key}", inner, context)
    elif not is_empty(value):
        yield Warn(path, "no field adds environment variables")


@_mapping("enabled", *_ROUTE_TLS, "key", "certificate", "caCertificate", "destinationCACertificate")
def route_tls(path: str, value: Any, context: Context) -> Iterator[Finding]:
    """How the Route encrypts is the operator's choice. What is in the values may be a private key: it is not shown."""
    for key, inner in value.items():
        if not is_empty(inner) and inner != _ROUTE_TLS.get(key, True):
            yield Warn(f"{path}.{key}", "the operator encrypts the Route itself, with the certificate of the router")


def openshift(path: str, value: Any, context: Context) -> Iterator[Finding]:
    """OpenShift accounts log in wherever the operator runs on OpenShift: nothing needs to be said."""
    yield from ()


def pod_security(path: str, value: Any, context: Context) -> Iterator[Finding]:
    whole = completed(value, _RESTRICTED_POD)
    if whole != _RESTRICTED_POD:
        yield Set("securityOptions.podSecurityContext", whole)
        yield Set("reportOptions.securityOptions.podSecurityContext", whole)


def named(key: str) -> Callable[[Any], Any]:
    """Turns a list of names into a list of mappings from `key`."""
    return lambda names: [{key: name} for name in names] if isinstance(names, list) else names


def elsewhere(path: str, value: Any, context: Context) -> Iterator[Finding]:
    """For values that `scheduling` has judged."""
    yield from ()
