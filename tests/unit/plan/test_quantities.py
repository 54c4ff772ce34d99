"""Tests of the parser of quantities, against the Kubernetes client's own parser."""

from __future__ import annotations

import pytest
from kubernetes.utils.quantity import parse_quantity

from cryostat_operator.api.limits import MAX_QUANTITY
from cryostat_operator.plan import quantities
from cryostat_operator.plan.quantities import is_equal, is_less, quantity

SUFFIXES = ("", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


@pytest.mark.parametrize("number", ["0", "1", "+1", "1.", "1.5", "0.25", "-2", "123456789.123"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_clients_parser_agrees(number: str, suffix: str) -> None:
    expected = parse_quantity(number + suffix)  # type: ignore[no-untyped-call]
    assert quantity(number + suffix) == expected


@pytest.mark.parametrize(("text", "same"), [("1e3", "1k"), ("1E3", "1k"), ("5e-1", "500m"), (".5", "500m")])
def test_forms_of_the_same_amount_are_equal(text: str, same: str) -> None:
    assert is_equal(text, same)
    assert not is_less(text, same)


@pytest.mark.parametrize("text", ["", "lots", "1 Gi", "1gi", "1.2.3", "--1", "1Kii", "1e", "1e9999", "\u0661", "1\n1"])
def test_other_texts_are_refused_and_neither_less_nor_equal(text: str) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        quantity(text)
    assert not is_less(text, "1Gi")
    assert not is_less("1", text)
    assert not is_equal(text, text)


def test_the_error_names_the_text_that_is_no_quantity() -> None:
    for text, message in {
        "lots": "not a quantity: 'lots'",
        "1e9999": "not a quantity: the exponent of '1e9999' is too large",
    }.items():
        with pytest.raises(ValueError, match=f"^{message}$"):
            quantity(text)


def test_a_text_that_is_too_long_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    monkeypatch.setattr(quantities, "_parse", parsed.append)
    with pytest.raises(ValueError, match=r"^not a quantity: 1{20}\.\.\. has more than 128 characters$"):
        quantity("1" * (MAX_QUANTITY + 1))
    assert not parsed
    quantity("1" * MAX_QUANTITY)
    assert parsed


def test_numbers_are_compared_as_numbers() -> None:
    assert is_less("1500m", 2)
    assert is_equal(1, "1000m")
    assert not is_less(2, "1500m")
