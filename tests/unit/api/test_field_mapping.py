"""Fields that both API versions have are renamed; fields of one version are kept apart and restored."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api.field_mapping import Direction, VersionFields, as_object, split, to_v1beta1, to_v1beta2

OWN = {"a": None, "old": None, "only": None, "nested": {"a": None, "only": None}}
OTHER = {"a": None, "new": None, "nested": {"a": None}}
NAMES = {"spec": {"old": "new"}}


@pytest.mark.parametrize(
    ("value", "mapped", "unmapped"),
    [
        ({"a": 1, "old": 2}, {"a": 1, "new": 2}, {}),
        ({"only": 1, "unknown": 2}, {}, {"only": 1, "unknown": 2}),
        ({"nested": {"a": 1, "only": 2}}, {"nested": {"a": 1}}, {"nested": {"only": 2}}),
        ({"nested": {"only": 2}}, {"nested": {}}, {"nested": {"only": 2}}),
        ({"nested": [1], "a": {"b": 1}}, {"nested": [1], "a": {"b": 1}}, {}),
    ],
    ids=str,
)
def test_an_object_is_split_into_shared_and_other_fields(value: Any, mapped: Any, unmapped: Any) -> None:
    assert split(value, "spec", OWN, OTHER, NAMES) == (mapped, unmapped)


def test_a_field_is_renamed_only_below_its_parent() -> None:
    assert split({"old": 1}, "elsewhere", OWN, OTHER, NAMES) == ({}, {"old": 1})


@pytest.mark.parametrize(
    ("value", "preserved", "restored"),
    [
        ({"a": 1}, {"only": 2}, {"a": 1, "only": 2}),
        ({"a": 1}, {"a": 2, "old": 3}, {"a": 1}),
        ({}, {"only": None, "unknown": 1}, {}),
        ({}, {"nested": {"a": 1, "only": 2}}, {"nested": {"only": 2}}),
        ({"nested": {"a": 1}}, {"nested": {"only": 2}}, {"nested": {"a": 1, "only": 2}}),
        ({}, {"nested": {"a": 1}}, {}),
        ({"nested": "text"}, {"nested": {"only": 2}}, {"nested": {"only": 2}}),
    ],
    ids=str,
)
def test_only_fields_that_the_other_version_does_not_have_are_restored(
    value: Any, preserved: Any, restored: Any
) -> None:
    assert VersionFields(OWN, OTHER, NAMES).restore(value, preserved, "spec") == restored


@pytest.mark.parametrize("direction", [to_v1beta2(), to_v1beta1()], ids=lambda each: f"to {each.target}")
def test_renamed_fields_exist_in_both_versions(direction: Direction) -> None:
    parents = {"spec", *direction.names} | {name for fields in direction.names.values() for name in fields.values()}
    assert parents > {"spec", "targetDiscoveryOptions"}
    for parent, fields in direction.names.items():
        for name, other in fields.items():
            assert name in _fields(direction.source_shape, parent), name
            target = direction.names["spec"].get(parent, parent)
            assert other in _fields(direction.target_shape, target), other
            assert direction.reverse_names[target][other] == name


def _fields(shape: Any, parent: str) -> Any:
    return shape["spec"] if parent == "spec" else shape["spec"][parent]


def test_each_direction_names_its_versions() -> None:
    assert (to_v1beta2().source, to_v1beta2().target) == ("v1beta1", "v1beta2")
    assert (to_v1beta1().source, to_v1beta1().target) == ("v1beta2", "v1beta1")
    assert to_v1beta1().source_shape == to_v1beta2().target_shape


def test_lists_and_embedded_types_are_moved_as_a_whole() -> None:
    spec = to_v1beta2().target_shape["spec"]
    assert spec["trustedCertSecrets"] is None
    assert spec["resources"]["coreResources"] is None
    assert spec["storageOptions"]["pvc"].keys() == {"annotations", "labels", "spec"}


def test_other_values_count_as_an_empty_object() -> None:
    assert [as_object(value) for value in ({"a": 1}, ["a"], None, "a")] == [{"a": 1}, {}, {}, {}]
