"""The installed command."""

from __future__ import annotations

import sys
from pathlib import Path

PROGRAM = Path(sys.executable).parent / "cryostat-operator"
