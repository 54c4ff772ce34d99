"""Names, rules and types that all API models share."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar

import pytest
from pydantic import ValidationError

from cryostat_operator.api import base
from cryostat_operator.api.base import EMBEDDED_KEY, EmptyIsAbsent, Model, Rule, doc, required
from cryostat_operator.api.v1beta2 import CryostatSpec

ORDERED = Rule("self.least <= self.most", "least is larger than most", lambda limits: limits.least <= limits.most)


class Limits(Model):
    least: base.Int32 = required("The least.", schema={"format": "int32"})
    most: base.Int32 = required("The most.")
    longer_text: Annotated[base.Text | None, EmptyIsAbsent] = doc("A text.", schema={"maxLength": 5})
    security_context: base.SecurityContext | None = doc("A context.", alias="context")
    rules: ClassVar[tuple[Rule, ...]] = (ORDERED,)


def read(**fields: Any) -> Limits:
    return Limits.model_validate({"least": 1, "most": 2, **fields})


def test_fields_have_camel_case_names() -> None:
    assert read(longerText="a").longer_text == "a"
    assert read(longer_text="a").model_dump(by_alias=True, exclude_none=True)["longerText"] == "a"


def test_objects_are_immutable_and_unknown_fields_are_ignored() -> None:
    limits = read(fresh=1)
    assert "fresh" not in limits.model_dump()
    with pytest.raises(ValidationError, match="frozen"):
        setattr(limits, "least", 0)  # noqa: B010


def test_a_broken_rule_is_reported_with_its_message() -> None:
    with pytest.raises(ValueError, match="least is larger than most"):
        read(least=3)


def test_rules_texts_and_embedded_types_are_in_the_schema() -> None:
    schema = Limits.model_json_schema()
    assert schema["x-kubernetes-validations"] == [{"rule": ORDERED.cel, "message": ORDERED.message}]
    assert schema["required"] == ["least", "most"]
    assert schema["properties"]["longerText"]["description"] == "A text."
    assert schema["properties"]["longerText"]["maxLength"] == 5
    embedded = schema["properties"]["context"]["anyOf"][0]
    assert embedded == {EMBEDDED_KEY: "io.k8s.api.core.v1.SecurityContext"}


def test_a_rule_only_for_new_objects_does_not_apply_to_objects_with_a_status() -> None:
    rule = Rule("self.a == 1", "a is 1", lambda _: True, only_on_create=True)
    assert rule.as_schema() == {"rule": "has(self.status) || (self.a == 1)", "message": "a is 1"}


def test_empty_strings_and_objects_are_absent() -> None:
    assert read(longerText="").longer_text is None
    assert read(longerText={}).longer_text is None


def test_numbers_of_the_api_have_32_bits() -> None:
    assert read(least=-(2**31), most=2**31 - 1)
    for fields in ({"most": 2**31}, {"least": -(2**31) - 1}):
        with pytest.raises(ValueError, match="must be a 32-bit integer"):
            read(**fields)
    with pytest.raises(ValueError, match="must be a 32-bit integer"):
        CryostatSpec.model_validate({"targetConnectionCacheOptions": {"targetCacheSize": 2**31}})


@pytest.mark.parametrize("size", ["0", "1Gi", "+1Gi", ".5Gi", "1.", "1e3", "1E+3", "500m", "7n"])
def test_sizes_are_quantities_without_a_minus(size: str) -> None:
    assert re.match(base.SIZE, size)
    assert not re.match(base.SIZE, f"-{size}")


@pytest.mark.parametrize("host", ["", "a", "a.example", "x" * 63, "1-2.a", f"a.{'x' * 63}"])
def test_hosts_consist_of_labels(host: str) -> None:
    assert re.match(base.DNS_HOST, host)
    assert not re.match(base.DNS_HOST, f"{host}-")


@pytest.mark.parametrize("host", ["x" * 64, f"{'x' * 64}.a", f"a.{'x' * 64}"])
def test_a_host_with_a_label_of_more_than_63_characters_is_refused(host: str) -> None:
    assert not re.match(base.DNS_HOST, host)
