"""Rules for the Ingress of the chart, and how its controller reaches the application of a Cryostat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..api.ingress_controllers import class_name, controller_of, names_protocol, plain_http
from .rule_types import EXPECTED_MAPPING, Context, Finding, NotConverted, SetField, for_mapping, number_of

# Port of the application's Service: the default of the chart, and that of the operator.
CHART_PORT = 8181
OPERATOR_PORT = 4180


@for_mapping("enabled", "className", "annotations", "hosts", "tls")
def ingress(path: str, value: Any, context: Context) -> Iterator[Finding]:
    """Convert the Ingress. Its backend is the Service of the Cryostat."""
    if not value.get("enabled"):
        return
    hosts = value.get("hosts") or [{"host": "cryostat.local", "paths": [{"path": "/"}]}]
    if not isinstance(hosts, list) or not all(isinstance(host, Mapping) for host in hosts):
        yield NotConverted(f"{path}.hosts", "must be a list of mappings; no Ingress is created")
        return
    port = number_of(context.at("core.service.httpPort"))
    number = port if port not in (None, CHART_PORT) else OPERATOR_PORT
    backend = {"service": {"name": context.name, "port": {"number": number}}}
    spec: dict[str, Any] = {"rules": [_ingress_rule(host, backend) for host in hosts]}
    if value.get("className"):
        spec["ingressClassName"] = value["className"]
    if value.get("tls"):
        spec["tls"] = value["tls"]
    yield SetField("networkOptions.coreConfig.ingressSpec", spec)
    annotations = value.get("annotations") or {}
    if not isinstance(annotations, Mapping):
        yield NotConverted(f"{path}.annotations", EXPECTED_MAPPING)
        return
    plain = plain_http(annotations)
    for key in plain:
        advice = "selects HTTP, but the operator's application accepts only HTTPS; the annotation is left out"
        yield NotConverted(f"{path}.annotations.{key}", advice)
    kept = {key: given for key, given in annotations.items() if key not in plain}
    if kept:
        yield SetField("networkOptions.coreConfig.annotations", kept)


def ingress_note(context: Context) -> str:
    """Return how the Ingress reaches the application, which differs from the chart; empty without an Ingress."""
    value = context.at("core.ingress")
    if not (isinstance(value, Mapping) and value.get("enabled")):
        return ""
    given = value.get("annotations")
    annotations = given if isinstance(given, Mapping) else {}
    name = class_name({"ingressClassName": value.get("className")}, annotations)
    controller = controller_of(name)
    change = "core.ingress: the application accepts only HTTPS from the Ingress controller; the chart's accepts HTTP"
    if controller is None:
        if names_protocol(annotations) and not plain_http(annotations):
            return f"{change}. The values have an annotation for this"
        named = f"of IngressClass {name}" if name else "of the default IngressClass"
        return (
            f"{change}. If the operator does not know the controller {named}, set the annotation by which that "
            "controller calls its backend by HTTPS in spec.networkOptions.coreConfig.annotations"
        )
    settings = {**controller.ingress, **controller.service}
    named = " and ".join(f"{key}: {text.replace('{service}', context.name)}" for key, text in settings.items())
    kind = "Ingress" if controller.ingress else "Service"
    note = f"{change}. The operator sets {named} on the {kind}, unless the Cryostat has an annotation of that name"
    if not controller.verified_by:
        return note
    return (
        f"{note}. {controller.name} also verifies the certificate: set {controller.verified_by} in "
        "spec.serviceOptions.coreConfig.annotations"
    )


def _ingress_rule(host: Mapping[str, Any], backend: dict[str, Any]) -> dict[str, Any]:
    paths = [
        {"path": each.get("path"), "pathType": each.get("pathType") or "ImplementationSpecific", "backend": backend}
        for each in host.get("paths") or [{"path": "/"}]
        if isinstance(each, Mapping)
    ]
    name = {"host": host["host"]} if host.get("host") else {}
    return {**name, "http": {"paths": paths}}
