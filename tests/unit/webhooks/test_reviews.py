"""JSON patches of admission answers: applied, they give what was meant."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cryostat_operator.webhooks.reviews import difference

_KEYS = st.sampled_from(["a", "b", "a/b", "~", "~1", ""])
OBJECTS = st.recursive(
    st.none() | st.booleans() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(_KEYS, inner)
)


def applied(obj: Any, patch: list[dict[str, Any]]) -> Any:
    """RFC 6902, as far as members of objects go."""
    result = copy.deepcopy(obj)
    for operation in patch:
        *parents, key = (p.replace("~1", "/").replace("~0", "~") for p in operation["path"].split("/")[1:])
        node = result
        for parent in parents:
            node = node[parent]
        if operation["op"] == "remove":
            del node[key]
        else:
            assert (key in node) == (operation["op"] == "replace")
            node[key] = operation["value"]
    return result


@given(st.dictionaries(_KEYS, OBJECTS), st.dictionaries(_KEYS, OBJECTS))
def test_difference(old: dict[str, Any], new: dict[str, Any]) -> None:
    result = applied(old, list(difference(old, new)))
    assert result == new
    assert list(difference(new, result)) == []
