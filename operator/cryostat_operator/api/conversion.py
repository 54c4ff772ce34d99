"""Conversion between v1beta1 and v1beta2, without loss: what a version has no field for travels in an annotation.

Which fields the versions share is read off their models; only what has another name is listed here. Whoever edits an
object in one version keeps what the other one has beyond it, as long as the annotation stays.

One object that cannot be converted would hide all others from whoever lists them, and anybody may write annotations. So
an annotation that makes no sense counts as none, and what does not fit into one makes an object that is read-only in
v1beta1.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, NamedTuple

import orjson
from pydantic import ValidationError

from cryostat_operator.api import v1beta1, v1beta2
from cryostat_operator.api.base import Model

Obj = dict[str, Any]
Shape = Mapping[str, Any]
"""Fields of a model by their names in JSON: a shape for an object, None for everything that is kept as a whole."""

ANNOTATION = f"{v1beta2.GROUP}/preserved"
READ_ONLY = "too-large"  # a label with the annotation's name: there may be no room for another annotation
_MOST_BYTES = 262_144  # of all annotations of an object, by the API server's rule
_MOST_LEVELS = 64  # deeper than any Cryostat, and well within what can be written as JSON again

_NAMES = {  # object in v1beta1 → its fields with another name: v1beta1 → v1beta2
    "spec": {
        "jmxCacheOptions": "targetConnectionCacheOptions",
        "jmxCredentialsDatabaseOptions": "databaseOptions",
    },
    "targetDiscoveryOptions": {"builtInDiscoveryDisabled": "disableBuiltInDiscovery"},
    "jmxCredentialsDatabaseOptions": {"databaseSecretName": "secretName"},
}
_BACK = {
    _NAMES["spec"].get(parent, parent): {new: old for old, new in fields.items()} for parent, fields in _NAMES.items()
}


class _Way(NamedTuple):
    """One direction."""

    source: str
    target: str
    source_shape: Shape
    target_shape: Shape
    names: Mapping[str, Mapping[str, str]]


def convert(obj: Obj, api_version: str) -> Obj:
    """The object in another version; `obj` itself is not changed.

    Raises:
        ValueError: there is no such version of it, or it may only be read in v1beta1.
    """
    if obj.get("apiVersion") == api_version:
        return obj
    if (obj.get("apiVersion"), api_version) == (v1beta1.API_VERSION, v1beta2.API_VERSION):
        return _upwards(obj)
    if (obj.get("apiVersion"), api_version) == (v1beta2.API_VERSION, v1beta1.API_VERSION):
        return _downwards(obj)
    raise ValueError(f"cannot convert {obj.get('kind')} from {obj.get('apiVersion')} to {api_version}")


def _upwards(obj: Obj) -> Obj:
    if _object(_object(obj.get("metadata")).get("labels")).get(ANNOTATION) == READ_ONLY:
        raise ValueError("this Cryostat is too large to be written in v1beta1: use v1beta2")
    old, new = _shapes()
    way = _Way("v1beta1", "v1beta2", old, new, _NAMES)
    result, rest, kept = _moved(obj, way)
    spec, kept_spec = _spec(result), _object(kept.get("spec"))
    if rest.get("spec", {}).get("minimal") is False:  # what it is anyway
        del rest["spec"]["minimal"]
    if kept.get("spec", ...) is None and spec == {} and not rest.get("spec"):
        result.pop("spec", None)
    else:
        if "targetNamespaces" not in kept_spec:
            spec["targetNamespaces"] = [_namespace(obj)]
        elif kept_spec["targetNamespaces"] is None:
            spec.pop("targetNamespaces", None)
        if isinstance(spec.get("trustedCertSecrets"), list):
            spec["trustedCertSecrets"] = _certificates(spec["trustedCertSecrets"], kept_spec.get("trustedCertSecrets"))
        result["spec"] = spec
    if "spec" not in obj:
        rest["spec"] = None
    annotated = _annotated(result, way.source, rest)
    # What does not fit is left out: nothing that only v1beta1 has has any effect.
    return annotated if _fits(annotated) else _annotated(result, way.source, {})


def _downwards(obj: Obj) -> Obj:
    old, new = _shapes()
    way = _Way("v1beta2", "v1beta1", new, old, _BACK)
    result, rest, kept = _moved(obj, way)
    spec, left = _spec(result), _object(rest.get("spec"))
    if left.get("targetNamespaces") == [_namespace(obj)]:  # what they become anyway
        del left["targetNamespaces"]
    elif "targetNamespaces" not in left:
        left["targetNamespaces"] = None
    certificates = spec.get("trustedCertSecrets")
    if isinstance(certificates, list) and _without_config_maps(certificates) != certificates:
        left["trustedCertSecrets"] = certificates
        spec["trustedCertSecrets"] = _without_config_maps(certificates)
    rest["spec"] = left if "spec" in obj else None
    if kept.get("spec", ...) is None and spec == {}:
        result.pop("spec", None)
    else:
        result["spec"] = {"minimal": False, **spec}
    annotated = _annotated(result, way.source, rest)
    return annotated if _fits(annotated) else _read_only(_annotated(result, way.source, {}))


# --- moving fields ---------------------------------------------------------------------------------------------------


def _moved(obj: Obj, way: _Way) -> tuple[Obj, Obj, Obj]:
    """The object with what both versions have and what it had kept; what has no place in it; what it had kept."""
    kept = _object(_kept(obj).get(way.target))
    if kept and way.names is _BACK and not _makes_sense(kept):
        kept = {}
    result: Obj = {**obj, "apiVersion": f"{v1beta2.GROUP}/{way.target}"}
    rest: Obj = {}
    for part in ("spec", "status"):
        if part in obj and isinstance(obj[part], dict):
            result[part], left = _split(obj[part], part, way.source_shape[part], way.target_shape[part], way.names)
            if left:
                rest[part] = left
        if _object(kept.get(part)):
            back = _NAMES if way.names is _BACK else _BACK
            known = _Known(way.target_shape[part], way.source_shape[part], back)
            found = known.put_back(_object(result.get(part)), kept[part], part)
            if found or part in result:
                result[part] = found
    return result, rest, kept


def _split(
    value: Obj, parent: str, source: Shape, target: Shape, names: Mapping[str, Mapping[str, str]]
) -> tuple[Obj, Obj]:
    """What the other version has a place for, by its names there, and the rest by its names here."""
    moved: Obj = {}
    rest: Obj = {}
    for key, each in value.items():
        name = names.get(parent, {}).get(key, key)
        if key not in source or name not in target:
            rest[key] = each
        elif isinstance(source[key], dict) and isinstance(target[name], dict) and isinstance(each, dict):
            moved[name], left = _split(each, key, source[key], target[name], names)
            if left:
                rest[key] = left
        else:
            moved[name] = each
    return moved, rest


class _Known(NamedTuple):
    """The fields that this version has beyond the other one."""

    own: Shape
    other: Shape
    names: Mapping[str, Mapping[str, str]]

    def put_back(self, value: Obj, kept: Obj, parent: str) -> Obj:
        """`value` with what was kept, but nothing that the other version could say or that this one does not know."""
        result = dict(value)
        for key, each in kept.items():
            name = self.names.get(parent, {}).get(key, key)
            if key not in self.own:
                continue
            if name not in self.other:
                if each is not None:
                    result[key] = each
            elif isinstance(self.own[key], dict) and isinstance(self.other[name], dict) and isinstance(each, dict):
                inner = _Known(self.own[key], self.other[name], self.names)
                found = inner.put_back(_object(result.get(key)), each, key)
                if found or key in result:
                    result[key] = found
        return result


def _without_config_maps(certificates: list[Any]) -> list[Any]:
    """A certificate in a ConfigMap becomes an item without a Secret, so that the others keep their places."""
    return [_without_config_map(each) if isinstance(each, dict) else each for each in certificates]


def _without_config_map(certificate: Obj) -> Obj:
    return {"secretName": "", **{key: value for key, value in certificate.items() if key != "configMapName"}}


def _certificates(current: list[Any], kept: Any) -> list[Any]:
    """The items with their ConfigMaps again; those that had one and are still there come back in their order."""
    if isinstance(kept, list) and _without_config_maps(kept) == current:
        return kept
    known = [each for each in (kept if isinstance(kept, list) else []) if _object(each).get("configMapName")]
    result = []
    for each in current:
        if _object(each).get("secretName") != "":
            result.append(each)
        elif known:
            result.append(known.pop(0))
    return result


# --- the annotation --------------------------------------------------------------------------------------------------


def _kept(obj: Obj) -> Obj:
    text = _object(_object(obj.get("metadata")).get("annotations")).get(ANNOTATION)
    try:
        # Nothing is read that could not be written: no infinite numbers, no halves of characters.
        found = orjson.loads(text) if isinstance(text, str) else {}
    except ValueError:
        return {}
    return _object(found) if _is_shallow(found, _MOST_LEVELS) else {}


def _is_shallow(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels > 0 and all(_is_shallow(each, levels - 1) for each in inner)


def _makes_sense(kept: Obj) -> bool:
    """Whether v1beta1 can say this. Towards v1beta2 admission checks it, but nobody checks what is only read."""
    spec = {"spec": {"minimal": False, **kept["spec"]}} if isinstance(kept.get("spec"), dict) else {}
    try:
        v1beta1.Cryostat.model_validate({**kept, **spec})
    except ValidationError:
        return False
    return True


def _annotated(obj: Obj, version: str, rest: Obj) -> Obj:
    """The object with an annotation that keeps `rest` for `version`, and without the one that it had."""
    rest = {part: left for part, left in rest.items() if left != {}}
    metadata = dict(_object(obj.get("metadata")))
    annotations = {key: value for key, value in _object(metadata.get("annotations")).items() if key != ANNOTATION}
    if rest:
        annotations[ANNOTATION] = json.dumps({version: rest}, separators=(",", ":"), sort_keys=True)
    if annotations:
        metadata["annotations"] = annotations
    else:
        metadata.pop("annotations", None)
    return {**obj, "metadata": metadata}


def _fits(obj: Obj) -> bool:
    annotations = _object(obj["metadata"].get("annotations"))
    return sum(len(f"{key}{value}".encode()) for key, value in annotations.items()) <= _MOST_BYTES


def _read_only(obj: Obj) -> Obj:
    labels = {**_object(obj["metadata"].get("labels")), ANNOTATION: READ_ONLY}
    return {**obj, "metadata": {**obj["metadata"], "labels": labels}}


# --- shapes ----------------------------------------------------------------------------------------------------------


@cache
def _shapes() -> tuple[Shape, Shape]:
    """Of v1beta1 and of v1beta2."""
    return _shape(v1beta1.Cryostat), _shape(v1beta2.Cryostat)


def _shape(model: type[Model]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        inner = _model(field.annotation)
        found[field.alias or name] = _shape(inner) if inner else None
    return found


def _model(annotation: Any) -> type[Model] | None:
    """The model of a field that holds one object; lists are kept as a whole."""
    if typing.get_origin(annotation) is Annotated:
        return _model(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return next((found for each in typing.get_args(annotation) if (found := _model(each))), None)
    return annotation if isinstance(annotation, type) and issubclass(annotation, Model) else None


def _namespace(obj: Obj) -> str:
    return str(_object(obj.get("metadata")).get("namespace") or "")


def _spec(obj: Obj) -> Obj:
    return dict(_object(obj.get("spec")))


def _object(value: Any) -> Obj:
    return value if isinstance(value, dict) else {}
