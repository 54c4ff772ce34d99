"""Warnings about quantities that the API server refuses with a regular expression only."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api.quantity_warnings import MAX_WARNINGS, quantity_warnings


def memory(amount: Any) -> Any:
    return {"resources": {"coreResources": {"limits": {"memory": amount}}}}


PATH = "spec.resources.coreResources.limits.memory"


@pytest.mark.parametrize(
    ("amount", "near"),
    [
        ("1GB", "1G"), ("1 GiB", "1Gi"), ("500 m", "500m"), ("512K", "512k"), ("1gi", "1Gi"), ("1,5Gi", "1.5Gi"),
        ("2g", "2G"), ("64MB", "64M"), ("8 M", "8M"), ("100 bytes", "100"), (" 1Gi ", "1Gi"), ('"1Gi"', "1Gi"),
        ("4 cores", "4"), ("250 millicores", "250m"),
    ],
)  # fmt: skip
def test_the_quantity_that_was_meant_is_named(amount: str, near: str) -> None:
    assert quantity_warnings(memory(amount)) == [f'{PATH}: "{amount}" is not a quantity; did you mean {near}?']
    assert quantity_warnings(memory(near)) in ([], [_thousandths(near)])


def _thousandths(amount: str) -> str:
    return f"{PATH}: {amount} is an amount in thousandths of a byte; did you mean {amount[:-1]}Mi?"


@pytest.mark.parametrize("amount", ["much", "", "-1Gi", "1 2 Gi", "1Gx", "one gigabyte", "1,024Mi"])
def test_other_texts_get_an_example(amount: str) -> None:
    assert quantity_warnings(memory(amount)) == [f'{PATH}: "{amount}" is not a quantity; use one such as 512Mi or 2Gi']
    spec = {"reportOptions": {"resources": {"requests": {"cpu": amount}}}}
    path = "spec.reportOptions.resources.requests.cpu"
    assert quantity_warnings(spec) == [f'{path}: "{amount}" is not a quantity; use one such as 500m or 2']


def test_a_fraction_must_be_a_text() -> None:
    assert quantity_warnings(memory(0.5)) == [f'{PATH}: a number with a fraction must be a text; write "0.5"']


def test_amounts_in_thousandths_of_a_byte_get_a_warning() -> None:
    assert quantity_warnings(memory("512m")) == [_thousandths("512m")]
    assert quantity_warnings({"resources": {"limits": {"cpu": "512m"}}}) == []


def test_size_limits_of_volumes_are_checked() -> None:
    empty = {"emptyDir": {"sizeLimit": "1TB"}}
    claim = {"pvc": {"spec": {"resources": {"requests": {"storage": "10GB"}}}}}
    assert quantity_warnings({"storageOptions": {"database": empty, "objectStorage": claim}}) == [
        'spec.storageOptions.database.emptyDir.sizeLimit: "1TB" is not a quantity; did you mean 1T?',
        'spec.storageOptions.objectStorage.pvc.spec.resources.requests.storage: "10GB" is not a quantity; '
        "did you mean 10G?",
    ]


def test_valid_quantities_other_keys_and_malformed_specs_get_no_warning() -> None:
    amounts: list[Any] = ["1Gi", 1, "1e3", None, {}, "1" * 200, f"{'1' * 200}GB"]
    for spec in (*map(memory, amounts), None, [], "x"):
        assert quantity_warnings(spec) == []
    assert quantity_warnings({"labels": {"limits": "1GB", "sizeLimit": "1GB"}, "limits": "1GB", "a": ["b"]}) == []


def test_the_number_of_warnings_is_limited() -> None:
    assert len(quantity_warnings({"a": [memory("1GB")] * 50})) == MAX_WARNINGS
