"""The content of the operator's image that buildah builds.

The tests have the requirements of a node. Those of tests/node run the image in pods; here, chroot replaces an engine.
"""

from __future__ import annotations

import json
import random
import stat
import subprocess
from pathlib import Path

import pytest

from tests.image import dockerfile
from tests.image.dockerfile import ROOT
from tests.node import requirements
from tests.node.images import base_root
from tests.node.operator_image import operator_archive

HERE = Path(__file__).parent
_, _, PLACE = dockerfile.build()
FINAL = dockerfile.stages()[-1]

pytestmark = [
    pytest.mark.skipif(bool(requirements.missing()), reason=requirements.missing()),
    pytest.mark.timeout(900),  # includes the build of the image
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The content of the image without that of its base."""
    made = tmp_path_factory.mktemp("image")
    made.chmod(0o755)
    path = operator_archive()
    member = PLACE.removeprefix("/")
    [manifest] = json.loads(
        subprocess.run(["tar", "xOf", path, "manifest.json"], capture_output=True, check=True).stdout
    )
    for layer in manifest["Layers"][1:]:
        unpack = ["bash", "-euo", "pipefail", "-c", 'tar xOf "$0" "$1" | tar xp -C "$2"', path, layer, made]
        subprocess.run([str(each) for each in unpack], check=True)
    return made / member


def entered(tree: Path, secrets: Path, *command: str) -> list[str | Path]:
    """A command line that runs a command in the image as a random user."""
    uid = str(random.Random().randrange(1_000_000_000, 2_000_000_000))
    root = secrets.parent / f"root-{uid}"
    root.mkdir()
    return [HERE / "enter", root, base_root(), PLACE, tree, secrets, uid, *command]


def environment() -> dict[str, str]:
    """The variables of the image, and the home directory of a user without an entry in /etc/passwd."""
    return {**dockerfile.environment(FINAL), "HOME": "/"}


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    found = tmp_path / "secrets"
    found.mkdir()
    tmp_path.chmod(0o755)
    return found


def test_the_sandbox_has_a_random_user_without_write_permission(tree: Path, secrets: Path) -> None:
    """The next test needs this."""
    script = (
        "import os\n"
        "assert os.getuid() >= 10**9 and os.getgid() == 0 and os.getgroups() == [], (os.getuid(), os.getgroups())\n"
        "for where in ('/', '/tmp', '/etc', '/usr', '/opt/cryostat-operator', '/root', os.environ['HOME']):\n"
        "    try:\n"
        "        open(os.path.join(where, 'x'), 'w')\n"
        "    except OSError:\n"
        "        continue\n"
        "    raise SystemExit(f'{where} is writable')\n"
        "print('sealed')\n"
    )
    command = entered(tree, secrets, f"{PLACE}/bin/python", "-c", script)
    result = subprocess.run([str(each) for each in command], env=environment(), capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("sealed\n", "")


def test_no_file_is_writable_or_readable_by_its_owner_only(tree: Path) -> None:
    for path in tree.rglob("*"):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            continue
        assert not mode & 0o022, path
        assert mode & 0o044 == 0o044, path
        assert not mode & (stat.S_ISUID | stat.S_ISGID), path


def test_the_image_contains_the_locked_packages_and_no_installer(tree: Path, secrets: Path) -> None:
    code = "import importlib.metadata as m; print(*sorted({d.name.lower() for d in m.distributions()}))"
    command = entered(tree, secrets, f"{PLACE}/bin/python", "-c", code)
    result = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    held = {name.replace("_", "-") for name in result.stdout.split()}
    lock = (ROOT / "requirements.lock").read_text().splitlines()
    locked = {line.split("==")[0] for line in lock if "==" in line and "sys_platform == 'win32'" not in line}
    assert held == locked | {"cryostat-operator"}
    assert not held & {"pip", "setuptools", "wheel"}


def test_the_bill_of_materials_names_all_packages(tree: Path) -> None:
    bill = json.loads((tree / "sbom.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "cryostat-operator"
    listed = {each["name"].lower().replace("_", "-"): each for each in bill["components"]}
    lock = (ROOT / "requirements.lock").read_text().splitlines()
    locked = dict(line.split(" ")[0].split("==") for line in lock if "==" in line and "win32" not in line)
    assert {name: listed[name]["version"] for name in locked} == locked
    assert all(each.get("licenses") for each in listed.values()), "a license is unknown"
