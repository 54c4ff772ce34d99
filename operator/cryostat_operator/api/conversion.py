"""Converts Cryostats between v1beta1 and v1beta2 without loss.

Fields that the target version does not have are preserved in an annotation and restored on the way back, so that an
edit in one version keeps what only the other version has.

If one object cannot be converted, the API server fails every LIST that contains it, and any user can edit annotations.
Therefore an invalid `preserved` annotation is ignored, and an object whose additional fields do not fit into an
annotation can be read but not written in v1beta1.
"""

from __future__ import annotations

import json
from typing import Any

import orjson
from pydantic import ValidationError

from . import constants, v1beta1
from .field_mapping import Direction, Obj, VersionFields, as_object, split, to_v1beta1, to_v1beta2

ANNOTATION = f"{constants.GROUP}/preserved"
READ_ONLY = "too-large"  # value of a label with the annotation's key; there may be no space for an annotation

_MAX_ANNOTATION_BYTES = 262_144  # of all annotations of an object; the API server's limit
_MAX_LEVELS = 64  # deeper than any Cryostat, and shallow enough to be serialized again


def convert(obj: Obj, api_version: str) -> Obj:
    """Return the object in another version; `obj` itself is not changed.

    Raises:
        ValueError: the object has no such version, or it is read-only in v1beta1.
    """
    source = obj.get("apiVersion")
    if source == api_version:
        return obj
    if (source, api_version) == (v1beta1.API_VERSION, constants.API_VERSION):
        return _to_v1beta2(obj)
    if (source, api_version) == (constants.API_VERSION, v1beta1.API_VERSION):
        return _to_v1beta1(obj)
    raise ValueError(f"{obj.get('kind')} cannot be converted from {source} to {api_version}")


def _to_v1beta2(obj: Obj) -> Obj:
    if as_object(as_object(obj.get("metadata")).get("labels")).get(ANNOTATION) == READ_ONLY:
        raise ValueError(
            f"the Cryostat has fields that do not fit into {v1beta1.VERSION}; write it in {constants.VERSION}"
        )
    direction = to_v1beta2()
    result, unmapped, preserved = _map_fields(obj, direction)
    spec = dict(as_object(result.get("spec")))
    if unmapped.get("spec", {}).get("minimal") is False:  # the default, set by `_to_v1beta1`
        del unmapped["spec"]["minimal"]
    if preserved.get("spec", ...) is None and spec == {} and not unmapped.get("spec"):
        result.pop("spec", None)  # as before: null in the annotation says that there was no spec
    else:
        result["spec"] = _restore_lists(spec, as_object(preserved.get("spec")), _namespace(obj))
    if "spec" not in obj:
        unmapped["spec"] = None
    annotated = _annotate(result, direction.source, unmapped)
    # Fields that only v1beta1 has are without effect and may be dropped.
    return annotated if _fits(annotated) else _annotate(result, direction.source, {})


def _restore_lists(spec: Obj, preserved: Obj, namespace: str) -> Obj:
    """Fill in `targetNamespaces` and certificates in ConfigMaps, which v1beta1 cannot express."""
    if "targetNamespaces" not in preserved:
        spec["targetNamespaces"] = [namespace]
    elif preserved["targetNamespaces"] is None:
        spec.pop("targetNamespaces", None)
    certificates = spec.get("trustedCertSecrets")
    if isinstance(certificates, list):
        spec["trustedCertSecrets"] = _with_config_maps(certificates, preserved.get("trustedCertSecrets"))
    return spec


def _to_v1beta1(obj: Obj) -> Obj:
    direction = to_v1beta1()
    result, unmapped, preserved = _map_fields(obj, direction)
    spec, rest = dict(as_object(result.get("spec"))), as_object(unmapped.get("spec"))
    if rest.get("targetNamespaces") == [_namespace(obj)]:  # the default of `_to_v1beta2`
        del rest["targetNamespaces"]
    elif "targetNamespaces" not in rest:
        rest["targetNamespaces"] = None
    certificates = spec.get("trustedCertSecrets")
    if isinstance(certificates, list) and _without_config_maps(certificates) != certificates:
        rest["trustedCertSecrets"] = certificates
        spec["trustedCertSecrets"] = _without_config_maps(certificates)
    unmapped["spec"] = rest if "spec" in obj else None  # None, for the way back: there is no spec
    if preserved.get("spec", ...) is None and spec == {}:
        result.pop("spec", None)
    else:
        result["spec"] = {"minimal": False, **spec}
    annotated = _annotate(result, direction.source, unmapped)
    return annotated if _fits(annotated) else _read_only(_annotate(result, direction.source, {}))


def _map_fields(obj: Obj, direction: Direction) -> tuple[Obj, Obj, Obj]:
    """Translate `spec` and `status`.

    Returns:
        The object in the target version with its restored fields, the fields that the target does not have, and what
        the annotation had preserved for the target.
    """
    preserved = as_object(_preserved(obj).get(direction.target))
    if preserved and direction.target == v1beta1.VERSION and not _is_valid(preserved):
        preserved = {}
    result: Obj = {**obj, "apiVersion": f"{constants.GROUP}/{direction.target}"}
    unmapped: Obj = {}
    for part in ("spec", "status"):
        source, target = direction.source_shape[part], direction.target_shape[part]
        if part in obj and isinstance(obj[part], dict):
            result[part], rest = split(obj[part], part, source, target, direction.names)
            if rest:
                unmapped[part] = rest
        if as_object(preserved.get(part)):
            fields = VersionFields(target, source, direction.reverse_names)
            restored = fields.restore(as_object(result.get(part)), preserved[part], part)
            if restored or part in result:
                result[part] = restored
    return result, unmapped, preserved


def _without_config_maps(certificates: list[Any]) -> list[Any]:
    """Replace each ConfigMap by an empty Secret name, so that the other items keep their positions."""
    return [_without_config_map(each) if isinstance(each, dict) else each for each in certificates]


def _without_config_map(certificate: Obj) -> Obj:
    return {"secretName": "", **{key: value for key, value in certificate.items() if key != "configMapName"}}


def _with_config_maps(current: list[Any], preserved: Any) -> list[Any]:
    """Put preserved ConfigMaps back, in order, where an item still has an empty Secret name."""
    if isinstance(preserved, list) and _without_config_maps(preserved) == current:
        return preserved
    candidates = preserved if isinstance(preserved, list) else []
    config_maps = [each for each in candidates if as_object(each).get("configMapName")]
    result = []
    for each in current:
        if as_object(each).get("secretName") != "":
            result.append(each)
        elif config_maps:
            result.append(config_maps.pop(0))
    return result


def _preserved(obj: Obj) -> Obj:
    """Content of the annotation by version; empty if it is missing or invalid."""
    text = as_object(as_object(obj.get("metadata")).get("annotations")).get(ANNOTATION)
    if isinstance(text, str) and len(text) > _MAX_ANNOTATION_BYTES:
        return {}  # no API server stores it, and decoded it can take much memory
    try:
        # orjson accepts only what can be serialized again: no infinite numbers, no unpaired surrogates.
        found = orjson.loads(text) if isinstance(text, str) else {}
    except ValueError:
        return {}
    return as_object(found) if _is_shallow(found, _MAX_LEVELS) else {}


def _is_shallow(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels > 0 and all(_is_shallow(each, levels - 1) for each in inner)


def _is_valid(preserved: Obj) -> bool:
    """Whether v1beta1 accepts the preserved fields. Objects that are only read do not pass admission."""
    spec = {"spec": {"minimal": False, **preserved["spec"]}} if isinstance(preserved.get("spec"), dict) else {}
    try:
        v1beta1.Cryostat.model_validate({**preserved, **spec})
    except ValidationError:
        return False
    return True


def _annotate(obj: Obj, version: str, unmapped: Obj) -> Obj:
    """Replace the annotation by one that preserves `unmapped` fields of `version`; none if there are none."""
    unmapped = {part: rest for part, rest in unmapped.items() if rest != {}}
    metadata = dict(as_object(obj.get("metadata")))
    annotations = {key: value for key, value in as_object(metadata.get("annotations")).items() if key != ANNOTATION}
    if unmapped:
        annotations[ANNOTATION] = json.dumps({version: unmapped}, separators=(",", ":"), sort_keys=True)
    if annotations:
        metadata["annotations"] = annotations
    else:
        metadata.pop("annotations", None)
    return {**obj, "metadata": metadata}


def _fits(obj: Obj) -> bool:
    annotations = as_object(obj["metadata"].get("annotations"))
    return sum(len(f"{key}{value}".encode()) for key, value in annotations.items()) <= _MAX_ANNOTATION_BYTES


def _read_only(obj: Obj) -> Obj:
    labels = {**as_object(obj["metadata"].get("labels")), ANNOTATION: READ_ONLY}
    return {**obj, "metadata": {**obj["metadata"], "labels": labels}}


def _namespace(obj: Obj) -> str:
    return str(as_object(obj.get("metadata")).get("namespace") or "")
