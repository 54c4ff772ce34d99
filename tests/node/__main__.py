"""`python -m tests.node` builds the programs and images of the node, or prints why no node can run here."""

from __future__ import annotations

import os
import sys

from tests.cluster import binaries
from tests.node import requirements
from tests.node.images import operand_archives
from tests.node.node import PROGRAMS
from tests.node.operator_image import operator_archive


def main() -> int:
    """Build everything and return the exit status: 1 if a build failed, or if a requirement is missing in CI."""
    if reason := requirements.missing():
        print(f"{reason} Its tests are skipped.", file=sys.stderr)
        return int(bool(os.environ.get("CI")))
    return binaries.exit_status(_build)


def _build() -> None:
    binaries.programs(*PROGRAMS)
    operand_archives()
    operator_archive()


if __name__ == "__main__":
    sys.exit(main())
