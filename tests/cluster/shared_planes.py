"""Clusters that several test files use, one after the other. A cluster is stopped before a file that does not use it.

An idle control plane takes 5 % of a processor. Therefore, files that use the same clusters run one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, ExitStack
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest

T = TypeVar("T")
NAMES = ("control_plane", "openshift_plane", "webhooks")  # fixtures
FOLDER = Path(__file__).parent
# Each set shares a cluster with the next one, so that no worker boots a cluster again.
_ORDER = [
    frozenset(names)
    for names in (
        (),
        ("openshift_plane",),
        ("openshift_plane", "control_plane"),
        ("control_plane",),
        ("control_plane", "webhooks"),
        ("webhooks",),
        ("webhooks", "openshift_plane"),
    )
]
# They take more than a minute and a half, mostly waiting.
_LONG = ("test_install.py", "test_tls_cert_manager.py", "test_adoption.py", "test_routes.py", "test_outages.py",
         "test_deletion.py", "test_leader_election.py", "test_webhooks_registration.py")  # fmt: skip


class SharedPlanes:
    """The running clusters by the names of their fixtures."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[ExitStack, Any]] = {}

    def get(self, name: str, boot: Callable[[], AbstractContextManager[T]]) -> T:
        """Return the running cluster, or boot it."""
        if name not in self._running:
            stack = ExitStack()
            self._running[name] = stack, stack.enter_context(boot())
        cluster: T = self._running[name][1]
        return cluster

    def stop_except(self, names: Collection[str]) -> None:
        for name in [*self._running]:
            if name not in names:
                stack, _ = self._running.pop(name)
                stack.close()


def names_by_file(items: list[pytest.Item]) -> dict[Path, frozenset[str]]:
    """The shared clusters that the tests of each file use: those of their fixtures and of their mark `planes`."""
    found: dict[Path, frozenset[str]] = {}
    for item in items:
        marked = [name for mark in item.iter_markers("planes") for name in mark.args]
        names = frozenset(NAMES).intersection([*getattr(item, "fixturenames", ()), *marked])
        found[item.path] = found.get(item.path, frozenset()) | names
    return found


def sort_by_planes(items: list[pytest.Item]) -> None:
    """Files without shared clusters come first, then those of each cluster, the longest first."""
    used = names_by_file(items)

    @cache
    def position(file: Path) -> tuple[int, bool]:
        number = _ORDER.index(used[file]) if used[file] in _ORDER else len(_ORDER)
        return number, file.name not in _LONG

    items.sort(key=lambda item: position(item.path) if item.path.is_relative_to(FOLDER) else ())
