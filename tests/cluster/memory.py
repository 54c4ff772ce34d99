"""The memory of an operator process, and the limit of the shipped Deployment."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.cluster.operator_process import ROOT, OperatorProcess


def peak(operator: OperatorProcess) -> float:
    """The maximum resident memory of the process, in MiB."""
    lines = Path(f"/proc/{operator.process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) / 1024


def reset_peak(operator: OperatorProcess) -> None:
    """Make `peak` start again from the resident memory of now."""
    Path(f"/proc/{operator.process.pid}/clear_refs").write_text("5")


def limit() -> float:
    """The memory limit of the shipped Deployment, in MiB."""
    deployment = yaml.safe_load((ROOT / "manifests" / "40-deployment.yaml").read_text())
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    text = container["resources"]["limits"]["memory"]
    assert text.endswith("Mi")
    return float(text.removesuffix("Mi"))
