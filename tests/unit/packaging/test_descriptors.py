"""The descriptors of the console's form follow the console's rules: none is unused, missing or misplaced."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from cryostat_operator.api import constants, v1beta1, v1beta2
from cryostat_operator.packaging.clusterserviceversion import presentation
from cryostat_operator.packaging.descriptors import spec_descriptors, status_descriptors
from cryostat_operator.plan.model.kinds import Obj
from tests.unit.api.fields import own_fields
from tests.unit.packaging.console_form import URN, at, capabilities, kinds, parent, schema_of

MODELS = {constants.VERSION: v1beta2.Cryostat, v1beta1.VERSION: v1beta1.Cryostat}
WHOLE = ("resourceRequirements", "nodeAffinity", "podAffinity", "podAntiAffinity")
ANY = ("advanced", "hidden", "fieldDependency")
FITTING = {
    "object": {*WHOLE, *ANY},
    "array": set(ANY),
    "boolean": {"booleanSwitch", *ANY},
    "integer": {"number", "podCount", *ANY},
    "string": {"text", "select", "io.kubernetes", *ANY},
}
# Inputs of the console, without the prefix. Others in its list are deprecated or do not fit any field.
STATUS = {"summary": "text", "applicationUrl": "org.w3:link", "conditions": "io.kubernetes.conditions"}
PROPER = "ConfigMap|emptyDir|PersistentVolumeClaim|SELinux|WebSocket|OpenShift"


def has_input(schema: Obj) -> bool:
    """Whether the console shows an input for this schema without a descriptor."""
    below = [schema["items"]] if schema.get("type") == "array" else list(schema.get("properties", {}).values())
    return schema.get("type") in ("boolean", "integer", "number", "string") or any(map(has_input, below))


def test_the_console_supports_the_schema(version: str) -> None:
    """The console shows no form if the root or the spec has one of these keywords."""
    root = schema_of(version)
    for node in (root, root["properties"]["spec"]):
        assert not {"anyOf", "oneOf", "allOf"} & set(node)
    assert has_input(root["properties"]["spec"])


def test_each_descriptor_has_an_existing_field_and_a_unique_name(spec: Obj, descriptors: list[Obj]) -> None:
    assert [each["path"] for each in descriptors if at(spec, each["path"]) is None] == []
    assert [path for path, count in Counter(each["path"] for each in descriptors).items() if count > 1] == []


def test_each_descriptor_has_an_effect(spec: Obj, descriptors: list[Obj]) -> None:
    for each in descriptors:
        schema = at(spec, each["path"]) or {}
        assert kinds(each) <= FITTING[schema["type"]], each
        assert has_input(schema) or kinds(each) & set(WHOLE), each
        for kind, argument in capabilities(each):
            if kind == "select" and "enum" in schema:
                assert argument in schema["enum"], each


def test_names_and_help_are_readable(spec: Obj, descriptors: list[Obj]) -> None:
    for each in descriptors:
        assert re.fullmatch(r"\S.*\S", each["displayName"]), each
        assert not re.search(r"[a-z][A-Z]", re.sub(PROPER, "", each["displayName"])), each
        assert each["description"].endswith("."), each
        own = (at(spec, each["path"]) or {}).get("description")
        assert own is None or each["description"] == own.replace("`", ""), each
    shown = [each for each in descriptors if "hidden" not in kinds(each)]
    names = Counter((parent(each["path"]), each["displayName"]) for each in shown)
    assert [name for name, count in names.items() if count > 1] == []


def test_every_field_has_a_descriptor(version: str, spec: Obj, descriptors: list[Obj]) -> None:
    """Except fields for which the console has no input, and fields below hidden ones."""
    described = {re.sub(r"\[\d+\]", "", each["path"]): kinds(each) for each in descriptors}
    missing = []
    for path, schema in own_fields(schema_of(version), MODELS[version]):
        path = path.removeprefix("spec").lstrip(".")
        if path and not path.startswith("status") and path not in described:
            above = [path[: dot.start()] for dot in re.finditer(r"\.", path)]
            if has_input(schema) and not any("hidden" in described.get(each, ()) for each in above):
                missing.append(path)
    assert missing == []


def test_a_list_has_a_descriptor_for_its_items(spec: Obj, descriptors: list[Obj]) -> None:
    paths = {each["path"] for each in descriptors}
    for each in descriptors:
        if "enum" not in (at(spec, each["path"]) or {}) and (at(spec, each["path"]) or {})["type"] == "array":
            core = each["path"].endswith("supplementalGroups")
            assert core or "hidden" in kinds(each) or f"{each['path']}[0]" in paths, each


def test_a_group_precedes_its_fields(descriptors: list[Obj]) -> None:
    """The console sets a group as a whole, which removes earlier values in it."""
    seen: set[str] = set()
    for each in descriptors:
        assert parent(each["path"]) in ("", *seen), each
        seen.add(each["path"])


def test_status_fields_have_fitting_descriptors(version: str) -> None:
    status = schema_of(version)["properties"]["status"]
    described = {each["path"]: each for each in status_descriptors(version)}
    assert {path.removesuffix("[0]") for path in described} == {
        name
        for name, node in status["properties"].items()
        if name not in ("observedGeneration", "reviewedNamespaces") and not node["description"].startswith("Deprecated")
    }
    for path, each in described.items():
        assert at(status, path), path
        assert each["displayName"]
        assert each["description"].endswith(".")
        secret = "io.kubernetes:Namespace" if path.startswith("target") else "io.kubernetes:Secret"
        assert each["x-descriptors"] == [URN + STATUS.get(path, secret)]


def pruned(value: Any) -> Any:
    """The value without empty texts, groups and lists, which the form removes."""
    if isinstance(value, list):
        return [kept for kept in map(pruned, value) if kept not in (None, "", {}, [])]
    if isinstance(value, dict):
        return {key: kept for key, child in value.items() if (kept := pruned(child)) not in (None, "", {}, [])}
    return value


def test_the_form_keeps_all_values_of_its_examples() -> None:
    annotations = presentation()
    examples = json.loads(annotations["alm-examples"])
    assert [each["apiVersion"] for each in examples] == [constants.API_VERSION, v1beta1.API_VERSION]
    for each in (*examples, json.loads(annotations["operatorframework.io/initialization-resource"])):
        assert pruned(each) == each
        hidden = {d["path"] for d in spec_descriptors(each["apiVersion"].split("/")[1]) if "hidden" in kinds(d)}
        required = schema_of(each["apiVersion"].split("/")[1])["properties"]["spec"].get("required", [])
        # Users cannot fill in hidden fields.
        assert hidden & set(required) <= set(each["spec"])
