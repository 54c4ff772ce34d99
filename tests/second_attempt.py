"""Which failed tests run a second time: those that wait for real programs, if they are few.

A busy machine can exceed the time limit of such a test. The second attempt is made alone, and a test that passes it is
listed at the end of the run. All other failures are final.
"""

from __future__ import annotations

import json
from pathlib import Path

MAX_TESTS = 3
FOLDERS = ("tests/cluster/", "tests/docs/", "tests/image/", "tests/node/", "tests/programs/")
FAILED = Path(".pytest_cache/v/cache/lastfailed")


def to_repeat(failed: Path) -> list[str]:
    """Return the IDs of the tests to repeat; none if another test failed too.

    Args:
        failed: pytest's record of the last run.
    """
    tests = sorted(json.loads(failed.read_text())) if failed.exists() else []
    is_repeated = len(tests) <= MAX_TESTS and all(test.startswith(FOLDERS) and "::" in test for test in tests)
    return tests if is_repeated else []


if __name__ == "__main__":
    for test in to_repeat(FAILED):
        print(test)
