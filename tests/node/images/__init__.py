"""Images for a node: the operands' images, and the root file system of the operator's image."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.cluster import binaries
from tests.cluster.progress import Step
from tests.node.images import archive, java, operands, root_file_system

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
    with tempfile.TemporaryDirectory(prefix="cryostat-images-") as scratch:
        runtime = archive.write_layer(java.runtime(), {}, Path(scratch) / "runtime.tar")
        images = operands.images(root, runtime, programs, Path(scratch))
        directory = binaries.cache_root() / "images"
        path = directory / f"{_PREFIX}{archive.digest(images)[:12]}.tar"
        if not path.is_file():
            with binaries.lock("images"), Step("writing the images of the operands"):
                directory.mkdir(parents=True, exist_ok=True)
                for former in directory.glob(f"{_PREFIX}*"):
                    former.unlink()
                part = path.with_suffix(".part")
                archive.write_archive(images, part)
                part.rename(path)
    return {image.reference: path for image in images}
