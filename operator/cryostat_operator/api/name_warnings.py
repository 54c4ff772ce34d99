"""Warnings about names in a Cryostat that the API server refuses only later, in the objects of the instance."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any

from .base import DNS_LABEL, DNS_SUBDOMAIN
from .unvalidated import Obj, items_of, mapping_of, mappings_of

MAX_SHOWN = 253  # characters of a value
_QUALIFIED_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_MAX_LABEL_VALUE = 63
_LABELS = ("labels", "nodeSelector", "matchLabels")
_LABEL_RULE = "use at most 63 letters, digits, -, _ and ., with a letter or digit at both ends"


def name_warnings(spec: Obj) -> Iterator[str]:
    """Yield warnings about names in the Ingress, port names, the access review, and keys and values of labels.

    Args:
        spec: of a Cryostat, in the shape of its v1beta2 JSON.
    """
    network = mapping_of(spec.get("networkOptions"))
    ingress = mapping_of(mapping_of(network.get("coreConfig")).get("ingressSpec"))
    yield from _ingress(ingress, "spec.networkOptions.coreConfig.ingressSpec")
    yield from _port_names(mapping_of(spec.get("targetDiscoveryOptions")).get("discoveryPortNames"))
    accounts = mapping_of(mapping_of(spec.get("authorizationOptions")).get("openShiftSSO"))
    yield from _access_review(mapping_of(accounts.get("accessReview")))
    yield from _keys(spec, "spec")


def _port_names(names: Any) -> Iterator[str]:
    for name in names if isinstance(names, list) else ():
        if isinstance(name, str) and name and not re.fullmatch(DNS_LABEL, name):
            yield (
                f"spec.targetDiscoveryOptions.discoveryPortNames: {_shown(name)} is not the name of a port, so it "
                "finds no target; names have lower-case letters, digits and -"
            )


def _access_review(review: Obj) -> Iterator[str]:
    for field in ("group", "resource", "subresource", "verb", "version"):
        given = review.get(field)
        if isinstance(given, str) and given != given.strip().lower():
            yield (
                f"spec.authorizationOptions.openShiftSSO.accessReview.{field}: {_shown(given)} matches no role; "
                f"did you mean {given.strip().lower()[:MAX_SHOWN]}?"
            )


def _ingress(ingress: Obj, path: str) -> Iterator[str]:
    name = ingress.get("ingressClassName")
    if isinstance(name, str) and name and not _is_dns_name(name):
        yield f"{path}.ingressClassName: {_shown(name)} is not the name of an IngressClass; use lower-case letters"
    for index, rule in enumerate(mappings_of(ingress.get("rules"))):
        yield from _host(rule.get("host"), f"{path}.rules[{index}].host")
        for number, each in enumerate(mappings_of(mapping_of(rule.get("http")).get("paths"))):
            yield from _path(each, f"{path}.rules[{index}].http.paths[{number}]")
    for index, entry in enumerate(mappings_of(ingress.get("tls"))):
        hosts = entry.get("hosts")
        for number, host in enumerate(items_of(hosts)):
            yield from _host(host, f"{path}.tls[{index}].hosts[{number}]")


def _host(host: Any, path: str) -> Iterator[str]:
    if not isinstance(host, str) or not host or (_is_dns_name(host.removeprefix("*.")) and not _is_address(host)):
        return
    bare = re.sub(r"^[a-z]+://", "", host.strip().lower()).partition("/")[0].partition(":")[0]
    near = f"did you mean {bare}?" if _is_dns_name(bare) and bare != host else "use a DNS name such as jfr.example.com"
    yield f"{path}: {_shown(host)} is not a host; {near}"


def _path(each: Obj, path: str) -> Iterator[str]:
    given = each.get("path")
    if isinstance(given, str) and given and not given.startswith("/"):
        yield f"{path}.path: {_shown(given)} must begin with /"
    if not each.get("pathType"):
        yield f"{path}.pathType is required; use Prefix"


def _keys(node: Any, path: str) -> Iterator[str]:
    """Yield warnings about keys of labels and annotations, and values of labels, at any depth."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _keys(item, f"{path}[{index}]")
    if not isinstance(node, Mapping):
        return
    for field, value in node.items():
        if field in (*_LABELS, "annotations") and isinstance(value, Mapping):
            yield from _labels(value, f"{path}.{field}", with_values=field in _LABELS)
        else:
            yield from _keys(value, f"{path}.{field}")


def _labels(labels: Obj, path: str, *, with_values: bool) -> Iterator[str]:
    for key, value in labels.items():
        prefix, slash, name = str(key).rpartition("/")
        if not _QUALIFIED_NAME.fullmatch(name) or (slash and not _is_dns_name(prefix)):
            yield f"{path}: {_shown(key)} is not a valid key; {_LABEL_RULE}"
        if with_values and isinstance(value, str) and value and not _is_label_value(value):
            yield f"{path}: {_shown(value)} is not a valid value; {_LABEL_RULE}"


def _is_label_value(value: str) -> bool:
    return len(value) <= _MAX_LABEL_VALUE and _QUALIFIED_NAME.fullmatch(value) is not None


def _is_dns_name(text: str) -> bool:
    return len(text) <= MAX_SHOWN and re.fullmatch(DNS_SUBDOMAIN, text) is not None


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _shown(text: object) -> str:
    """Return a text in quotation marks if it has spaces at its ends or is empty."""
    shown = str(text)[:MAX_SHOWN]
    return f'"{shown}"' if shown != shown.strip() or not shown else shown
