"""What the OpenShift console's form and details page say of each field of a `Cryostat`.

The fields and their descriptions come from the models, by way of the CRD; names, order and inputs from `form.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..api import constants, v1beta1, v1beta2
from ..api.base import EMBEDDED_KEY, Model
from . import form
from .crd_schema import flatten, object_schema
from .crds import definitions

Obj = dict[str, Any]

URN = "urn:alm:descriptor:"
UI = f"{URN}com.tectonic.ui:"

_MODELS: dict[str, type[Model]] = {constants.VERSION: v1beta2.Cryostat, v1beta1.VERSION: v1beta1.Cryostat}
_ABBREVIATIONS = {"jmx": "JMX", "ws": "WebSocket"}
_WIDGETS = {"boolean": "booleanSwitch", "integer": "number", "number": "number", "string": "text"}


def spec_descriptors(version: str) -> list[Obj]:
    """The `specDescriptors` of a ClusterServiceVersion for this version of the API, in the order of the form.

    A group stands before its fields: the console forgets what it was told of a field when it meets the group later.
    Fields that no form of the console can show (maps, and values that may be a number or a text) have none.
    """
    return list(_described(_root(version, "spec")))


def status_descriptors(version: str) -> list[Obj]:
    """The `statusDescriptors` of a ClusterServiceVersion for this version of the API, the most wanted first."""
    root = _root(version, "status")
    return [
        {
            "path": path,
            "displayName": name,
            "description": _plain(form.STATUS_ITEM_DESCRIPTIONS.get(path) or _find(root, path).schema["description"]),
            "x-descriptors": [URN + kind],
        }
        for path, (name, kind) in form.STATUS.items()
    ]


@dataclass(frozen=True)
class Field:
    """One field of the API.

    Attributes:
        path: its path below `spec` or `status`, with `[0]` for the items of a list.
        schema: its schema in the CRD.
        raw: its flattened schema as pydantic has it; empty inside Kubernetes' own types, which the console shows alone.
        defs: pydantic's definitions.
        choices: values to choose from that the schema does not tell.
    """

    path: str
    schema: Obj
    raw: Obj
    defs: Obj
    choices: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.path.rsplit(".", 1)[-1]

    @property
    def tail(self) -> str:
        """The last two steps of the path."""
        return ".".join(self.path.split(".")[-2:])

    @property
    def type(self) -> str:
        return str(self.schema.get("type", ""))

    @property
    def embedded(self) -> str:
        """The definition of a type of Kubernetes' own."""
        return str(self.raw.get(EMBEDDED_KEY, ""))

    @property
    def children(self) -> list[Field]:
        """The fields below it, in the order of the form; none where one input of the console serves them all."""
        if self.embedded in form.INPUTS or not self.raw:
            return []
        if self.type == "array":
            return [Field(f"{self.path}[0]", self.schema["items"], flatten(self.raw["items"], self.defs), self.defs)]
        properties = self.schema.get("properties", {})
        if self.embedded:
            inside = {**properties, **{f"{name}[0]": node.get("items") for name, node in properties.items()}}
            wanted = form.EMBEDDED.get(self.embedded, {}).items()
            return [Field(f"{self.path}.{name}", inside[name], {}, {}, choices) for name, choices in wanted]
        found = [
            Field(f"{self.path}.{name}".lstrip("."), properties[name], flatten(raw, self.defs), self.defs)
            for name, raw in self.raw.get("properties", {}).items()
        ]
        return found if self.path else sorted(found, key=_rank)

    @cached_property
    def shown(self) -> bool:
        """Whether a person gets to see an input for it."""
        if self.hidden:
            return False
        if self.embedded or not self.raw:
            return self.embedded in form.INPUTS or has_input(self.schema)
        return self.type in _WIDGETS or any(child.shown for child in self.children)

    @property
    def hidden(self) -> bool:
        """Whether the console could show it but must not."""
        return bool({self.path, self.name} & form.HIDDEN) or self.schema.get("description", "").startswith("Deprecated")


def _root(version: str, part: str) -> Field:
    model = _MODELS[version]
    raw = model.model_json_schema(by_alias=True)
    schema = object_schema(model, definitions())["properties"][part]
    return Field("", schema, flatten(raw["properties"][part], raw["$defs"]), raw["$defs"])


def _rank(field: Field) -> int:
    order = (*form.FIRST, *form.LATER)
    return order.index(field.path) if field.path in order else len(order)


def _described(field: Field) -> Iterator[Obj]:
    for child in field.children:
        if child.shown:
            yield _descriptor(child, _capabilities(child))
            yield from _described(child)
        elif has_input(child.schema):
            yield _descriptor(child, [f"{UI}hidden"])


def _descriptor(field: Field, capabilities: list[str]) -> Obj:
    description = _plain(form.ITEM_DESCRIPTIONS.get(field.name) or field.schema["description"])
    head = {"path": field.path, "displayName": _display_name(field), "description": description}
    return {**head, "x-descriptors": capabilities} if capabilities else head


def _capabilities(field: Field) -> list[str]:
    found = []
    if picker := form.PICKERS.get(field.path) or form.PICKERS.get(field.name):
        found.append(f"{URN}io.kubernetes:{picker}")
    elif choices := field.choices or [value for value in field.schema.get("enum", ()) if value]:
        found += [f"{UI}select:{value}" for value in choices]
    elif field.name == "replicas":
        found.append(f"{UI}podCount")
    elif widget := form.INPUTS.get(field.embedded) or _WIDGETS.get(field.type):
        found.append(UI + widget)
    if dependency := form.DEPENDENCIES.get(field.tail):
        control, value = dependency
        beside = field.path.rpartition(".")[0] if control.startswith(".") else ""
        found.append(f"{UI}fieldDependency:{beside}{control}:{value}")
    if {field.path, field.tail} & form.ADVANCED or (not set(".[") & set(field.path) and field.path not in form.FIRST):
        found.append(f"{UI}advanced")
    return found


def _plain(text: str) -> str:
    """Without marks of code: the console shows a description as it is."""
    return text.replace("`", "")


def _display_name(field: Field) -> str:
    """The name by path, by the last two steps, by the last; of the part that it is about; its own in words."""
    for key in (field.path, field.tail, field.name):
        if key in form.NAMES:
            return form.NAMES[key]
    for suffix in form.PART_SUFFIXES:
        if (part := field.name.removesuffix(suffix)) != field.name and part in form.PARTS:
            return form.PARTS[part]
    return _words(field.name)


def _words(name: str) -> str:
    """`archivedRecordings` → `Archived recordings`."""
    first, *rest = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)
    words = [first.capitalize(), *(word if word.isupper() else word.lower() for word in rest)]
    return " ".join(_ABBREVIATIONS.get(word.lower(), word) for word in words)


def has_input(schema: Obj) -> bool:
    """Whether the console's form makes an input of a field with this schema by itself."""
    if {"anyOf", "oneOf", "allOf"} & set(schema):
        return False
    match schema.get("type"):
        case "array":
            return has_input(schema["items"])
        case "object":
            return any(has_input(child) for child in schema.get("properties", {}).values())
        case kind:
            return kind in _WIDGETS


def _find(field: Field, path: str) -> Field:
    return next(child for child in field.children if child.path == path.split("[")[0])
