"""Imports kopf without the Kubernetes client library, because the operator does not use the library's models.

Their import takes 29 MiB and a second at each start. Plain logins do not need them (see `connection`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _hidden(*modules: str) -> Iterator[None]:
    """Import as if these packages were not installed, inside the `with` block."""
    hidden = [name for name in modules if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment] # with None, Python refuses the import
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


with _hidden("kubernetes", "kubernetes_asyncio", "pykube"):
    import kopf
    from kopf._cogs.clients.errors import APINotFoundError  # not public, but what `kopf.operator` ends with
    from kopf._core.engines.peering import Identity  # not public, but what `kopf.operator` takes

__all__ = ["APINotFoundError", "Identity", "kopf"]
