"""Runs a command in this process."""

from __future__ import annotations

from click.testing import CliRunner, Result

from cryostat_operator import cli

CRYOSTAT = """
apiVersion: operator.cryostat.io/v1beta2
kind: Cryostat
metadata: {name: sample}
spec: {}
"""


def invoke(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(cli.main, arguments, input=text)
