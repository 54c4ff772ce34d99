"""The cached objects of one instance, parsed when they are used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..plan.model.kinds import Key, Obj
from .records import Record


class LiveObjects(Mapping[Key, Obj]):
    """Objects of one instance at one moment. Each is parsed at its first use, and must not be changed."""

    def __init__(self, records: Mapping[Key, Record], read: Mapping[Key, Obj] | None = None) -> None:
        self._records = records
        self._parsed: dict[Key, Obj] = dict(read or {})

    def __getitem__(self, key: Key) -> Obj:
        record = self._records[key]
        if key not in self._parsed:
            self._parsed[key] = record.obj
        return self._parsed[key]

    def __contains__(self, key: object) -> bool:
        return key in self._records

    def __iter__(self) -> Iterator[Key]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)
