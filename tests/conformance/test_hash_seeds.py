"""The plan does not depend on the order of sets, which differs between processes of Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.conformance.captures import CAPTURES, PLAN_CAPTURES
from tests.conformance.planned import planned

_CASES = (*CAPTURES, *PLAN_CAPTURES)
_SEEDS = ("0", "1", "2")


def plans() -> str:
    """The planned objects of each captured case as JSON. Keys keep their order: hashes of objects depend on it."""
    return json.dumps({f"{case} {profile}": planned(case, profile) for case, profile in _CASES})


def test_each_process_plans_the_same() -> None:
    command = [sys.executable, "-c", f"from {__name__} import plans; print(plans())"]
    found = {
        subprocess.run(
            command, env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in _SEEDS
    }
    assert len(found) == 1
    assert len(json.loads(found.pop())) == len(_CASES)
