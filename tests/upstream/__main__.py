"""`make upstream`: prints names that were added to the sources of Cryostat or removed from them.

Exit status: 0 without a difference, 1 with differences, 2 if a checkout is missing or is another repository.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.upstream.checkouts import MissingFileError
from tests.upstream.comparison import COMPARISONS, compare, read_accepted

REPOSITORIES = {
    "operator": "cryostatio/cryostat-operator",
    "application": "cryostatio/cryostat",
    "agent": "cryostatio/cryostat-agent",
    "chart": "cryostatio/cryostat-helm",
}
_USAGE = "make upstream OPERATOR=dir APPLICATION=dir AGENT=dir CHART=dir; at least one directory"


def main(arguments: list[str]) -> int:
    """Compare, print the differences, return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.upstream", description=__doc__)
    for name, repository in REPOSITORIES.items():
        parser.add_argument(f"--{name}", metavar="DIR", help=f"directory with a checkout of {repository}")
    given = {name: Path(value) for name, value in vars(parser.parse_args(arguments)).items() if value}
    if not given:
        print(f"No checkout is given. Usage: {_USAGE}", file=sys.stderr)
        return 2
    try:
        lines = list(_differences(given))
    except MissingFileError as error:
        print(f"{error} Usage: {_USAGE}", file=sys.stderr)
        return 2
    for line in lines:
        print(line)
    for name, repository in REPOSITORIES.items():
        if name not in given:
            print(f"not compared: {repository} ({name.upper()} is not set)")
    if lines:
        print(f"{len(lines)} differences. See docs/release.md for what to do with them.")
        return 1
    print("No difference.")
    return 0


def _differences(given: dict[str, Path]) -> list[str]:
    accepted = read_accepted()
    return [
        line
        for comparison in COMPARISONS
        if comparison.repository in given
        for line in compare(comparison, given[comparison.repository], accepted).lines()
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
