"""Texts inside objects."""

from __future__ import annotations

import json

import jinja2
import pytest

from cryostat_operator.plan import text


def test_json_keeps_the_order_of_keys() -> None:
    assert text.pretty_json({"b": 1, "a": "ü"}) == '{\n  "b": 1,\n  "a": "ü"\n}'
    assert text.compact_json({"b": 1, "a": [1, 2]}) == '{"b":1,"a":[1,2]}'


def test_compact_json_has_no_characters_of_html() -> None:
    found = text.compact_json({"a": "<b>&\u2028"})
    assert not set(found) & set("<>&\u2028")
    assert json.loads(found) == {"a": "<b>&\u2028"}


def test_a_template_needs_all_its_values() -> None:
    with pytest.raises(jinja2.UndefinedError):
        text.render("nginx.conf.j2")
