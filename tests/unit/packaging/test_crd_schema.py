"""The schema of the models is structural, small, has descriptions, and is supported by the console's form."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from cryostat_operator.api.base import EMBEDDED_KEY
from cryostat_operator.api.limits import MAX_QUANTITY
from cryostat_operator.api.v1beta2 import Cryostat
from cryostat_operator.packaging.crd_schema import object_schema
from cryostat_operator.packaging.crds import crd, definitions


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    found: dict[str, Any] = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from nodes(child)
    elif isinstance(node, list):
        for child in node:
            yield from nodes(child)


def test_the_schema_has_no_keyword_that_structural_schemas_or_forms_forbid(schema: dict[str, Any]) -> None:
    forbidden = {"anyOf", "oneOf", "allOf", "not", "$ref", "title", "default", "const", "nullable", EMBEDDED_KEY}
    schema = without_default_status(schema)
    forbidden |= {"x-kubernetes-unions", "x-kubernetes-patch-strategy", "x-kubernetes-patch-merge-key"}
    for node in nodes(schema):
        assert not forbidden & set(node), node
        assert "type" not in node or isinstance(node["type"], str | dict)


def without_default_status(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without the default status of objects that no operator has processed."""
    result = copy.deepcopy(schema)
    status = result["properties"]["status"]
    for node in (status, status["properties"]["conditions"], status["properties"]["summary"]):
        del node["default"]
    return result


def test_embedded_types_keep_their_shape(schema: dict[str, Any]) -> None:
    spec = schema["properties"]["spec"]["properties"]
    requirements = spec["resources"]["properties"]["coreResources"]
    quantity = requirements["properties"]["limits"]["additionalProperties"]
    assert (quantity["x-kubernetes-int-or-string"], quantity["maxLength"]) == (True, MAX_QUANTITY)
    assert requirements["properties"]["claims"]["x-kubernetes-list-map-keys"] == ["name"]
    toleration = spec["schedulingOptions"]["properties"]["tolerations"]["items"]
    assert toleration["properties"]["tolerationSeconds"]["format"] == "int64"
    assert toleration["properties"]["effect"]["description"] == "Effect indicates the taint effect to match."


def test_the_schema_is_generated_reproducibly() -> None:
    assert json.dumps(object_schema(Cryostat, definitions())) == json.dumps(object_schema(Cryostat, definitions()))


def test_every_list_and_map_of_the_spec_has_an_upper_limit(schema: dict[str, Any]) -> None:
    for node in nodes(schema["properties"]["spec"]):
        if node.get("type") == "array":
            assert 1 <= node["maxItems"] <= 1000, node
        if isinstance(node.get("additionalProperties"), dict) and node.get("type") == "object":
            assert 1 <= node["maxProperties"] <= 256, node
    assert schema["properties"]["spec"]["properties"]["targetNamespaces"]["maxItems"] == 1000


KEYWORDS = frozenset(
    {
        "additionalProperties", "anyOf", "default", "description", "enum", "format", "items", "maxItems", "maxLength",
        "maxProperties", "maximum", "minItems", "minLength", "minProperties", "minimum", "nullable", "pattern",
        "properties", "required", "type",
    }
)  # fmt: skip


def unknown_keywords(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    yield from (f"{path}: {key}" for key in schema if key not in KEYWORDS and not key.startswith("x-kubernetes-"))
    for name, child in (schema.get("properties") or {}).items():
        yield from unknown_keywords(child, f"{path}.{name}")
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield from unknown_keywords(schema[name], f"{path}[]")


def test_the_schema_has_only_keywords_that_kubernetes_knows() -> None:
    versions = crd()["spec"]["versions"]
    assert [each for version in versions for each in unknown_keywords(version["schema"]["openAPIV3Schema"])] == []
    assert list(unknown_keywords({"properties": {"a": {"items": {"le": 1}}}})) == [".a[]: le"]
