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

# How `helm --set` reads a value, and where list items and the steps of a name end.
_WORDS = {"true": True, "false": False, "null": None, "0": 0}
_INTEGER = re.compile(r"[+-]?[1-9][0-9]{0,17}")
_ITEM_END = re.compile(r"(?<!\\),")
_STEP_END = re.compile(r"(?<!\\)\.")


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
    *parents, last = (_unescaped(step) for step in _STEP_END.split(path))
    for step in parents:
        inner = values.get(step)
        values[step] = dict(inner) if isinstance(inner, Mapping) else {}
        values = values[step]
    text = str(parameter.get("value", ""))
    values[last] = text if parameter.get("forceString") else _typed(text)


def _typed(text: str) -> Any:
    """Return what Helm makes of a text: a list of `{a,b}`, a truth value, null, or an integer; else the text.

    A fraction stays a text, such as the tag `4.10` of an image.
    """
    if text.startswith("{") and text.endswith("}"):
        items = (item.strip() for item in _ITEM_END.split(text[1:-1]))
        return [_typed(_unescaped(item)) for item in items if item]
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    return int(text) if _INTEGER.fullmatch(text) else text


def _unescaped(text: str) -> str:
    """Return a text without the backslashes before dots and commas that belong to it."""
    return re.sub(r"\\(.)", r"\1", text)
