"""Limits the text in the specs of a namespace's Cryostats.

The cache of Cryostats is seconds behind a burst of writes, so what was admitted lately counts as well. It counts only
in reviews of the same caller: every pod can send forged reviews, and these must not use up the limit of a namespace.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from ..api.limits import MAX_TEXT_IN_NAMESPACE, size_problems, text_length
from .cluster_reader import MAX_NAME_LENGTH
from .reviews import AdmissionRequest

ADMITTED_SECONDS = 60.0  # how long an admitted length counts; the cache has the Cryostat by then, if it was stored
MAX_ADMITTED = 5_000  # Cryostats whose admitted length is remembered

_AdmittedKey = tuple[str, str, str]
"""Address of the caller, namespace and name of an admitted Cryostat."""


class NamespaceText:
    """Refuses a Cryostat with more text than its namespace may have.

    Args:
        known: returns the number of characters of text in the spec of each known Cryostat in a namespace, by name.
        clock: returns seconds.
    """

    def __init__(self, known: Callable[[str], Mapping[str, int]], clock: Callable[[], float] = time.monotonic) -> None:
        self._known = known
        self._clock = clock
        # Time of the admission, and characters of text. The oldest come first.
        self._admitted: dict[_AdmittedKey, tuple[float, int]] = {}

    def refusal(self, request: AdmissionRequest) -> str | None:
        """Return why a new or longer Cryostat has too much text, else None, and count its length from now on."""
        length, before = text_length(request.obj.get("spec")), request.old.get("spec")
        key = request.caller.address, request.namespace, request.name
        if request.operation == "UPDATE" and (size_problems(before) or length <= text_length(before)):
            if key in self._admitted and not request.dry_run:
                self._admitted[key] = self._admitted[key][0], length
            return None
        others = sum(size for name, size in self._lengths(*key[:2]).items() if name != request.name)
        if others + length > MAX_TEXT_IN_NAMESPACE:
            return (
                f"the other Cryostats in namespace {request.namespace} have {others} characters of text, and this one "
                f"has {length}; at most {MAX_TEXT_IN_NAMESPACE} are allowed. Shorten or delete Cryostats in this "
                "namespace; a deleted one can count for another minute"
            )
        if not request.dry_run and max(map(len, key)) <= MAX_NAME_LENGTH:
            self._remember(key, length)
        return None

    def _remember(self, key: _AdmittedKey, length: int) -> None:
        self._admitted.pop(key, None)
        while len(self._admitted) >= MAX_ADMITTED:
            del self._admitted[next(iter(self._admitted))]
        self._admitted[key] = self._clock(), length

    def _lengths(self, caller: str, namespace: str) -> dict[str, int]:
        oldest = self._clock() - ADMITTED_SECONDS
        for key in [key for key, (admitted, _) in self._admitted.items() if admitted < oldest]:
            del self._admitted[key]
        lengths = dict(self._known(namespace))
        for (*place, name), (_, length) in self._admitted.items():
            if place == [caller, namespace]:
                lengths[name] = max(length, lengths.get(name, 0))
        return lengths
