"""The API server of the tests of the command."""

from __future__ import annotations

from tests.unit.inspect.conftest import server as server
