"""Imports kopf without the Kubernetes client library, whose model objects this operator does not use.

That import costs 29 MiB and a second at every start; plain logins need none of it (see `connection`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _hidden(*modules: str) -> Iterator[None]:
    """As if these packages were not installed, for what is imported inside."""
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
