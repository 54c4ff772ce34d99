"""Texts of other users are printed without control characters."""

from __future__ import annotations

from typing import Any

import click

from cryostat_operator.inspect.instance_reader import InstanceReader, cryostats
from cryostat_operator.inspect.tree import lines
from cryostat_operator.printable import one_line, printable
from tests.unit.api_server import ApiServer
from tests.unit.inspect.instance import NAMESPACE, condition, cryostat, serve

HOSTILE = "\x1b[2J\x1b]0;title\x07\x9b31m\u202egnp.exe\nCause: none\r  Next: rm"


def test_control_characters_are_replaced_by_their_escapes() -> None:
    assert printable("\x1b[2J\x07\x9b\u202e\u2066") == "\\x1b[2J\\x07\\x9b\\u202e\\u2066"
    assert printable("äöü 日本 🙂\tx\ny") == "äöü 日本 🙂\tx\ny"
    assert printable({"a\x00": ["\x1b", 1, None, True]}) == {"a\\x00": ["\\x1b", 1, None, True]}
    assert printable("\ud800") == "\\ud800"  # not encodable


def test_line_breaks_are_removed() -> None:
    assert one_line("a\nb\r\nc") == "a b c"


async def test_control_characters_of_other_users_are_not_printed() -> None:
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "forged", "namespace": NAMESPACE},
        "involvedObject": {"kind": "Cryostat", "name": "sample", "namespace": NAMESPACE},
        "type": "Warning",
        "reason": "Forged",
        "message": HOSTILE,
    }
    client: Any = serve(ApiServer(), cryostat(condition("Ready", "False", "Forged", HOSTILE)))
    client.put(f"/api/v1/namespaces/{NAMESPACE}/events/forged", event)
    [found] = await cryostats(client, NAMESPACE, None)
    observed = await InstanceReader(client).observe(found)
    text = [click.unstyle(line) for line in lines(observed, 0.0, ())]
    shown = [line for line in text if "Forged" in line]
    assert len(shown) == 2  # a condition and an event
    assert all("\\x1b[2J" in line and "rm" in line for line in shown)  # no text starts a new line
    assert not any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for line in text for character in line)
