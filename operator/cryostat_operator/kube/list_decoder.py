"""Decodes the items of a list one at a time, while the response arrives.

A page of 100 objects can have 150 MB. Decoded as a whole it would take several times that memory.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import orjson

from ..plan.model.kinds import Obj

_BETWEEN_ITEMS = re.compile(rb"[ \t\r\n,]*+")
_UP_TO_BRACE_OR_LONG_STRING = re.compile(rb'(?:[^"{}]++|"[^"\\]{0,100}+")*+')
_BACKSLASH, _QUOTE, _BRACE = b'\\"{'


class ItemSplitter:
    """Splits JSON text into the items of one list in it, and the text around them. Feed it all chunks of the text.

    Args:
        key: the name of the list. Its items are JSON objects.
        max_item: bytes of one item.
        max_around: bytes before the first item, and bytes after the last one.

    Attributes:
        before: the JSON up to the items, empty until they begin.
        state: "before", "items" or "after".
    """

    def __init__(self, key: str, max_item: int = sys.maxsize, max_around: int = sys.maxsize) -> None:
        self.before = b""
        self.state = "before"
        self._items = re.compile(rb'"%b"\s*+:\s*+(\[|null)' % key.encode())
        self._max_item = max_item
        self._max_around = max_around
        self._buffer = bytearray()
        self._after = bytearray()  # JSON from the end of the items
        self._count = 0
        self._commas = 0  # since the last item
        self._reset()

    def _reset(self) -> None:
        self._position = 0  # up to here the buffer was scanned
        self._depth = 0  # of braces
        self._in_string = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the items that are complete with this chunk. Exhaust the iterator before the next call.

        Raises:
            ValueError: an item, or the text around the items, is longer than the limit; or the items are not separated
                by commas.
        """
        if self.state == "after":
            self._after += chunk
        else:
            self._buffer += chunk
        if self.state == "before":
            self._find_items()
        while self.state == "items" and self._find_item() and self._scan():
            item = bytes(self._buffer[: self._position])
            del self._buffer[: self._position]
            self._reset()
            self._check_item(len(item))
            self._count += 1
            yield item
        if self.state == "items":
            self._check_item(len(self._buffer))
        else:
            self._check_around(len(self._buffer) + len(self._after))

    def envelope(self) -> bytes:
        """Return the JSON without the items.

        Raises:
            ValueError: the text ends before the last item.
        """
        if self.state == "items":
            raise ValueError("the list ends before its last item")
        return bytes(self._buffer) if self.state == "before" else self.before + bytes(self._after)

    def _check_item(self, size: int) -> None:
        if size > self._max_item:
            raise ValueError(f"an item has more than {self._max_item} bytes")

    def _check_around(self, size: int) -> None:
        if size > self._max_around:
            raise ValueError(f"there are more than {self._max_around} bytes before or after the items")

    def _find_items(self) -> None:
        found = self._items.search(self._buffer)
        if found is None or found[1] == b"null":
            return
        self._check_around(found.end())
        self.before = bytes(self._buffer[: found.end()])
        del self._buffer[: found.end()]
        self.state = "items"

    def _find_item(self) -> bool:
        """Find the beginning of an item. Returns False at the end of the list or of the buffer."""
        if self._depth:
            return True
        separator = _BETWEEN_ITEMS.match(self._buffer)
        assert separator
        self._commas += separator[0].count(b",")
        del self._buffer[: separator.end()]
        if not self._buffer:
            return False
        first = self._buffer[:1]
        expected = {b"{": min(self._count, 1), b"]": 0}
        if self._commas != expected.get(bytes(first), self._commas):
            raise ValueError("the items of the list are not separated by one comma")
        self._commas = 0
        if first != b"{":
            self._after, self._buffer, self.state = self._buffer, bytearray(), "after"
            return False
        self._position = self._depth = 1
        return True

    def _scan(self) -> bool:
        """Advance to the closing brace of the current item. Returns False if it is not in the buffer yet."""
        buffer = self._buffer
        while self._position < len(buffer):
            if self._in_string and not self._scan_string():
                return False
            match = _UP_TO_BRACE_OR_LONG_STRING.match(buffer, self._position)
            assert match
            self._position = match.end()
            if self._position == len(buffer):
                return False
            character = buffer[self._position]
            self._position += 1
            if character == _QUOTE:  # of a string that is long, has escapes, or is not complete
                self._in_string = True
                continue
            self._depth += 1 if character == _BRACE else -1
            if self._depth == 0:
                return True
        return False

    def _scan_string(self) -> bool:
        """Advance beyond the quote that ends the current string. Returns False if it is not in the buffer yet."""
        while (end := self._buffer.find(_QUOTE, self._position)) >= 0:
            self._position = end + 1
            first = end
            while self._buffer[first - 1] == _BACKSLASH:
                first -= 1
            if (end - first) % 2 == 0:  # an even number of backslashes does not escape the quote
                self._in_string = False
                return True
        self._position = len(self._buffer)
        return False


class ListDecoder:
    """Decodes the items of a list. Feed it all chunks of the response, then call `envelope`."""

    def __init__(self) -> None:
        self._splitter = ItemSplitter("items")

    def feed(self, chunk: bytes) -> Iterator[Obj]:
        """Yield the items that are complete with this chunk. Exhaust the iterator before the next call."""
        for item in self._splitter.feed(chunk):
            yield orjson.loads(item)

    def envelope(self) -> Obj:
        """Return the list without its items.

        Raises:
            ValueError: the response is not complete, or not JSON.
        """
        return dict(orjson.loads(self._splitter.envelope() or b"{}"))
