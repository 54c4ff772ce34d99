"""The operator's image as a release has it: built from the Dockerfile by buildah, on a base image of the tests.

No image is pulled: the base is the Debian root file system of tests/node/images.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from pathlib import Path

import cryostat_operator
from tests.cluster import binaries
from tests.cluster.binaries import BuildError
from tests.cluster.operator_process import ROOT
from tests.cluster.progress import Step
from tests.node.images import root_file_system
from tests.node.images.archive import Image, write_archive
from tests.node.requirements import environment

REFERENCE = f"quay.io/cryostat/cryostat-operator:{cryostat_operator.__version__}"
_BASE = "localhost/python:base"
_CONTEXT = ("Dockerfile", "LICENSE", "README.md", "pyproject.toml", "requirements.lock", "image", "operator")
# pip in the build uses the machine's index and the certificates that the machine trusts.
_MOUNTED = ("/etc/pip.conf", "/etc/ssl/certs")
_BUILD = r"""
set -eu
scratch=$1 base=$2 reference=$3 version=$4 source=$5 output=$6
shift 6
storage="--root $scratch/storage --runroot $scratch/run --storage-driver overlay"
buildah $storage pull --quiet "docker-archive:$scratch/base.tar"
buildah $storage bud --format docker --isolation chroot --network host --pull-never "$@" \
  --build-arg "BASE=$base" --build-arg "VERSION=$version" --tag "$reference" "$source"
buildah $storage push --quiet "$reference" "docker-archive:$output:$reference"
"""
# Namespaces of its own, so that no mount and no process is left after the build.
_NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


def operator_archive() -> Path:
    """The image as a docker-archive in the cache; built when a source of it has changed. Raises BuildError."""
    layer = root_file_system.layer()
    directory = binaries.cache_root() / "images"
    path = directory / f"operator-{_digest(layer.digest)}.tar"
    if not path.is_file():
        with binaries.lock("operator-image"):
            if not path.is_file():
                directory.mkdir(parents=True, exist_ok=True)
                for former in directory.glob("operator-*"):
                    former.unlink()
                with tempfile.TemporaryDirectory(prefix=".build-", dir=directory) as scratch:
                    write_archive([Image(_BASE, (layer,), (), user="0:0")], Path(scratch) / "base.tar")
                    _build(Path(scratch), path)
    return path


def _digest(base: str) -> str:
    content = hashlib.sha256(base.encode() + _BUILD.encode())
    for name in _CONTEXT:
        top = ROOT / name
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and not path.parent.name.endswith(".egg-info"):
                content.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return content.hexdigest()[:12]


def _build(scratch: Path, path: Path) -> None:
    part = scratch / "image.tar"
    mounts = [f"--volume={name}:{name}:ro" for name in _MOUNTED if Path(name).exists()]
    values = [str(scratch), _BASE, REFERENCE, cryostat_operator.__version__, str(ROOT), str(part)]
    with Step("building the operator's image from the Dockerfile"):
        done = subprocess.run(
            ["nice", *_NAMESPACES, "sh", "-c", _BUILD, "build", *values, *mounts],
            env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
    if done.returncode:
        raise BuildError(f"the operator's image could not be built:\n{done.stdout[-3000:]}")
    part.rename(path)
