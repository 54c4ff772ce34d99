"""The content of the image that buildah builds, run as on OpenShift, until a Cryostat is Ready.

The tests have the requirements of a node (tests/node). chroot replaces a container engine.
"""

from __future__ import annotations

import json
import random
import stat
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from cryostat_operator.api import constants
from cryostat_operator.packaging import operator_deployment
from tests.cluster.api import condition, eventually
from tests.cluster.controlplane import ControlPlane, Options
from tests.cluster.operator_process import NAMESPACE, SERVICE_ACCOUNT
from tests.cluster.processes import Child, free_ports
from tests.cluster.services import Services
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


def test_a_cryostat_becomes_ready_with_it(tree: Path, secrets: Path) -> None:
    with ExitStack() as stack:
        services = stack.enter_context(Services())
        plane = stack.enter_context(ControlPlane(Options(apiserver_args=services.apiserver_args)))
        plane.kubectl("apply", "-k", ROOT / "manifests")
        pod, webhooks = _start(plane, tree, secrets)
        stack.callback(pod.kill)
        service = plane.api.get("v1", "Service", "cryostat-operator-webhook-service", NAMESPACE)
        services.lead(f"{service['spec']['clusterIP']}:443", webhooks)
        pod.wait_until(lambda: "Watching the cluster" in pod.log.read_text(), 60)

        probe = {
            "apiVersion": constants.API_VERSION,
            "kind": constants.KIND,
            "metadata": {"name": "x", "namespace": "default"},
        }
        eventually(lambda: plane.api.create(probe, dryRun="All")["spec"]["targetNamespaces"], 60, "webhooks answer")
        [sample] = yaml.safe_load_all((ROOT / "manifests/samples/cryostat-sample.yaml").read_text())
        sample["metadata"]["namespace"] = "default"
        # On a busy machine the API server may continue without the late response, so the request is repeated.
        eventually(lambda: plane.api.create(sample), 60, "the sample is accepted")

        def ready() -> bool:
            pod.check()
            found = plane.api.get(constants.API_VERSION, constants.KIND, "cryostat-sample", "default")
            assert condition(found, "Ready").get("status") == "True", condition(found, "Ready")
            return True

        eventually(ready, 90, "the sample is Ready")
        assert pod.stop(20) == 0, pod.tail()


def _start(plane: ControlPlane, tree: Path, secrets: Path) -> tuple[Child, int]:
    """Start the container of the Deployment, with the files and variables that a pod of a ServiceAccount gets."""
    (secrets / "token").write_text(plane.api.token_for(SERVICE_ACCOUNT, NAMESPACE))
    (secrets / "namespace").write_text(NAMESPACE)
    assert plane.api.ca_file
    (secrets / "ca.crt").write_text(plane.api.ca_file.read_text())
    [container] = operator_deployment.deployment()["spec"]["template"]["spec"]["containers"]
    host, port = plane.server.removeprefix("https://").split(":")
    env = environment() | {each["name"]: each["value"] for each in container["env"] if "value" in each}
    env |= {"OPERATOR_NAMESPACE": NAMESPACE, "KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
    health, webhooks = free_ports(2)
    arguments = [*container["command"], "--host=127.0.0.1", f"--port={health}", f"--webhook-port={webhooks}"]
    command = entered(tree, secrets, "env", *arguments)
    return Child("the operator", command, secrets.parent / "operator.log", env), webhooks
