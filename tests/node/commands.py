"""Runs the commands for users."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.command import PROGRAM

PASSPHRASE = ("CRYOSTAT_BACKUP_PASSPHRASE", "correct horse battery")


def cryostat_operator(kubeconfig: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command with this kubeconfig and a passphrase."""
    env = {**os.environ, PASSPHRASE[0]: PASSPHRASE[1], "KUBECONFIG": str(kubeconfig)}
    return subprocess.run([PROGRAM, *arguments], env=env, capture_output=True, text=True)
