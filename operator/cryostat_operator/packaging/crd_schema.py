"""Generates the structural OpenAPI schema of an API object from its model and from Kubernetes' definitions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..api import limits
from ..api.base import EMBEDDED_KEY, Model

Schema = dict[str, Any]

QUANTITY = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
)
_SCALARS: Mapping[str, Schema] = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {
        "pattern": QUANTITY,
        "maxLength": limits.MAX_QUANTITY,
        "x-kubernetes-int-or-string": True,
    },
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"x-kubernetes-int-or-string": True},
}
# Keywords kept of a Kubernetes definition; enums and limits are checked by the API that the value is passed to.
_KEPT = ("format", "required", "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type")
# Levels of an embedded type that keep descriptions; with all of them the CRD is too large for a client-side apply.
_DESCRIBED_DEPTH = 2
_ORDER = ("description", "type")


def object_schema(model: type[Model], definitions: Mapping[str, Schema]) -> Schema:
    """Return the schema of a whole API object (`openAPIV3Schema`). Every list and map has an upper limit.

    Args:
        model: the object's model, with `metadata`, `spec` and `status`.
        definitions: Kubernetes' OpenAPI definitions by name, for example `io.k8s.api.core.v1.Toleration`.

    Raises:
        KeyError: a field is marked with a type that is not in `definitions`.
        ValueError: a field has a schema that a CRD cannot express.
    """
    raw = model.model_json_schema(by_alias=True, mode="validation")
    schema = SchemaConverter(raw.get("$defs", {}), definitions).convert({k: v for k, v in raw.items() if k != "$defs"})
    properties = schema["properties"]
    properties["spec"] = _limited(properties["spec"])
    schema["properties"] = {
        "apiVersion": {"description": "API group and version of this object.", "type": "string"},
        "kind": {"description": "Kind of this object.", "type": "string"},
        **properties,
        "metadata": {"type": "object"},
    }
    return schema


def _limited(node: Schema) -> Schema:
    """The schema with an upper limit for every list and map that has none. Texts get no limit."""
    result = dict(node)
    if node.get("type") == "array":
        result.setdefault("maxItems", limits.MAX_ITEMS)
        result["items"] = _limited(node["items"])
    elif isinstance(node.get("additionalProperties"), dict):
        # A JSON Schema map with arbitrary keys: labels, annotations, resource names.
        result.setdefault("maxProperties", limits.MAX_PROPERTIES)
    elif "properties" in node:
        result["properties"] = {name: _limited(child) for name, child in node["properties"].items()}
    return _sorted(result)


class SchemaConverter:
    """Converts pydantic's JSON schema to the subset that a CRD allows."""

    def __init__(self, defs: Mapping[str, Schema], definitions: Mapping[str, Schema]) -> None:
        self.defs = defs
        self.definitions = definitions

    def convert(self, raw: Schema) -> Schema:
        """Return the schema of a CRD for a node of pydantic's schema.

        Raises:
            ValueError: a CRD cannot express the node: it is a union, or has no type.
        """
        node = flatten(raw, self.defs)
        if (definition := node.pop(EMBEDDED_KEY, None)) is not None:
            return _sorted({**embedded(definition, self.definitions), **node})
        if "anyOf" in node or "type" not in node:
            raise ValueError(f"not expressible in a CRD: {raw}")
        if "properties" in node:
            node["properties"] = {name: self.convert(child) for name, child in node["properties"].items()}
        for key in ("items", "additionalProperties"):
            if isinstance(node.get(key), dict):
                node[key] = self.convert(node[key])
        if node.get("additionalProperties") is True:
            del node["additionalProperties"]
        return _sorted(node)


def flatten(raw: Schema, defs: Mapping[str, Schema]) -> Schema:
    """Return a node of pydantic's schema with `$ref` and `anyOf: [..., null]` resolved. Its own keywords override.

    An embedded type has its name under `EMBEDDED_KEY`.
    """
    node = {key: value for key, value in raw.items() if key not in ("title", "default")}
    while "$ref" in node or "anyOf" in node:
        if "$ref" in node:
            inner = defs[node.pop("$ref").rsplit("/", 1)[-1]]
        else:
            (inner,) = (choice for choice in node.pop("anyOf") if choice.get("type") != "null")
        node = {**{key: value for key, value in inner.items() if key not in ("title", "default")}, **node}
    return node


def embedded(name: str, definitions: Mapping[str, Schema], depth: int = 0) -> Schema:
    """Return the inlined schema of a Kubernetes type; the upper levels keep the first sentence of descriptions."""
    if name in _SCALARS:
        return dict(_SCALARS[name])
    return _embedded_node(definitions[name], definitions, depth)


def _embedded_node(raw: Schema, definitions: Mapping[str, Schema], depth: int) -> Schema:
    if "$ref" in raw:
        node = embedded(raw["$ref"].rsplit("/", 1)[-1], definitions, depth)
    else:
        kinds = raw["type"] if isinstance(raw["type"], list) else [raw["type"]]
        (kind,) = (each for each in kinds if each != "null")
        node = {"type": kind, **{key: raw[key] for key in _KEPT if key in raw}}
    if "properties" in raw:
        node["properties"] = {
            name: _embedded_node(child, definitions, depth + 1) for name, child in raw["properties"].items()
        }
    for key in ("items", "additionalProperties"):
        if key in raw:
            node[key] = _embedded_node(raw[key], definitions, depth + 1)
    node.pop("description", None)
    if 0 < depth <= _DESCRIBED_DEPTH and "description" in raw:
        node["description"] = _first_sentence(raw["description"])
    return _sorted(node)


def _first_sentence(text: str) -> str:
    flat = " ".join(text.split())
    return re.split(r"(?<=[a-z0-9`\"')])\.\s+(?=[A-Z])", flat, maxsplit=1)[0].rstrip(".") + "."


def _sorted(node: Schema) -> Schema:
    return {key: node[key] for key in sorted(node, key=lambda k: (k not in _ORDER, k))}
