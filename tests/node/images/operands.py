"""The images of the operands: programs of Debian and Go modules, the entry points of this folder, and tests/operands.

They have the references that the operator uses by default, so its manifests and a Cryostat need no change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryostat_operator.images import IMAGES
from cryostat_operator.plan.injection.init_container import AGENT_JAR
from tests.node.images.archive import File, Image, Layer, write_layer
from tests.node.images.java import RUNTIME

HERE = Path(__file__).parent
TESTS = HERE.parents[1]
ENTRYPOINT = "/usr/local/bin/entrypoint"
_PYTHON = ("/usr/bin/python3", "-m")
_PACKAGE = "/opt/cryostat-tests"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Operand:
    """One image.

    Attributes:
        entrypoint: the program and its first arguments. The arguments of the container follow.
        programs: the programs that are built from Go modules.
        jars: JAR files of tests/operands/java and their paths in the image.
        runtime: whether it has a Java runtime.
        scripts: a folder beside this module. Its file `entrypoint` is the entry point.
        python: whether it has the programs of tests/operands.
        directories: further directories that its user can write to, and their modes.
    """

    entrypoint: tuple[str, ...]
    programs: tuple[str, ...] = ()
    jars: Mapping[str, str] = field(default_factory=dict)
    runtime: bool = False
    scripts: str | None = None
    python: bool = False
    directories: Mapping[str, int] = field(default_factory=dict)
    user: str = "1001:0"


# The keys are those of the operator's settings. Directories belong to group 0, which every user of an image is in.
OPERANDS: Mapping[str, Operand] = {
    "core": Operand((*_PYTHON, "tests.operands.application"), python=True),
    "grafana": Operand((*_PYTHON, "tests.operands.helpers", "grafana"), python=True),
    "datasource": Operand((*_PYTHON, "tests.operands.helpers", "datasource"), python=True),
    "reports": Operand((*_PYTHON, "tests.operands.helpers", "reports"), python=True),
    "database": Operand(
        (ENTRYPOINT,),
        scripts="database",
        directories={"/run/postgresql": 0o775, "/var/lib/pgsql": 0o775},
        user="26:0",
    ),
    "storage": Operand((ENTRYPOINT,), programs=("weed",), scripts="storage", directories={"/data": 0o775}),
    "agent-proxy": Operand(
        ("/usr/sbin/nginx",), directories={"/run": 0o775, "/var/lib/nginx": 0o775, "/var/log/nginx": 0o775}
    ),
    "oauth2-proxy": Operand(("/usr/local/bin/oauth2-proxy",), programs=("oauth2-proxy",), user="65532:65532"),
    "agent-init": Operand(("/bin/cp",), jars={"agent.jar": f"/cryostat/agent/{AGENT_JAR}"}),
}
# The image of a user's application.
SAMPLE_REFERENCE = "cryostat.test/java-application:1"
_SAMPLE = Operand(
    (f"{RUNTIME}/bin/java", "-jar", "/opt/sample.jar"), jars={"sample.jar": "/opt/sample.jar"}, runtime=True
)


def references() -> dict[str, str]:
    """The references of all images by their names."""
    return {name: IMAGES[name][1] for name in OPERANDS} | {"sample": SAMPLE_REFERENCE}


def python_sources() -> list[Path]:
    """The programs of tests/operands."""
    return sorted((TESTS / "operands").glob("*.py"))


def images(root: Layer, runtime: Layer, programs: Mapping[str, Path], scratch: Path) -> list[Image]:
    """All images, with their own layers in the folder `scratch`.

    Args:
        root: the layer that all images share.
        runtime: the layer with a Java runtime.
        programs: the built programs and JAR files that operands name.
        scratch: an existing folder.
    """
    found = []
    for name, operand in {**OPERANDS, "sample": _SAMPLE}.items():
        own = write_layer(files(operand, programs), operand.directories, scratch / f"{name}.tar")
        layers = (root, runtime, own) if operand.runtime else (root, own)
        environment = {"PATH": _PATH, "PYTHONPATH": _PACKAGE, "PYTHONUNBUFFERED": "1"}
        found.append(Image(references()[name], layers, operand.entrypoint, environment, operand.user))
    return found


def files(operand: Operand, programs: Mapping[str, Path]) -> dict[str, File]:
    """The files of an operand's own layer by their paths in the image."""
    found = {f"/usr/local/bin/{name}": File(programs[name].read_bytes(), 0o755) for name in operand.programs}
    found |= {path: File(programs[name].read_bytes()) for name, path in operand.jars.items()}
    if operand.scripts:
        found[ENTRYPOINT] = File((HERE / operand.scripts / "entrypoint").read_bytes(), 0o755)
    if operand.python:
        # An empty package file, because that of the tests imports modules that images do not have.
        found[f"{_PACKAGE}/tests/__init__.py"] = File(b"")
        for path in python_sources():
            found[f"{_PACKAGE}/tests/operands/{path.name}"] = File(path.read_bytes())
    return found
