"""Images for a node: the operands' images, and the root file system of the operator's image."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from tests.cluster import binaries
from tests.cluster.progress import Step
from tests.cluster.watched import scratch_directory
from tests.node.images import archive, java, operands, root_file_system
from tests.node.images.archive import Layer

_PREFIX = "operands-"
PROGRAMS = tuple(sorted({program for operand in operands.OPERANDS.values() for program in operand.programs}))


def base_root() -> Path:
    """The root file system, with Python at /usr/local/bin/python3 as in Python's images. Raises BuildError."""
    return root_file_system.root()


def operand_archives() -> dict[str, Path]:
    """The docker-archive of each image reference. Raises BuildError.

    All images are in one archive, because they share a large layer: load each path once.
    """
    programs = {**binaries.programs(*PROGRAMS), **java.programs()}
    root = root_file_system.layer()
    directory = binaries.cache_root() / "images"
    path = directory / f"{_PREFIX}{cache_digest(root, programs, java.runtime())}.tar"
    if not path.is_file():
        with binaries.lock("images"):
            if not path.is_file():
                directory.mkdir(parents=True, exist_ok=True)
                binaries.remove_unused(directory.glob(f"{_PREFIX}*.tar"), binaries.KEPT - 1)
                with Step("writing the images of the operands"):
                    _write(path, root, programs)
    return dict.fromkeys(operands.references().values(), binaries.mark_used(path))


def cache_digest(root: Layer, programs: Mapping[str, Path], runtime: Path) -> str:
    """A hash of everything that the images are made from. Reading the large files would take seconds in each process.

    The path of a program in the cache contains a hash of what it was built from.
    """
    names = [root.digest, str(runtime), *map(str, programs.values()), operands.references(), repr(operands.OPERANDS)]
    content = hashlib.sha256(json.dumps(names).encode())
    for source in (*sorted(operands.HERE.rglob("*")), *operands.python_sources()):
        if source.is_file() and source.parent.name != "__pycache__":
            content.update(source.read_bytes())
    return content.hexdigest()[:12]


def _write(path: Path, root: Layer, programs: Mapping[str, Path]) -> None:
    part = path.with_suffix(".part")
    with scratch_directory("cryostat-images-") as scratch:
        runtime = archive.write_layer(java.runtime_files(), {}, scratch / "runtime.tar")
        archive.write_archive(operands.images(root, runtime, programs, scratch), part)
    part.rename(path)
