"""Takes the pictures of the trees in the documentation: `python -m tests.cluster.picture docs/images`.

`run.svg` is the tree of `make run`, `status.svg` the output of `status` for an instance that lacks a target namespace.
"""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import click
import yaml
from rich.console import Console, RenderableType
from rich.text import Text

from cryostat_operator.api import constants
from tests.cluster.api import Object, condition, eventually
from tests.cluster.controlplane import ControlPlane
from tests.cluster.instance_tree import observe, render
from tests.cluster.operator_process import ROOT, OperatorProcess, install
from tests.command import PROGRAM

NAMESPACE = "monitoring"
SAMPLE = ROOT / "manifests/samples/cryostat-sample.yaml"
NAME = str(yaml.safe_load(SAMPLE.read_text())["metadata"]["name"])
WIDTH, STATUS_WIDTH = 110, 132  # columns; the longest lines of the status wrap as on a terminal
_TIMEOUT = 180.0  # seconds until the instance must be Ready
_BREAK = f'{{"spec": {{"targetNamespaces": ["{NAMESPACE}", "shop"]}}}}'  # `shop` does not exist


@click.command(help=__doc__)
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False, exists=True))
def main(directory: Path) -> None:
    with ControlPlane() as plane, tempfile.TemporaryDirectory() as scratch:
        install(plane.api, deployment=True)  # `status` reads the desired releases from the Deployment
        operator = OperatorProcess(plane.api, Path(scratch), {"DISABLE_SERVICE_TLS": "false"})
        try:
            started = _apply_sample(plane)
            eventually(lambda: observe(plane.api, NAMESPACE, NAME).ready, _TIMEOUT, "the instance is Ready")
            tree = render(observe(plane.api, NAMESPACE, NAME), time.monotonic() - started)
            (directory / "run.svg").write_text(svg(tree, "make run"), encoding="utf-8")
            _break_sample(plane)
            status = svg(Text.from_ansi(_status(plane.kubeconfig)), "kubectl cryostat status", STATUS_WIDTH)
            (directory / "status.svg").write_text(status, encoding="utf-8")
        finally:
            operator.kill()


def _apply_sample(plane: ControlPlane) -> float:
    """Apply the sample. Returns the time of the request."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    plane.kubectl("apply", "-f", "-", input=yaml.safe_dump(namespace))
    plane.kubectl("apply", "-n", NAMESPACE, "-f", SAMPLE)
    return time.monotonic()


def _break_sample(plane: ControlPlane) -> None:
    """Add a target namespace that does not exist, and wait until the application has restarted with the new list."""
    plane.kubectl("patch", "cryostat", NAME, "-n", NAMESPACE, "--type=merge", "-p", _BREAK)

    def found(kind: str) -> Object:
        return condition(plane.api.get(constants.API_VERSION, constants.KIND, NAME, NAMESPACE), kind)

    missing = "NamespaceNotFound"
    eventually(lambda: found("Ready").get("reason") == missing, _TIMEOUT, "the missing namespace is reported")
    plane.kubectl("rollout", "status", f"deployment/{NAME}", "-n", NAMESPACE, f"--timeout={_TIMEOUT:.0f}s")
    eventually(lambda: not found("ComponentsAvailable"), _TIMEOUT, "no Deployment is unavailable")


def _status(kubeconfig: Path) -> str:
    """The output of `status` on a terminal, without the last section: that the simulated node has no kubelet."""
    reader, writer = pty.openpty()
    command: list[str | Path] = [PROGRAM, "status", NAME, "-n", NAMESPACE]
    with subprocess.Popen(command, stdout=writer, env={**os.environ, "KUBECONFIG": str(kubeconfig)}):
        os.close(writer)
        with os.fdopen(reader, "rb") as terminal:
            lines: list[bytes] = []
            with suppress(OSError):  # the program has ended and closed the terminal
                lines.extend(iter(terminal.readline, b""))
    shown, _, _ = b"".join(lines).decode().replace("\r\n", "\n").partition("\n\n\x1b[1mNot shown")
    return shown


def svg(content: RenderableType, title: str, width: int = WIDTH) -> str:
    """The content as SVG, without references to fonts on the network."""
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True)
    console.print(content)
    text = console.export_svg(title=title)
    return re.sub(r"@font-face \{.*?\}", "", text, flags=re.DOTALL)


if __name__ == "__main__":
    main()
