"""Kubernetes' own OpenAPI definitions as strict validators: an unknown field is an error."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import kubernetes_validate
from jsonschema.validators import Draft202012Validator  # type: ignore[import-untyped]
from kubernetes_validate.utils import schema_contents
from referencing import Registry, Resource

# Kinds of OpenShift, which the definitions do not contain.
UNKNOWN = frozenset({"Route", "ConsoleLink", "Issuer", "Certificate"})
_VERSION = kubernetes_validate.latest_version()
_DIRECTORY = f"kubernetes-json-schema/v{_VERSION}-local-strict"


def errors(obj: dict[str, Any]) -> list[str]:
    """The errors of an object, each as `path: message`."""
    if obj["kind"] in UNKNOWN:
        return []
    validator = _validator(obj["kind"], obj["apiVersion"])
    return [f"{'.'.join(map(str, e.absolute_path))}: {e.message}" for e in validator.iter_errors(obj)]


@cache
def _validator(kind: str, api_version: str) -> Draft202012Validator:
    group_version = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api_version)
    schema = schema_contents(f"{_DIRECTORY}/{kind.lower()}-{group_version}.json", _VERSION)
    registry: Registry[Any] = Resource.from_contents(schema) @ Registry()
    definitions = _definitions() @ registry
    return Draft202012Validator(schema, registry=definitions)


@cache
def _definitions() -> Resource[Any]:
    return Resource.from_contents(schema_contents(f"{_DIRECTORY}/_definitions.json", _VERSION))
