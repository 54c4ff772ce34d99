"""Reads chart values from what Helm, Flux, Argo CD and kubectl print."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from ..api.documents import DocumentError, yaml_documents
from .rule_types import Values

# `helm get values` begins with one of these lines unless `-o yaml` or `-o json` is given.
_TITLES = ("USER-SUPPLIED VALUES:", "COMPUTED VALUES:")
_MAX_LIST_LEVELS = 3


class ValuesError(ValueError):
    """The text does not contain chart values; the message completes the sentence "FILE …"."""


def read_values(text: str) -> Values:
    """Return the chart values in a text.

    Accepted are: a values file; the output of `helm get values` with and without `-o`; a Flux `HelmRelease` with
    `spec.values`; an Argo CD `Application` with `helm.valuesObject`, `helm.values` or `helm.parameters`; a `List` with
    exactly one of these. Empty input and `null` are a release without values.

    Raises:
        ValuesError: the text is not YAML, contains several documents, or an object of another kind.
    """
    try:
        documents = yaml_documents(_without_title(text))
    except DocumentError as error:
        raise ValuesError(str(error)) from None
    if not documents:
        return {}
    if len(documents) > 1:
        raise ValuesError(f"contains {len(documents)} YAML documents; one with chart values is needed")
    return _values_of(documents[0])


def _without_title(text: str) -> str:
    lines = text.lstrip("\ufeff").splitlines()
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    if lines and lines[first].strip() in _TITLES:
        del lines[first]
    return "\n".join(lines)


def _values_of(document: Any, levels: int = _MAX_LIST_LEVELS) -> Values:
    if not isinstance(document, Mapping):
        raise ValuesError("contains no mapping of chart values")
    if "apiVersion" not in document or "kind" not in document:
        return document
    kind = str(document["kind"])
    items = document.get("items")
    if kind.endswith("List") and isinstance(items, list) and levels:
        if len(items) != 1:
            raise ValuesError(f"contains a {kind} of {len(items)} objects; one with chart values is needed")
        return _values_of(items[0], levels - 1)
    spec = document.get("spec")
    spec = spec if isinstance(spec, Mapping) else {}
    if kind == "HelmRelease":
        return _flux_values(spec)
    if kind == "Application":
        return _argo_values(spec)
    raise ValuesError(
        f"contains a Kubernetes object of kind {kind}; needed are chart values, a HelmRelease or an Application. "
        "Print the values of a release with: helm get values RELEASE -o yaml"
    )


def _flux_values(spec: Mapping[str, Any]) -> Values:
    if spec.get("valuesFrom"):
        raise ValuesError(
            "contains a HelmRelease with spec.valuesFrom, whose values are in other objects. "
            "Print all values of the release with: helm get values RELEASE -o yaml"
        )
    return _mapping(spec.get("values"), "spec.values of the HelmRelease")


def _argo_values(spec: Mapping[str, Any]) -> Values:
    sources = spec.get("sources") or [spec.get("source")]
    helm = [source["helm"] for source in sources if isinstance(source, Mapping) and source.get("helm")]
    if len(helm) != 1:
        raise ValuesError(f"contains an Application with {len(helm)} Helm sources that have values; one is needed")
    source = _mapping(helm[0], "helm of the Application")
    if source.get("valueFiles") or source.get("fileParameters"):
        raise ValuesError(
            "contains an Application with helm.valueFiles or helm.fileParameters, whose values are in other files. "
            "Pass the values files themselves, merged into one"
        )
    values = dict(_mapping(source.get("valuesObject"), "helm.valuesObject"))
    if not values and source.get("values"):
        try:
            values = dict(_mapping(yaml.safe_load(str(source["values"])), "helm.values"))
        except yaml.YAMLError:
            raise ValuesError("contains an Application whose helm.values is not valid YAML") from None
    for parameter in source.get("parameters") or ():
        parameter = _mapping(parameter, "an entry of helm.parameters")
        _set(values, str(parameter.get("name", "")), parameter)
    return values


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValuesError(f"contains {what}, which is not a mapping")
    return value


def _set(values: dict[str, Any], path: str, parameter: Mapping[str, Any]) -> None:
    """Set a value as `helm --set NAME=VALUE` does; dots separate steps, lists cannot be addressed."""
    if not path or "[" in path:
        raise ValuesError(f"contains an Application with the parameter {path!r}; write it into helm.valuesObject")
    # A dot or comma that belongs to a key is written as `\\.` or `\\,`.
    *parents, last = (re.sub(r"\\(.)", r"\1", step) for step in re.split(r"(?<!\\)\.", path))
    for step in parents:
        inner = values.get(step)
        values[step] = dict(inner) if isinstance(inner, Mapping) else {}
        values = values[step]
    text = str(parameter.get("value", ""))
    values[last] = text if parameter.get("forceString") else _typed(text)


def _typed(text: str) -> Any:
    """Return the list `{a,b}`, or the number, the truth value or null that a text is in YAML, else the text."""
    if text.startswith("{") and text.endswith("}"):
        return [_typed(each.strip()) for each in text[1:-1].split(",") if each.strip()]
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    return value if value is None or isinstance(value, bool | int | float) else text
