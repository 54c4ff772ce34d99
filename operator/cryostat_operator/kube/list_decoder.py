"""Decodes the items of a list one at a time, while the response arrives.

A page of 100 objects can have 150 MB. Decoded as a whole it would take several times that memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import orjson

from ..plan.model.kinds import Obj

_ITEMS = re.compile(rb'"items"\s*:\s*(\[|null)')
_UP_TO_BRACE = re.compile(rb'(?:[^"{}]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
_IN_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)


class ListDecoder:
    """Splits the JSON of a list into its items. Feed it all chunks of the response, then call `envelope`."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._before = b""  # JSON up to the items
        self._after = bytearray()  # JSON from the end of the items
        self._state = "before"
        self._reset()

    def _reset(self) -> None:
        self._position = 0  # up to here the buffer was scanned
        self._depth = 0  # of braces
        self._in_string = False

    def feed(self, chunk: bytes) -> Iterator[Obj]:
        """The items that are complete with this chunk. Exhaust the iterator before the next call."""
        if self._state == "after":
            self._after += chunk
            return
        self._buffer += chunk
        if self._state == "before" and not self._find_items():
            return
        while True:
            if self._depth == 0 and not self._find_item():
                return
            if not self._scan():
                return
            item = bytes(self._buffer[: self._position])
            del self._buffer[: self._position]
            self._reset()
            yield orjson.loads(item)

    def envelope(self) -> Obj:
        """The list without its items.

        Raises:
            ValueError: the response is not complete, or not JSON.
        """
        if self._state == "before":
            return dict(orjson.loads(bytes(self._buffer) or b"{}"))
        if self._state != "after":
            raise ValueError("the list ends before its last item")
        return dict(orjson.loads(self._before + bytes(self._after)))

    def _find_items(self) -> bool:
        found = _ITEMS.search(self._buffer)
        if found is None or found[1] == b"null":
            return False
        self._before = bytes(self._buffer[: found.end()])
        del self._buffer[: found.end()]
        self._state = "items"
        return True

    def _find_item(self) -> bool:
        """Drop what separates two items. False at the end of the list or of the buffer."""
        stripped = self._buffer.lstrip(b" \t\r\n,")
        del self._buffer[: len(self._buffer) - len(stripped)]
        if not self._buffer:
            return False
        if self._buffer[:1] != b"{":
            self._after, self._buffer, self._state = self._buffer, bytearray(), "after"
            return False
        self._position = self._depth = 1
        return True

    def _scan(self) -> bool:
        """Advance to the closing brace of the current item; whether it is in the buffer."""
        buffer = self._buffer
        while self._position < len(buffer):
            if self._in_string and not self._scan_string():
                return False
            match = _UP_TO_BRACE.match(buffer, self._position)
            assert match
            self._position = match.end()
            if self._position == len(buffer):
                return False
            character = buffer[self._position]
            self._position += 1
            if character == 0x22:  # a quote: this string is not complete
                self._in_string = True
                continue
            self._depth += 1 if character == 0x7B else -1
            if self._depth == 0:
                return True
        return False

    def _scan_string(self) -> bool:
        match = _IN_STRING.match(self._buffer, self._position)
        assert match
        self._position = match.end()
        if self._position == len(self._buffer) or self._buffer[self._position] != 0x22:
            return False  # the end of the buffer, or a backslash without the character that it escapes
        self._position += 1
        self._in_string = False
        return True
