"""Which fields the two API versions share, and the translation of objects field by field.

Shared fields are derived from the models; only fields with different names are listed here.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, NamedTuple

from . import constants, v1beta1, v1beta2
from .base import Model

Obj = dict[str, Any]

Shape = Mapping[str, Any]
"""Fields of a model by their JSON names: a `Shape` for a nested object, None for a value that is moved as a whole."""

FieldNames = Mapping[str, Mapping[str, str]]
"""By parent field: its renamed fields, source name → target name."""

_TO_V1BETA2: FieldNames = {
    "spec": {
        "jmxCacheOptions": "targetConnectionCacheOptions",
        "jmxCredentialsDatabaseOptions": "databaseOptions",
    },
    "targetDiscoveryOptions": {"builtInDiscoveryDisabled": "disableBuiltInDiscovery"},
    "jmxCredentialsDatabaseOptions": {"databaseSecretName": "secretName"},
}
_TO_V1BETA1: FieldNames = {
    _TO_V1BETA2["spec"].get(parent, parent): {new: old for old, new in fields.items()}
    for parent, fields in _TO_V1BETA2.items()
}


class Direction(NamedTuple):
    """One direction of the conversion.

    Attributes:
        source, target: names of the versions, for example `v1beta1`.
        source_shape, target_shape: their fields, with `spec` and `status` at the top.
        names: renamed fields from source to target.
        reverse_names: renamed fields from target to source.
    """

    source: str
    target: str
    source_shape: Shape
    target_shape: Shape
    names: FieldNames
    reverse_names: FieldNames


@cache
def to_v1beta2() -> Direction:
    """Return the direction from v1beta1 to v1beta2."""
    old, new = _shape(v1beta1.Cryostat), _shape(v1beta2.Cryostat)
    return Direction(v1beta1.VERSION, constants.VERSION, old, new, _TO_V1BETA2, _TO_V1BETA1)


@cache
def to_v1beta1() -> Direction:
    """Return the direction from v1beta2 to v1beta1."""
    old, new = _shape(v1beta1.Cryostat), _shape(v1beta2.Cryostat)
    return Direction(constants.VERSION, v1beta1.VERSION, new, old, _TO_V1BETA1, _TO_V1BETA2)


def split(value: Obj, parent: str, source: Shape, target: Shape, names: FieldNames) -> tuple[Obj, Obj]:
    """Split an object into its fields that the target has, and the other ones.

    Returns:
        The shared fields by their names in the target, and the unmapped fields by their names in the source.
    """
    mapped: Obj = {}
    unmapped: Obj = {}
    for key, inner in value.items():
        name = names.get(parent, {}).get(key, key)
        if key not in source or name not in target:
            unmapped[key] = inner
        elif isinstance(source[key], dict) and isinstance(target[name], dict) and isinstance(inner, dict):
            mapped[name], rest = split(inner, key, source[key], target[name], names)
            if rest:
                unmapped[key] = rest
        else:
            mapped[name] = inner
    return mapped, unmapped


class VersionFields(NamedTuple):
    """The fields that one version has beyond the other one.

    Attributes:
        own: fields of this version.
        other: fields of the other version.
        names: renamed fields from this version to the other one.
    """

    own: Shape
    other: Shape
    names: FieldNames

    def restore(self, value: Obj, preserved: Obj, parent: str) -> Obj:
        """Add preserved fields to `value`, but only those that exist in this version alone.

        A field that both versions have is never restored: its current value came from the other version.
        """
        result = dict(value)
        for key, inner in preserved.items():
            name = self.names.get(parent, {}).get(key, key)
            if key not in self.own:
                continue
            if name not in self.other:
                if inner is not None:
                    result[key] = inner
            elif isinstance(self.own[key], dict) and isinstance(self.other[name], dict) and isinstance(inner, dict):
                fields = VersionFields(self.own[key], self.other[name], self.names)
                restored = fields.restore(as_object(result.get(key)), inner, key)
                if restored or key in result:
                    result[key] = restored
        return result


def as_object(value: Any) -> Obj:
    """Return the value if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def _shape(model: type[Model]) -> dict[str, Any]:
    shape: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        inner = _model_of(field.annotation)
        shape[field.alias or name] = _shape(inner) if inner else None
    return shape


def _model_of(annotation: Any) -> type[Model] | None:
    """The model of a field that holds one object; lists are moved as a whole."""
    if typing.get_origin(annotation) is Annotated:
        return _model_of(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return next((found for each in typing.get_args(annotation) if (found := _model_of(each))), None)
    return annotation if isinstance(annotation, type) and issubclass(annotation, Model) else None
