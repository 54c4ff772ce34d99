"""The operator's image as in a release: buildah builds it from the Dockerfile, on a base image of the tests.

No image is pulled: the base is the Debian root file system of tests/node/images.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import cryostat_operator
from tests.cluster import binaries
from tests.cluster.binaries import BuildError
from tests.cluster.operator_process import ROOT
from tests.cluster.progress import Step
from tests.cluster.watched import run, scratch_directory
from tests.node.images import root_file_system
from tests.node.images.archive import Image, Layer, write_archive
from tests.node.requirements import environment

REFERENCE = f"quay.io/cryostat/cryostat-operator:{cryostat_operator.__version__}"
_LOCKED = ("Dockerfile", "requirements.lock", "image")  # the files that the dependencies are built from
_CONTEXT = ("Dockerfile", "LICENSE", "README.md", "pyproject.toml", "requirements.lock", "image", "operator")
# pip in the build uses the machine's index and the certificates that the machine trusts.
_MOUNTED = ("/etc/pip.conf", "/etc/ssl/certs")
# buildah's storage keeps the base image and the dependencies for the next build.
_BUILD = r"""
set -eu
scratch=$1 base=$2 dependencies=$3 reference=$4 version=$5 source=$6 output=$7 storage=$8
shift 8
storage="--root $storage --runroot $scratch/run --storage-driver overlay"
has() { buildah $storage inspect --type image "$1" >/dev/null 2>&1; }
build() {
  buildah $storage bud --format docker --isolation chroot --network host --pull-never --build-arg "BASE=$base" "$@"
}
if ! has "$dependencies"; then
  has "$base" || buildah $storage pull --quiet "docker-archive:$scratch/base.tar"
  build "$@" --target dependencies --tag "$dependencies" "$source"
fi
build "$@" --build-arg "VERSION=$version" --file "$scratch/Dockerfile" --tag "$reference" "$source"
buildah $storage push --quiet "$reference" "docker-archive:$output:$reference"
buildah $storage rmi --prune >/dev/null
"""
_DEPENDENCIES = re.compile(r"^FROM \$\{BASE\} AS dependencies\n.*?^(?=FROM )", re.M | re.S)  # a stage of the Dockerfile
# Separate namespaces, so that the kernel removes all mounts and processes of the build at its end.
_NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


def operator_archive() -> Path:
    """The image as a docker-archive in the cache. It is built if a source has changed. Raises BuildError."""
    layer = root_file_system.layer()
    directory = binaries.cache_root() / "images"
    path = directory / f"operator-{_digest(layer.digest)}.tar"
    if not path.is_file():
        with binaries.lock("operator-image"):
            if not path.is_file():
                directory.mkdir(parents=True, exist_ok=True)
                binaries.remove_unused(directory.glob("operator-*.tar"), binaries.KEPT - 1)
                with scratch_directory(".build-", directory) as scratch:
                    _build(scratch, path, layer)
    return binaries.mark_used(path)


def _digest(base: str, names: Iterable[str] = _CONTEXT) -> str:
    """A hash of the base image, these sources and the build commands."""
    content = hashlib.sha256(base.encode() + _BUILD.encode())
    for name in names:
        top = ROOT / name
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and not path.parent.name.endswith(".egg-info"):
                content.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return content.hexdigest()[:12]


def _build(scratch: Path, path: Path, layer: Layer) -> None:
    """Build the image. If it fails, build again with an empty storage: a killed build may have damaged it."""
    part = scratch / "image.tar"
    storage = binaries.cache_root() / "operator-image"
    base = f"localhost/python:{layer.digest[:12]}"
    dependencies = f"localhost/dependencies:{_digest(base, _LOCKED)}"
    write_archive([Image(base, (layer,), (), user="0:0")], scratch / "base.tar")
    text, count = _DEPENDENCIES.subn(f"FROM {dependencies} AS dependencies\n\n", (ROOT / "Dockerfile").read_text())
    assert count == 1, "the Dockerfile has no stage with the dependencies"
    (scratch / "Dockerfile").write_text(text)
    mounts = [f"--volume={name}:{name}:ro" for name in _MOUNTED if Path(name).exists()]
    names = [base, dependencies, REFERENCE, cryostat_operator.__version__]
    places = [str(ROOT), str(part), str(storage)]
    command = ["nice", *_NAMESPACES, "sh", "-c", _BUILD, "build", str(scratch), *names, *places, *mounts]
    with Step("building the operator's image from the Dockerfile"):
        done = run(command, environment())
        if done.returncode and storage.is_dir():
            shutil.rmtree(storage)
            part.unlink(missing_ok=True)
            done = run(command, environment())
    if done.returncode:
        raise BuildError(f"the operator's image could not be built:\n{done.stdout[-3000:]}")
    part.rename(path)
