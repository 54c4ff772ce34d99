"""The structural OpenAPI schema of an API object, made from its model and from Kubernetes' own definitions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cryostat_operator.api.base import EMBEDDED_KEY, Model

Schema = dict[str, Any]

QUANTITY = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
)
_SCALARS: Mapping[str, Schema] = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"pattern": QUANTITY, "x-kubernetes-int-or-string": True},
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"x-kubernetes-int-or-string": True},
}
# What a definition says beyond its type; enums and limits are left to the API that the value is handed on to.
_KEPT = ("format", "required", "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type")
# How deep inside an embedded type fields are described: all would make the CRD too large for a client-side apply.
_DESCRIBED_DEPTH = 2
_ORDER = ("description", "type")


def object_schema(model: type[Model], definitions: Mapping[str, Schema]) -> Schema:
    """Schema of a whole API object (`openAPIV3Schema`).

    Args:
        model: the object's model, with `metadata`, `spec` and `status`.
        definitions: Kubernetes' OpenAPI definitions by name, as in `io.k8s.api.core.v1.Toleration`.

    Raises:
        KeyError: a field is marked with a type that is not in `definitions`.
        ValueError: a field has a schema that a CRD cannot express.
    """
    raw = model.model_json_schema(by_alias=True, mode="validation")
    schema = _Own(raw.get("$defs", {}), definitions).convert({k: v for k, v in raw.items() if k != "$defs"})
    schema["properties"] = {
        "apiVersion": {"description": "Group and version of the API that this object is written in.", "type": "string"},
        "kind": {"description": "Kind of this object.", "type": "string"},
        **schema["properties"],
        "metadata": {"type": "object"},
    }
    return schema


class _Own:
    """Converts the JSON schema that pydantic makes into what a CRD may contain."""

    def __init__(self, defs: Mapping[str, Schema], definitions: Mapping[str, Schema]) -> None:
        self.defs = defs
        self.definitions = definitions

    def convert(self, raw: Schema) -> Schema:
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
    """A node of pydantic's schema with references and «or null» followed; what stands nearer to the field wins.

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
    """Schema of one of Kubernetes' own types, inlined, with the first sentence of each upper field's description."""
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
