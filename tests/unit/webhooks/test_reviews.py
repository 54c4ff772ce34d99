"""Responses to AdmissionReviews. Their patches change the old object into the new one."""

from __future__ import annotations

import copy
from typing import Any

import jsonpatch
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryostat_operator.webhooks.reviews import (
    MAX_WARNINGS,
    AdmissionRequest,
    MalformedReviewError,
    allowed,
    denied,
    json_patch,
    parse,
)
from tests.unit.call_count import calls

_KEYS = st.sampled_from(["a", "b", "a/b", "~", "~1", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(_KEYS, VALUES, max_size=4)


def text(value: Any) -> bytes:
    """JSON text, in which `1` and `true` differ."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


@settings(max_examples=60, deadline=None)
@given(OBJECTS, OBJECTS)
def test_json_patch(old: dict[str, Any], new: dict[str, Any]) -> None:
    before = copy.deepcopy(old)
    patch = json_patch(old, new)
    assert old == before
    assert text(jsonpatch.apply_patch(old, orjson.loads(text(patch)))) == text(new)
    assert json_patch(new, new) == []


def test_a_value_that_both_objects_contain_is_not_compared() -> None:
    """A review can have 8 MiB of metadata, which no webhook for Cryostats changes."""
    metadata = {"annotations": {str(number): "x" for number in range(1_000)}}
    old = {"metadata": metadata, "spec": {}}
    found: list[Any] = []
    few = calls(lambda: found.append(json_patch(old, {**old, "spec": {"a": 1}})))
    assert found == [[{"op": "add", "path": "/spec/a", "value": 1}]]
    assert few < 500


REQUEST: dict[str, Any] = {"uid": "u", "operation": "CREATE"}
REVIEW = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": REQUEST}


@pytest.mark.parametrize(
    ("review", "message"),
    [
        ([], "expected an AdmissionReview"),
        ({"kind": "ConversionReview"}, "expected an AdmissionReview"),
        ({**REVIEW, "apiVersion": "admission.k8s.io/v1beta1"}, "expected apiVersion admission.k8s.io/v1"),
        ({**REVIEW, "request": None}, "the AdmissionReview has no request"),
        ({**REVIEW, "request": {"uid": ""}}, "the AdmissionReview has no request"),
        ({**REVIEW, "request": {**REQUEST, "object": 5}}, "object, oldObject and userInfo must be objects"),
        (
            {**REVIEW, "request": {**REQUEST, "oldObject": {"metadata": []}}},
            "object, oldObject and userInfo must be objects",
        ),
        ({**REVIEW, "request": {**REQUEST, "operation": "EAT"}}, "the AdmissionReview has no known operation"),
    ],
)
def test_other_bodies_are_malformed(review: Any, message: str) -> None:
    with pytest.raises(MalformedReviewError) as error:
        parse(review)
    assert str(error.value) == message


def test_warnings_are_bounded() -> None:
    request: AdmissionRequest = parse(REVIEW)
    shown = allowed(request, [f"{number}\n x" for number in range(MAX_WARNINGS + 2)] * 2)["response"]["warnings"]
    assert shown[0] == "0 x"
    assert shown[MAX_WARNINGS:] == ["and 2 more warnings"]
    assert "warnings" not in allowed(request)["response"]
    assert allowed(request, ["\x1b[2J"])["response"]["warnings"] == ["\\x1b[2J"]


def test_a_denial() -> None:
    answer = denied(parse(REVIEW), "no")["response"]
    status = {"status": "Failure", "code": 403, "reason": "Forbidden", "message": "no"}
    assert answer == {"uid": "u", "allowed": False, "status": status}
