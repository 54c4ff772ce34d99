"""Counts the steps of a backtracking search for a regular expression, as in Python's `re`.

Counts do not depend on the machine or its load. They are upper limits, because Python's optimizations are left out,
such as a search for a literal prefix.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from re import _constants as c  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

Continue = Callable[[int], bool]
_CHARACTERS = (c.LITERAL, c.NOT_LITERAL, c.ANY, c.IN)
_CATEGORIES: dict[Any, Callable[[str], bool]] = {
    c.CATEGORY_DIGIT: str.isdecimal,
    c.CATEGORY_SPACE: str.isspace,
    c.CATEGORY_WORD: lambda character: character.isalnum() or character == "_",
}
_NEGATED = {
    c.CATEGORY_NOT_DIGIT: c.CATEGORY_DIGIT,
    c.CATEGORY_NOT_SPACE: c.CATEGORY_SPACE,
    c.CATEGORY_NOT_WORD: c.CATEGORY_WORD,
}


class StepCounter:
    """Searches one text.

    Attributes:
        steps: the number of comparisons of a part of the expression with a place of the text.
    """

    def __init__(self, pattern: re.Pattern[Any], text: str) -> None:
        self.steps = 0
        self._text = text
        self._flags = pattern.flags
        self._tree = parser.parse(pattern.pattern, pattern.flags)
        self._accepted: dict[tuple[int, str], bool] = {}

    def search(self) -> int | None:
        """Return the end of the first match."""
        ends = (self.match(start) for start in range(len(self._text) + 1))
        return next((end for end in ends if end is not None), None)

    def match(self, start: int = 0) -> int | None:
        """Return the end of the match at a place."""
        return self._ended(self._tree, start)

    def fullmatch(self) -> int | None:
        """Return the end of the text if all of it matches."""
        size = len(self._text)
        return size if self._sequence(self._tree, 0, 0, lambda end: end == size) else None

    def _ended(self, tree: Any, start: int) -> int | None:
        found: list[int] = []

        def end(place: int) -> bool:
            found.append(place)
            return True

        return found[-1] if self._sequence(tree, 0, start, end) else None

    def _sequence(self, tree: Any, index: int, place: int, then: Continue) -> bool:
        """Whether the parts from `index` on match at `place`, and `then` matches after them."""
        while index < len(tree):
            self.steps += 1
            operation, value = tree[index]
            index += 1
            if operation in _CHARACTERS:
                if not self._accepts(tree[index - 1], place):
                    return False
                place += 1
            elif operation in (c.AT, c.ASSERT, c.ASSERT_NOT):
                if not self._is_at(operation, value, place):
                    return False
            elif operation in (c.POSSESSIVE_REPEAT, c.ATOMIC_GROUP):
                end = self._without_return(operation, value, place)
                if end is None:
                    return False
                place = end
            else:
                return self._choice(operation, value, place, self._rest(tree, index, then))
        return then(place)

    def _rest(self, tree: Any, index: int, then: Continue) -> Continue:
        return lambda end: self._sequence(tree, index, end, then)

    def _choice(self, operation: Any, value: Any, place: int, then: Continue) -> bool:
        if operation == c.SUBPATTERN:
            return self._sequence(value[3], 0, place, then)
        if operation == c.BRANCH:
            return any(self._sequence(each, 0, place, then) for each in value[1])
        lowest, highest, item = value
        if operation == c.MAX_REPEAT and len(item) == 1 and item[0][0] in _CHARACTERS:
            end = self._run(item[0], place, int(highest))
            return any(then(each) for each in self._back(end, place + lowest))
        assert operation in (c.MAX_REPEAT, c.MIN_REPEAT), operation
        return self._repeat(operation == c.MAX_REPEAT, value, 0, place, then)

    def _repeat(self, greedy: bool, value: Any, count: int, place: int, then: Continue) -> bool:
        lowest, highest, item = value
        self.steps += 1

        def again() -> bool:
            def more(end: int) -> bool:
                return (end > place or count < lowest) and self._repeat(greedy, value, count + 1, end, then)

            return count < highest and self._sequence(item, 0, place, more)

        def enough() -> bool:
            return count >= lowest and then(place)

        return (again() or enough()) if greedy else (enough() or again())

    def _run(self, part: Any, place: int, highest: int) -> int:
        """The end of the longest run of one character class."""
        end = place
        while end - place < highest and self._accepts(part, end):
            self.steps += 1
            end += 1
        return end

    def _back(self, end: int, lowest: int) -> Any:
        while end >= lowest:
            self.steps += 1
            yield end
            end -= 1

    def _without_return(self, operation: Any, value: Any, place: int) -> int | None:
        if operation == c.ATOMIC_GROUP:
            return self._ended(value, place)
        lowest, highest, item = value
        count, end = 0, place
        while count < highest and (after := self._ended(item, end)) is not None and after > end:
            count, end = count + 1, after
        return end if count >= lowest else None

    def _is_at(self, operation: Any, value: Any, place: int) -> bool:
        if operation == c.AT:
            return self._is_position(value, place)
        direction, tree = value
        start = place if direction > 0 else place - tree.getwidth()[0]
        found = start >= 0 and self._sequence(tree, 0, start, lambda end: direction > 0 or end == place)
        return bool(found == (operation == c.ASSERT))

    def _is_position(self, position: Any, place: int) -> bool:
        text, multiline = self._text, self._flags & re.MULTILINE
        if position in (c.AT_BEGINNING, c.AT_BEGINNING_STRING):
            lines = multiline and position == c.AT_BEGINNING
            return place == 0 or bool(lines and text[place - 1] == "\n")
        if position == c.AT_END:
            return text[place:] in ("", "\n") or bool(multiline and text[place] == "\n")
        if position == c.AT_END_STRING:
            return place == len(text)
        word = _CATEGORIES[c.CATEGORY_WORD]
        inside = place > 0 and word(text[place - 1])
        return bool((inside != (place < len(text) and word(text[place]))) == (position == c.AT_BOUNDARY))

    def _accepts(self, part: Any, place: int) -> bool:
        if place >= len(self._text):
            return False
        character = self._text[place]
        key = (id(part[1]) if part[0] == c.IN else hash(part), character)
        if key not in self._accepted:
            forms = {character, character.lower(), character.upper()} if self._flags & re.IGNORECASE else {character}
            self._accepted[key] = any(self._is_in(part, each) for each in forms)
        return self._accepted[key]

    def _is_in(self, part: Any, character: str) -> bool:
        operation, value = part
        if operation == c.ANY:
            return character != "\n" or bool(self._flags & re.DOTALL)
        if operation == c.LITERAL:
            return bool(ord(character) == value)
        if operation == c.NOT_LITERAL:
            return bool(ord(character) != value)
        if operation == c.RANGE:
            return bool(value[0] <= ord(character) <= value[1])
        if operation == c.CATEGORY:
            negated = value in _NEGATED
            return _CATEGORIES[_NEGATED.get(value, value)](character) != negated
        negated = bool(value[0][0] == c.NEGATE)
        return any(self._is_in(each, character) for each in value[negated:]) != negated


def steps(pattern: re.Pattern[Any], method: str, text: str) -> int:
    """The number of steps of `search`, `match` or `fullmatch`."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(50_000)
    try:
        counter = StepCounter(pattern, text)
        getattr(counter, method)()
        return counter.steps
    finally:
        sys.setrecursionlimit(limit)
