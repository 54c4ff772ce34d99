"""The Debian root file system that all images share. debootstrap makes it once per list of packages.

Packages come from the mirrors of the machine's own apt configuration.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

from tests.cluster import binaries
from tests.cluster.binaries import BuildError
from tests.cluster.progress import Step
from tests.cluster.watched import run, scratch_directory
from tests.node.images.archive import Layer, existing_layer

PACKAGES = (
    "bash",
    "ca-certificates",
    "curl",
    "nginx-light",
    "openssl",
    "postgresql-15",
    "python3",
    "python3-venv",
)
# Not needed in containers, and large.
_REMOVED = (
    "usr/share/doc", "usr/share/i18n", "usr/share/locale", "usr/share/man", "var/cache/apt", "var/lib/apt/lists",
)  # fmt: skip
# The compiler of PostgreSQL for long queries, a third of all bytes. Without it, PostgreSQL interprets all queries.
_COMPILER = (
    "usr/lib/*/libLLVM*", "usr/lib/*/libz3.so*", "usr/lib/postgresql/*/lib/bitcode",
    "usr/lib/postgresql/*/lib/llvmjit*",
)  # fmt: skip
# Users of the operands' images in addition to Debian's. PostgreSQL needs a user name to start.
_USERS = ("postgres26:x:26:0::/var/lib/pgsql:/bin/bash", "default:x:1001:0::/opt:/bin/bash")
# Some packages need /proc. The kernel removes the mounts and processes of commands with their namespaces.
_NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
_INSIDE = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
_NO_SERVICES = "#!/bin/sh\nexit 101\n"
_VERSION = 1  # increase it when this module changes the result for the same packages


def root() -> Path:
    """The directory of the root file system. The first call creates it. Raises BuildError."""
    return _cached() / "root"


def layer() -> Layer:
    """The root file system as a layer. Raises BuildError."""
    directory = _cached()
    return Layer(directory / "layer.tar", (directory / "digest").read_text())


def cache_name(sources: list[str]) -> str:
    """The name of the cache of a root file system with packages of these apt sources."""
    recipe = json.dumps([_VERSION, sorted(PACKAGES), _REMOVED, _COMPILER, _USERS, sorted(sources)])
    return f"root-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def _cached() -> Path:
    sources = apt_sources()
    directory = binaries.cache_root() / cache_name(sources)
    if not directory.is_dir():
        with binaries.lock("root"):
            if not directory.is_dir():
                _make(sources, directory)
    return directory


def apt_sources() -> list[str]:
    """The machine's sources of Debian packages as lines of a sources.list. Raises BuildError."""
    columns = "$(SITE) $(RELEASE) $(COMPONENT) $(ORIGIN)"
    command = ["apt-get", "indextargets", "--format", columns, "Created-By: Packages"]
    try:
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise BuildError(f"the images need Debian's apt-get, which cannot be used here: {error}") from error
    found = {tuple(line.split()[:3]) for line in text.splitlines() if line.split()[3:] == ["Debian"]}
    if not found:
        raise BuildError("apt has no Debian sources: run `apt-get update` and try again")
    return sorted(f"deb {site} {release} {component}" for site, release, component in found)


def _make(sources: list[str], directory: Path) -> None:
    directory.parent.mkdir(parents=True, exist_ok=True)
    with scratch_directory(".root-", directory.parent) as scratch, Step("making a Debian root file system") as step:
        root = scratch / "root"
        step.detail = "debootstrap"
        _, mirror, suite, _ = min(sources, key=len).split()
        _run("debootstrap", "--variant=minbase", suite, str(root), mirror)
        step.detail = "packages"
        _install(sources, root)
        _finish(root)
        step.detail = "layer"
        # Numeric owners, because the image and this machine have different users.
        tar = ["tar", "--numeric-owner", "--one-file-system", "--sort=name", "-C", str(root), "-cf"]
        _run(*tar, str(scratch / "layer.tar"), ".")
        (scratch / "digest").write_text(existing_layer(scratch / "layer.tar").digest)
        scratch.chmod(0o755)
        scratch.rename(directory)  # the rename is atomic: an incomplete directory is not used


def _install(sources: list[str], root: Path) -> None:
    (root / "etc/apt/sources.list").write_text("\n".join(sources) + "\n")
    settings = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    proxies = [line for line in settings.splitlines() if line.startswith(("Acquire::http::", "Acquire::https::"))]
    (root / "etc/apt/apt.conf.d/90machine").write_text("\n".join(proxies) + "\n")
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text(_NO_SERVICES)
    policy.chmod(0o755)
    (root / "etc/postgresql-common").mkdir()
    (root / "etc/postgresql-common/createcluster.conf").write_text("create_main_cluster = false\n")
    inside = ["sh", "-c", _INSIDE, str(root), "apt-get", "-q", "-y"]
    _run(*inside, "update")
    _run(*inside, "install", "--no-install-recommends", *PACKAGES)


def _finish(root: Path) -> None:
    for name in _REMOVED:
        shutil.rmtree(root / name, ignore_errors=True)
        (root / name).mkdir(parents=True)
    for path in [found for pattern in _COMPILER for found in root.glob(pattern)]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    with (root / "etc/passwd").open("a") as users:
        users.write("".join(f"{user}\n" for user in _USERS))
    # The path of Python in Python's images.
    for name in ("python3", "python"):
        (root / "usr/local/bin" / name).symlink_to("/usr/bin/python3")
    for program in next((root / "usr/lib/postgresql").glob("*/bin")).iterdir():
        link = root / "usr/local/bin" / program.name
        if not link.exists():
            link.symlink_to(f"/{program.relative_to(root)}")


def _run(*command: str) -> None:
    environment = {
        **os.environ,
        "DEBIAN_FRONTEND": "noninteractive",
        "LC_ALL": "C",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    }
    try:
        done = run(["nice", *_NAMESPACES, *command], environment)
    except OSError as error:
        raise BuildError(f"{command[0]} cannot be run: {error}; .ci/programs installs it") from error
    if done.returncode:
        raise BuildError(f"`{' '.join(command[:4])} ...` failed:\n{done.stdout[-3000:]}")
