"""The layout of the form: important fields are first, and no entry of the tables is about a field that is gone."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from functools import cache

from cryostat_operator.packaging import form
from cryostat_operator.packaging.crds import definitions
from cryostat_operator.packaging.descriptors import spec_descriptors
from cryostat_operator.plan.model.kinds import Obj
from tests.unit.packaging.console_form import VERSIONS, at, capabilities, kinds, schema_of


def test_important_fields_are_first_and_all_others_advanced(spec: Obj, descriptors: list[Obj]) -> None:
    top = [each for each in descriptors if not set(".[") & set(each["path"])]
    first = [path for path in form.FIRST if at(spec, path)]
    assert [each["path"] for each in top][: len(first)] == first
    for each in top:
        assert "hidden" in kinds(each) or ("advanced" in kinds(each)) == (each["path"] not in first), each


def test_hidden_fields_are_deprecated_or_without_effect_on_openshift(spec: Obj, descriptors: list[Obj]) -> None:
    hidden = {each["path"]: each["description"] for each in descriptors if "hidden" in kinds(each)}
    others = {path for path, text in hidden.items() if not text.startswith("Deprecated")}
    # OpenShift has SELinux. The images do not run on Windows nodes.
    others -= {path for path in others if re.search(r"ontext\.(appArmorProfile|windowsOptions)$", path)}
    # In v1beta1, the Ingress is the only network option.
    assert others in ({"networkOptions.coreConfig.ingressSpec"}, {"networkOptions"})
    deprecated = [
        each["path"]
        for each in descriptors
        if each["description"].startswith("Deprecated") and each["path"] not in hidden
    ]
    assert deprecated == []


def test_secrets_and_config_maps_are_chosen_from_a_list(descriptors: list[Obj]) -> None:
    for each in descriptors:
        name = each["path"].rpartition(".")[2].lower()
        for ending, kind in (
            ("secretname", "Secret"),
            ("configmapname", "ConfigMap"),
            ("storageclassname", "StorageClass"),
        ):
            assert name.endswith(ending) == (("io.kubernetes", kind) in set(capabilities(each))), each


def test_every_dependent_field_can_be_shown(spec: Obj, descriptors: list[Obj]) -> None:
    described = {each["path"] for each in descriptors}
    found = 0
    for each in descriptors:
        for kind, argument in capabilities(each):
            if kind == "fieldDependency":
                path, _, value = argument.partition(":")
                control = at(spec, path) or {}
                assert path in described
                assert value in control.get("enum", ("true", "false") if control.get("type") == "boolean" else ()), each
                found += 1
    assert found


@cache
def paths() -> frozenset[str]:
    """The paths of all descriptors of both versions."""
    return frozenset(each["path"] for version in VERSIONS for each in spec_descriptors(version))


def tails() -> set[str]:
    """The last two elements of the paths."""
    return {".".join(path.split(".")[-2:]) for path in paths()}


def fields() -> set[str]:
    """The last elements of the paths."""
    return {path.rpartition(".")[2] for path in paths()}


def test_every_entry_is_about_a_field_of_a_version() -> None:
    tables: list[tuple[Iterable[str], Container[str]]] = [
        (form.FIRST + form.LATER, paths()),
        (form.ADVANCED, paths() | tails()),
        (form.HIDDEN, paths() | fields()),
        (form.NAMES, paths() | tails() | fields()),
        (form.ITEM_DESCRIPTIONS, fields()),
        (form.PICKERS, paths() | fields()),
        (form.DEPENDENCIES, tails()),
    ]
    assert [entry for table, keys in tables for entry in table if entry not in keys] == []


def test_every_component_has_fields() -> None:
    parts = {name.removesuffix(suffix) for name in fields() for suffix in form.PART_SUFFIXES if name.endswith(suffix)}
    assert [part for part in form.PARTS if part not in parts] == []


def test_kubernetes_types_and_their_fields_exist() -> None:
    for definition, fields in form.EMBEDDED.items():
        properties = definitions()[definition]["properties"]
        assert [name for name in fields if name.removesuffix("[0]") not in properties] == []
    assert [name for name in form.INPUTS if name not in definitions()] == []


def test_fields_of_the_status_exist() -> None:
    for version in VERSIONS:
        status = schema_of(version)["properties"]["status"]
        assert [path for path in form.STATUS if at(status, path) is None] == []
    assert form.STATUS_ITEM_DESCRIPTIONS.keys() <= form.STATUS.keys()
