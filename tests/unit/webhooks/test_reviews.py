"""Answers to AdmissionReviews: their patches turn the old object into the new one."""

from __future__ import annotations

import copy
from typing import Any

import jsonpatch
import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from cryostat_operator.webhooks.reviews import json_patch

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
