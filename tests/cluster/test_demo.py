"""`make run`: both platforms, a given cluster, Ctrl-C, and an instance that is Ready late."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.cluster.demo import INSTANCE_NAMESPACE, Cluster, Show, follow
from tests.cluster.instance_tree import Instance
from tests.cluster.operator_process import ROOT, remove_cryostats
from tests.unit.inspect.instance import condition, cryostat

DEMO = (sys.executable, "-m", "tests.cluster.demo")


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [*DEMO, "--once", *arguments]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, timeout=240)


def check_sample(shown: str, address: str) -> None:
    """Check that the output shows the sample with this address as Ready."""
    assert f"Application: {address}" in shown
    assert "condition Ready: ✓ True" in shown
    for kind in ("Deployment", "Service", "PersistentVolumeClaim", "Secret", "ConfigMap", "RoleBinding"):
        assert f"✓ {kind} " in shown


def test_the_sample_becomes_ready_on_openshift() -> None:
    shown = run("--platform", "openshift")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    check_sample(shown.stdout, "https://cryostat.example.com")


@pytest.fixture
def own_cluster(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    control_plane.recycle_volumes()
    yield control_plane
    remove_cryostats(control_plane.api, 0)
    control_plane.kubectl("delete", "namespace", INSTANCE_NAMESPACE, "--ignore-not-found")


def test_causes_are_shown_for_an_instance_that_is_not_ready_in_time(own_cluster: ControlPlane) -> None:
    shown = run("--timeout", "0", KUBECONFIG=str(own_cluster.kubeconfig))
    assert shown.returncode == 1
    assert "The instance is not Ready after 0 s." in shown.stdout
    assert "Traceback" not in shown.stdout + shown.stderr


class Late(Show):
    """An instance that is not Ready, seen twice."""

    def observations(self) -> Iterator[tuple[float, Instance]]:
        yield from [(1.5, Instance(cryostat(condition("Ready", "False", "Paused"))))] * 2


def test_the_command_that_names_the_cause_is_shown_once_for_an_instance_that_is_late(
    capsys: pytest.CaptureFixture[str],
) -> None:
    no_api: Any = None
    follow(Late(Cluster(no_api, Path("kubectl"), Path("/k")), None, "late"), timeout=1.0, once=False)
    command = f"KUBECONFIG=/k {Path(sys.executable).with_name('kubectl-cryostat')} status late -n {INSTANCE_NAMESPACE}"
    hint = f"Not Ready after 1 s; still watching. In another terminal, this shows the cause:\n  {command}\n"
    assert capsys.readouterr().out.count(hint) == 1


# A script starts background programs with SIGINT ignored.
IGNORE_SIGINT = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")


def test_the_cluster_of_kubeconfig_is_used_until_sigterm(own_cluster: ControlPlane) -> None:
    """The last test of this file sends SIGINT where it is ignored at the start."""
    shown = stopped((), signal.SIGTERM, KUBECONFIG=str(own_cluster.kubeconfig))
    assert "no control plane is started" in shown
    assert own_cluster.api.list("operator.cryostat.io/v1beta2", "Cryostat", INSTANCE_NAMESPACE)
    [program] = re.findall(rf"^  (\S+) status cryostat-sample -n {INSTANCE_NAMESPACE}$", shown, re.MULTILINE)
    assert os.access(program, os.X_OK)
    log = next(line.split()[-1] for line in shown.splitlines() if "tail -f" in line)
    assert not Path(log).parent.exists()


def test_a_kubeconfig_that_cannot_be_used_is_reported_in_one_line(tmp_path: Path) -> None:
    """tests/unit/inspect has the other causes."""
    file = tmp_path / "config"
    done = run(KUBECONFIG=str(file))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert f"kubeconfig {file} does not exist" in done.stderr


def test_a_given_cluster_has_its_own_platform(installed_plane: ControlPlane) -> None:
    refused = run("--platform", "openshift", KUBECONFIG=str(installed_plane.kubeconfig))
    assert (refused.returncode, "no OpenShift" in refused.stdout) == (1, True)


def test_the_sample_becomes_ready_and_ctrl_c_ends_the_control_plane() -> None:
    shown = stopped(IGNORE_SIGINT, signal.SIGINT)
    check_sample(shown, "no address")
    kubeconfig = re.findall(r"--kubeconfig (\S+)", shown)[0]
    assert not Path(kubeconfig).parent.exists()
    assert f"  KUBECONFIG={kubeconfig} " in shown  # of the command `status`


def stopped(prefix: tuple[str, ...], number: signal.Signals, **env: str) -> str:
    """Send a signal to `make run` when the instance is Ready; returns its output."""
    with subprocess.Popen(
        [*prefix, *DEMO],
        cwd=ROOT, env={**os.environ, **env}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        assert process.stdout
        seen = []
        for line in process.stdout:
            seen.append(line)
            if "Press Ctrl-C" in line:
                process.send_signal(number)
        code = process.wait(120)
    shown = "".join(seen)
    assert code == 0, shown
    assert "Stopped." in shown
    assert "Traceback" not in shown
    return shown
