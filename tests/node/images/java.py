"""A Java runtime for images, and the Java programs of tests/operands/java as JAR files. Both are cached.

The runtime is a part of the machine's JDK (from Debian, as the images), so that it takes 50 MB instead of 200 MB.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.cluster import binaries
from tests.cluster.binaries import BuildError
from tests.cluster.progress import Step
from tests.node.images.archive import File

SOURCES = Path(__file__).parents[2] / "operands/java"
RUNTIME = "/usr/lib/jvm/runtime"  # the path in images
_MODULES = (
    "java.base", "java.instrument", "java.logging", "java.management", "java.net.http", "jdk.crypto.ec",
    "jdk.httpserver",
)  # fmt: skip
_MANIFESTS = {"agent": "Premain-Class: agent.Agent", "sample": "Main-Class: sample.Application"}


def programs() -> dict[str, Path]:
    """The JAR files, each with the name of its folder in tests/operands/java. Raises BuildError."""
    content = [path.read_bytes() for path in sorted(SOURCES.rglob("*.java"))]
    directory = _cached("java-programs", [*content, repr(_MANIFESTS).encode()], _compile)
    return {f"{name}.jar": directory / f"{name}.jar" for name in _MANIFESTS}


def runtime() -> Path:
    """The directory of a Java runtime. Raises BuildError."""
    version = _run("java", "-version")
    return _cached("java-runtime", [version.encode(), repr(_MODULES).encode()], _link) / "runtime"


def runtime_files() -> dict[str, File]:
    """The files of a Java runtime by their paths in images. Raises BuildError."""
    directory = runtime()
    return {
        f"{RUNTIME}/{path.relative_to(directory)}": File(path.read_bytes(), path.stat().st_mode & 0o777)
        for path in sorted(directory.rglob("*"))
        if path.is_file() and "legal" not in path.parts
    }


def _compile(directory: Path) -> None:
    for name, manifest in _MANIFESTS.items():
        classes = directory / name
        text = directory / f"{name}.manifest"
        text.write_text(f"{manifest}\n")
        _run("javac", "-Xlint:all", "-Werror", "--release", "17", "-d", classes, *(SOURCES / name).glob("*.java"))
        _run("jar", "--create", f"--file={directory / name}.jar", f"--manifest={text}", "-C", classes, ".")


def _link(directory: Path) -> None:
    options = ("--strip-debug", "--no-man-pages", "--no-header-files")
    with Step("making a Java runtime"):
        _run("jlink", "--add-modules", ",".join(_MODULES), *options, "--output", directory / "runtime")


def _cached(name: str, content: list[bytes], make: Callable[[Path], None]) -> Path:
    """A cached directory for this content. The first call fills it with `make`, and removes old versions."""
    digest = hashlib.sha256(b"\0".join(content)).hexdigest()[:12]
    directory = binaries.cache_root() / f"{name}-{digest}"
    if directory.is_dir():
        return binaries.mark_used(directory)
    with binaries.lock(name):
        if not directory.is_dir():
            directory.parent.mkdir(parents=True, exist_ok=True)
            binaries.remove_unused(directory.parent.glob(f"{name}-*"), binaries.KEPT - 1)
            with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=directory.parent) as scratch:
                make(Path(scratch))
                shutil.copytree(scratch, directory.with_suffix(".part"), dirs_exist_ok=True)
            directory.with_suffix(".part").rename(directory)
    return directory


def _run(*command: str | Path) -> str:
    try:
        done = subprocess.run(
            ["nice", *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    except OSError as error:
        raise BuildError(f"{command[0]} cannot be run: {error}; .ci/programs installs it") from error
    if done.returncode:
        raise BuildError(f"`{command[0]}` failed ({done.returncode}); .ci/programs installs it:\n{done.stdout[-3000:]}")
    return done.stdout
