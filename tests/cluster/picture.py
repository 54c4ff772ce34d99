"""Takes the picture of the tree in README.md: `python -m tests.cluster.picture docs/images/run.svg`."""

from __future__ import annotations

import io
import re
import tempfile
import time
from pathlib import Path

import click
import yaml
from rich.console import Console

from tests.cluster.api import eventually
from tests.cluster.controlplane import ControlPlane
from tests.cluster.instance_tree import Instance, observe, render
from tests.cluster.operator_process import ROOT, OperatorProcess, install

NAMESPACE = "monitoring"
SAMPLE = ROOT / "manifests/samples/cryostat-sample.yaml"
WIDTH = 110  # columns
_TIMEOUT = 180.0  # seconds until the instance must be Ready


@click.command(help=__doc__)
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
def main(path: Path) -> None:
    with ControlPlane() as plane, tempfile.TemporaryDirectory() as directory:
        install(plane.api, plane.kubectl)
        operator = OperatorProcess(plane.api, Path(directory), {"DISABLE_SERVICE_TLS": "false"})
        try:
            started, name = _apply_sample(plane), str(yaml.safe_load(SAMPLE.read_text())["metadata"]["name"])
            eventually(lambda: observe(plane.api, NAMESPACE, name).ready, _TIMEOUT, "the instance is Ready")
            elapsed = time.monotonic() - started
            path.write_text(svg(observe(plane.api, NAMESPACE, name), elapsed), encoding="utf-8")
        finally:
            operator.kill()


def _apply_sample(plane: ControlPlane) -> float:
    """Applies the sample; returns when."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    plane.kubectl("apply", "-f", "-", input=yaml.safe_dump(namespace))
    plane.kubectl("apply", "-n", NAMESPACE, "-f", SAMPLE)
    return time.monotonic()


def svg(instance: Instance, elapsed: float) -> str:
    """The tree as SVG, without references to fonts on the network."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(render(instance, elapsed))
    text = console.export_svg(title="make run")
    return re.sub(r"@font-face \{.*?\}", "", text, flags=re.DOTALL)


if __name__ == "__main__":
    main()
