"""Builds the page of the form and operates it in headless Chromium."""

from __future__ import annotations

import fcntl
import functools
import json
import select
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from cryostat_operator.api import constants
from cryostat_operator.packaging.clusterserviceversion import presentation
from cryostat_operator.packaging.crds import crd
from cryostat_operator.packaging.descriptors import spec_descriptors

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
NAMESPACE = "monitoring"
# Entries of selection lists. The console reads them from the cluster.
OBJECTS = {
    "Project": ["monitoring", "my-app", "my-other-app"],
    "Secret": ["company-ca", "cryostat-users", "database-keys", "jmx-credentials", "s3-credentials"],
    "ConfigMap": ["probes", "rules", "service-ca", "templates"],
    "StorageClass": ["fast", "standard"],
}
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Create Cryostat</title><link rel="stylesheet" href="form.css"></head>
<body><div id="page"></div><script type="application/json" id="given">{given}</script><script src="form.js"></script>
</body></html>
"""

EVERYTHING = ("everything", "root")  # the step that opens all groups

Obj = dict[str, Any]
Step = Sequence[str]


@dataclass(frozen=True)
class Shown:
    """The content of the form and the object that it sends.

    Attributes:
        sent: the object that the console creates.
        labels: visible names of groups and fields, from top to bottom.
        ids: ids of the elements of the form; a field `spec.a.b[0]` is `root_spec_a_b_0`.
        complaints: descriptors that the console ignores, and errors of the page.
    """

    sent: Obj
    labels: list[str]
    ids: frozenset[str]
    complaints: list[str]


def chromium() -> str | None:
    """The path of the browser, or None if it is not installed. .ci/programs installs it."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def missing() -> list[str]:
    """The missing programs that the page needs."""
    found = {"node": shutil.which("node"), "npm": shutil.which("npm"), "chromium": chromium()}
    return [name for name, path in found.items() if not path]


def install() -> None:
    """Install the locked npm packages. Raises CalledProcessError."""
    with (HERE / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mark, wanted = MODULES / ".installed", lock.read()
        if not mark.is_file() or mark.read_text() != wanted:
            # A separate package contains the binary of esbuild, so no install script must run.
            subprocess.run(["npm", "ci", "--ignore-scripts"], cwd=HERE, check=True, stdout=subprocess.DEVNULL)
            mark.write_text(wanted)


def example(version: str) -> Obj:
    """The initial object of the form: the first example of the ClusterServiceVersion."""
    examples: list[Obj] = json.loads(presentation()["alm-examples"])
    return next(each for each in examples if each["apiVersion"].endswith(f"/{version}"))


@functools.cache
def _bundle() -> dict[str, bytes]:
    """Build the page's script and style sheet, which are the same for all versions. Raises CalledProcessError."""
    install()
    with tempfile.TemporaryDirectory(prefix="console-form-") as directory:
        subprocess.run(["node", "build.mjs", directory], cwd=HERE, check=True)
        return {path.name: path.read_bytes() for path in Path(directory).iterdir()}


def write_page(directory: Path, version: str = constants.VERSION, namespace: str = NAMESPACE) -> Path:
    """Build the page of the form for a version of the API. Returns its index.html."""
    schemas = {each["name"]: each["schema"]["openAPIV3Schema"] for each in crd()["spec"]["versions"]}
    given = {
        "schema": schemas[version],
        "descriptors": spec_descriptors(version),
        "example": example(version),
        "namespace": namespace,
        "objects": OBJECTS,
    }
    for name, content in _bundle().items():
        (directory / name).write_bytes(content)
    index = directory / "index.html"
    # "</" could end the script element.
    index.write_text(PAGE.format(given=json.dumps(given).replace("</", "<\\/")), encoding="utf-8")
    return index


class Browser:
    """A headless Chromium that fills in one form after another: `with Browser() as browser: browser.play(page)`."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            ["node", "drive.mjs"], cwd=HERE, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        return self

    def __exit__(self, *_: object) -> None:
        """Close the browser, which ends at the end of its input."""
        try:
            self._process.communicate(timeout=30)
        finally:
            self._process.kill()

    def play(self, page: Path, steps: Sequence[Step] = (), *, screenshot: Path | None = None) -> Shown:
        """Fill in a form. drive.mjs describes the steps.

        Raises RuntimeError with the message of the browser, and TimeoutError when it does not respond in 240 seconds.
        """
        order = {"page": page.as_uri(), "chromium": chromium(), "steps": list(steps)}
        if screenshot:
            order["screenshot"] = str(screenshot.resolve())
        result = self._answer(json.dumps(order))
        if "failed" in result:
            raise RuntimeError(result["failed"])
        return Shown(
            result["sent"], result["labels"], frozenset(result["ids"]), result["complaints"] + result["errors"]
        )

    def _answer(self, line: str) -> Obj:
        requests, answers = self._process.stdin, self._process.stdout
        assert requests
        assert answers
        requests.write(line + "\n")
        requests.flush()
        if not select.select([answers], [], [], 240)[0]:
            raise TimeoutError("the browser does not respond")
        result: Obj = json.loads(answers.readline() or '{"failed": "the browser has ended"}')
        return result


def element(path: str) -> str:
    """The id of a field: `targetNamespaces[0]` below the spec → `root_spec_targetNamespaces_0`."""
    return "root_spec_" + path.replace("[", "_").replace("]", "").replace(".", "_")
