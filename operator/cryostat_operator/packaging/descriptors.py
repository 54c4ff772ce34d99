"""Generates the descriptors of fields for the form and the details page in the OpenShift console.

Fields and descriptions come from the CRD, display names, order and input types from `form.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

from ..api import constants, v1beta1, v1beta2
from ..api.base import EMBEDDED_KEY, Model
from ..plan.model.kinds import Obj
from . import form
from .crd_schema import flatten, object_schema
from .crds import definitions

URN = "urn:alm:descriptor:"
UI = f"{URN}com.tectonic.ui:"

_MODELS: dict[str, type[Model]] = {constants.VERSION: v1beta2.Cryostat, v1beta1.VERSION: v1beta1.Cryostat}
_ABBREVIATIONS = {"jmx": "JMX", "ws": "WebSocket"}
_WIDGETS = {"boolean": "booleanSwitch", "integer": "number", "number": "number", "string": "text"}


def spec_descriptors(version: str) -> list[Obj]:
    """Return the `specDescriptors` of this API version, in the order of the form.

    A group precedes its fields, because the console discards the descriptors of fields when it reads their group later.
    Fields that the form cannot show (maps, and values of several types) have no descriptor.
    """
    return list(_descriptors_below(_root(version, "spec")))


def status_descriptors(version: str) -> list[Obj]:
    """Return the `statusDescriptors` of this API version, in the order of the details page."""
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
    """A field of the API.

    Attributes:
        path: its path below `spec` or `status`, with `[0]` for the items of a list.
        schema: its schema in the CRD.
        raw: its flattened schema from pydantic; empty inside of Kubernetes types.
        defs: pydantic's definitions.
        choices: selectable values that are not in the schema.
    """

    path: str
    schema: Obj
    raw: Obj
    defs: Obj
    choices: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The last element of the path."""
        return self.path.rsplit(".", 1)[-1]

    @property
    def tail(self) -> str:
        """The last two elements of the path."""
        return ".".join(self.path.split(".")[-2:])

    @property
    def type(self) -> str:
        """The OpenAPI type; empty if the schema has none."""
        return str(self.schema.get("type", ""))

    @property
    def embedded(self) -> str:
        """Name of the Kubernetes definition, or empty."""
        return str(self.raw.get(EMBEDDED_KEY, ""))

    @property
    def children(self) -> list[Field]:
        """Fields below this one, in the order of the form; none if the console has one input for all of them."""
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
        """Whether the form shows an input for the field."""
        if self.hidden:
            return False
        if self.embedded or not self.raw:
            return self.embedded in form.INPUTS or has_input(self.schema)
        return self.type in _WIDGETS or any(child.shown for child in self.children)

    @property
    def hidden(self) -> bool:
        """Whether the form must not show the field."""
        return bool({self.path, self.name} & form.HIDDEN) or self.schema.get("description", "").startswith("Deprecated")


@cache
def _root(version: str, part: str) -> Field:
    model = _MODELS[version]
    raw = model.model_json_schema(by_alias=True)
    schema = object_schema(model, definitions())["properties"][part]
    return Field("", schema, flatten(raw["properties"][part], raw["$defs"]), raw["$defs"])


def _rank(field: Field) -> int:
    order = (*form.FIRST, *form.LATER)
    return order.index(field.path) if field.path in order else len(order)


def _descriptors_below(field: Field) -> Iterator[Obj]:
    for child in field.children:
        if child.shown:
            yield _descriptor(child, _capabilities(child))
            yield from _descriptors_below(child)
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
    """The text without backticks: the console does not render Markdown."""
    return text.replace("`", "")


def _display_name(field: Field) -> str:
    """The display name: by path, by its last two elements, by the last one, by component, else from the field name."""
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
    """Return whether the form creates an input for a field with this schema without a descriptor."""
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
