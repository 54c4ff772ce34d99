"""Limits the text in the specs of a namespace's Cryostats.

The cache of Cryostats is seconds behind a burst of writes, so what was admitted lately counts as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from ..api.limits import MAX_TEXT_IN_NAMESPACE, size_problems, text_length
from .reviews import AdmissionRequest

ADMITTED_SECONDS = 60.0  # how long an admitted length counts; the cache has the Cryostat by then, if it was stored


class NamespaceText:
    """Refuses a Cryostat with more text than its namespace may have.

    Args:
        known: returns the text of the known Cryostats in a namespace, in characters by name.
        clock: returns seconds.
    """

    def __init__(self, known: Callable[[str], Mapping[str, int]], clock: Callable[[], float] = time.monotonic) -> None:
        self._known = known
        self._clock = clock
        self._admitted: dict[tuple[str, str], tuple[float, int]] = {}  # time and characters, the oldest first

    def refusal(self, request: AdmissionRequest) -> str | None:
        """Return why a Cryostat that is created or becomes longer has too much text, None if it is admitted."""
        length, before = text_length(request.obj.get("spec")), request.old.get("spec")
        if request.operation == "UPDATE" and (size_problems(before) or length <= text_length(before)):
            return None
        others = sum(size for name, size in self._lengths(request.namespace).items() if name != request.name)
        if others + length > MAX_TEXT_IN_NAMESPACE:
            return (
                f"the other Cryostats in namespace {request.namespace} have {others} characters of text, and this one "
                f"has {length}; at most {MAX_TEXT_IN_NAMESPACE} are allowed. Shorten or delete Cryostats in this "
                "namespace"
            )
        if not request.dry_run:
            key = request.namespace, request.name
            self._admitted.pop(key, None)
            self._admitted[key] = self._clock(), length
        return None

    def _lengths(self, namespace: str) -> dict[str, int]:
        oldest = self._clock() - ADMITTED_SECONDS
        for key in [key for key, (admitted, _) in self._admitted.items() if admitted < oldest]:
            del self._admitted[key]
        lengths = dict(self._known(namespace))
        for (in_namespace, name), (_, length) in self._admitted.items():
            if in_namespace == namespace:
                lengths[name] = max(length, lengths.get(name, 0))
        return lengths
