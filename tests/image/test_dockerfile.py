"""The Dockerfile: base image, user, and locked content only."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from pathlib import Path

from cryostat_operator import __version__
from cryostat_operator.packaging import operator_deployment
from tests.image import dockerfile
from tests.image.dockerfile import ROOT
from tests.node import requirements

*_, FINAL = dockerfile.stages()


def test_hadolint_finds_nothing() -> None:
    program = Path(sys.executable).parent / "hadolint"
    result = subprocess.run([program, ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "")


def test_the_base_is_pinned_and_the_same_in_all_stages() -> None:
    [base] = re.findall(r"^ARG BASE=(\S+)$", (ROOT / "Dockerfile").read_text(), re.M)
    assert re.fullmatch(r"[\w./-]+/python:3\.\d+\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?", base)
    used = {dockerfile.values(stage, "FROM")[0].split()[0] for stage in dockerfile.stages()}
    assert used == {"${BASE}", "dependencies", "scratch"}  # `dependencies` is the name of a stage


def test_the_image_runs_as_a_numeric_user_without_privileges() -> None:
    [user] = dockerfile.values(FINAL, "USER")
    number, group = map(int, user.split(":"))
    assert number > 0
    assert group == 0, "random users of OpenShift are in group 0"


def test_the_entry_point_is_that_of_the_deployment() -> None:
    [container] = operator_deployment.deployment()["spec"]["template"]["spec"]["containers"]
    assert dockerfile.command(FINAL, "ENTRYPOINT") + dockerfile.command(FINAL, "CMD") == container["command"]
    _, _, tree = dockerfile.build()
    assert dockerfile.environment(FINAL)["PATH"].startswith(f"{tree}/bin:")
    exposed = {int(port) for rest in dockerfile.values(FINAL, "EXPOSE") for port in rest.split()}
    assert exposed == {port["containerPort"] for port in container["ports"]}


def test_labels_and_license() -> None:
    labels = " ".join(dockerfile.values(FINAL, "LABEL"))
    assert 'org.opencontainers.image.licenses="Apache-2.0"' in labels
    assert "LICENSE /licenses/LICENSE" in dockerfile.values(FINAL, "COPY")


def test_the_image_has_the_entry_point_of_must_gather(tmp_path: Path) -> None:
    assert "image/gather /usr/bin/gather" in dockerfile.values(FINAL, "COPY")
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "KUBECONFIG": str(tmp_path / "absent")}
    result = subprocess.run([ROOT / "image/gather", tmp_path], env=environment, capture_output=True, text=True)
    cause = f"no cluster: not in a pod, and the kubeconfig {tmp_path / 'absent'} does not exist"
    assert (result.returncode, cause in result.stderr) == (2, True), result.stderr


def test_make_image_passes_the_version_of_the_package() -> None:
    command = subprocess.run(
        ["make", "--dry-run", "image"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert f"--build-arg VERSION={__version__} " in command
    assert "VERSION=unknown" in dockerfile.values(FINAL, "ARG")


def test_the_final_stage_only_copies_the_tree() -> None:
    """Therefore only the content differs between architectures, and the image has no build tools."""
    assert dockerfile.values(FINAL, "RUN") == []
    _, _, tree = dockerfile.build()
    assert dockerfile.values(FINAL, "COPY") == [
        "LICENSE /licenses/LICENSE",
        "image/gather /usr/bin/gather",
        f"--from=build {tree} {tree}",
    ]


def test_the_context_contains_only_what_the_build_reads() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {line[1:] for line in rules if line.startswith("!")}
    assert let_in == {"LICENSE", "README.md", "pyproject.toml", "requirements.lock", "image", "operator"}
    assert all((ROOT / each).exists() for each in let_in)


def test_every_dependency_has_wheels_for_both_architectures(tmp_path: Path) -> None:
    """The build compiles nothing and requires hashes. This `pip` command fails where the build would fail.

    Wheels of this machine's architecture are not downloaded if the image is built here: the build installs them.
    """
    interpreter = re.search(r"python:(3\.\d+)\.", (ROOT / "Dockerfile").read_text())
    assert interpreter
    lock = (ROOT / "requirements.lock").read_text().splitlines()
    locked = {line.split("==")[0] for line in lock if "==" in line and "sys_platform == 'win32'" not in line}
    is_installed = not requirements.missing()
    machines = {"x86_64", "aarch64"} - ({platform.machine()} if is_installed else set())
    assert machines
    for machine in machines:
        platforms = [f"--platform={each}_{machine}" for each in ("manylinux_2_28", "manylinux2014", "manylinux_2_17")]
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
                *("--require-hashes", "--only-binary=:all:", f"--python-version={interpreter[1]}", *platforms),
                *("--dest", tmp_path / machine, "--requirement", ROOT / "requirements.lock"),
            ],
            check=True,
        )
        assert {_project(each) for each in (tmp_path / machine).iterdir()} == locked


def _project(wheel: Path) -> str:
    return wheel.name.split("-", 1)[0].replace("_", "-").lower()
