"""Lists are decoded item by item while they arrive, in little memory."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryostat_operator.kube.list_decoder import ItemSplitter, ListDecoder

_TEXT = st.text(alphabet='ab"\\{}[],: \n\té€', max_size=12)
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | st.booleans() | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=12,
)


def decode(data: bytes, size: int) -> tuple[list[Any], dict[str, Any]]:
    decoder = ListDecoder()
    items = [item for start in range(0, len(data), size) for item in decoder.feed(data[start : start + size])]
    return items, decoder.envelope()


@given(
    items=st.lists(st.dictionaries(_TEXT, _JSON, max_size=4), max_size=5),
    size=st.integers(1, 40),
    indent=st.sampled_from([None, 1]),
    trailing=st.booleans(),
)
def test_items_are_the_same_in_chunks_of_every_size(items: Any, size: int, indent: int | None, trailing: bool) -> None:
    before, after = {"kind": "List", "metadata": {"resourceVersion": "7"}}, {"z": ["}"]} if trailing else {}
    data = json.dumps({**before, "items": items, **after}, indent=indent, ensure_ascii=False).encode()
    assert decode(data, size) == (items, {**before, "items": [], **after})


@pytest.mark.parametrize("body", ['{"metadata":{"resourceVersion":"1"},"items":null}', '{"metadata":{}}'])
def test_a_list_may_have_no_items(body: str) -> None:
    items, envelope = decode(body.encode(), 7)
    assert items == []
    assert "metadata" in envelope


@pytest.mark.parametrize("cut", range(1, 60))
def test_an_incomplete_response_is_an_error(cut: int) -> None:
    data = b'{"metadata":{"resourceVersion":"1"},"items":[{"a":"b\\"{"},{"c":{}}]}'
    with pytest.raises(ValueError, match=r".*"):
        decode(data[:cut], 16)


@pytest.mark.parametrize("items", ["[,{}]", "[{}{}]", "[{},,{}]", "[{},]", "[,]"])
@pytest.mark.parametrize("size", [1, 100])
def test_items_are_separated_by_one_comma(items: str, size: int) -> None:
    with pytest.raises(ValueError, match=r"^the items of the list are not separated by one comma$"):
        decode(f'{{"items":{items}}}'.encode(), size)


@pytest.mark.parametrize(
    "body", ['{"x":"0123456789","items":[{}]}', '{"items":[{}],"x":"0123456789"}', '{"x":"0123456789"}']
)
@pytest.mark.parametrize("size", [1, 100])
def test_text_around_the_items_is_limited(body: str, size: int) -> None:
    data = body.encode()

    def split(limit: int) -> int:
        splitter = ItemSplitter("items", max_around=limit)
        return sum(len(list(splitter.feed(data[start : start + size]))) for start in range(0, len(data), size))

    assert split(len(data)) == body.count("{}")
    with pytest.raises(ValueError, match="more than 9 bytes before or after the items"):
        split(9)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"items":[{"a":"' + b"x" * 100, "an item has more than 50 bytes"),
        (b'{"a":"' + b"x" * 100, "there are more than 50 bytes before or after the items"),
    ],
)
def test_the_buffer_is_limited(data: bytes, message: str) -> None:
    splitter = ItemSplitter("items", max_item=50, max_around=50)
    with pytest.raises(ValueError, match=f"^{message}$"):
        list(splitter.feed(data))


def test_no_more_than_one_item_is_buffered() -> None:
    decoder = ListDecoder()
    large = random.Random(1).randbytes(50_000).hex()
    data = json.dumps({"items": [{"data": large}] * 20}).encode()
    most = 0
    for start in range(0, len(data), 4096):
        list(decoder.feed(data[start : start + 4096]))
        most = max(most, len(decoder._splitter._buffer))
    assert most < 100_000 + 2 * 4096
