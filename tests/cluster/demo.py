"""`make run`: creates a Cryostat resource and shows how the operator makes a running instance of it.

Boots the embedded control plane (or uses the cluster of KUBECONFIG), installs the operator and starts it as the shipped
ServiceAccount, applies a sample, and shows the instance until Ctrl-C.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import click
import urllib3
import yaml
from rich.console import Console
from rich.live import Live

from cryostat_operator.inspect import commands
from cryostat_operator.kube.client import Client
from tests.cluster import binaries, openshift
from tests.cluster.api import Api, ApiError, Object
from tests.cluster.controlplane import ControlPlane
from tests.cluster.full_disk import described
from tests.cluster.instance_tree import GOOD, Instance, observe, render
from tests.cluster.kubectl import KubectlError, api_of_kubeconfig, run_kubectl
from tests.cluster.operator_process import DEPLOYMENT, NAMESPACE, ROOT, OperatorProcess, install_with_kubectl
from tests.cluster.processes import ProcessDiedError, watchdog
from tests.cluster.progress import Step
from tests.cluster.router import Router

SAMPLES = {
    "kubernetes": ROOT / "manifests/samples/cryostat-sample.yaml",
    "openshift": ROOT / "manifests/samples/openshift-external-host.yaml",
}
INSTANCE_NAMESPACE = "cryostat-demo"
REFRESH = 1.0  # seconds between two observations of the cluster; each takes 20 requests

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)


@dataclass(frozen=True)
class Cluster:
    """The cluster to show the operator on; `kubeconfig` is None when it is the caller's own."""

    api: Api
    kubectl_program: Path
    kubeconfig: Path | None

    def kubectl(self, *arguments: str | Path, input: str | None = None) -> str:
        return run_kubectl(self.kubectl_program, self.kubeconfig, *arguments, input=input)

    @property
    def command(self) -> str:
        """The kubectl command for this cluster, as a user types it."""
        program = "kubectl" if shutil.which("kubectl") else str(self.kubectl_program)
        return f"{program} --kubeconfig {self.kubeconfig}" if self.kubeconfig else program


class DemoError(Exception):
    """Ends the demonstration with one message instead of a stack trace."""


@click.command(help=__doc__)
@click.option("--platform", type=click.Choice(sorted(SAMPLES)), default="kubernetes", show_default=True)
@click.option("--timeout", default=180.0, show_default=True, help="Seconds until the instance must be Ready.")
@click.option(
    "--once", is_flag=True, help="End when the instance is Ready, with code 0, or at the timeout with code 1."
)
def main(platform: str, timeout: float, once: bool) -> None:
    run(lambda stack: _demonstrate(stack, platform, timeout, once), once)


def run(body: Callable[[ExitStack], None], once: bool) -> None:
    """Run `body` until it returns or a signal arrives, then close its stack and end the process.

    Raises:
        SystemExit: with code 0 after a signal, 130 if `once`, and 1 after an error, whose message is printed.
    """
    # SIGINT may be ignored at the start, as in the background of a script. In this case Python installs no handler.
    for number in _STOP_SIGNALS:
        signal.signal(number, _stop)
    try:
        with ExitStack() as stack:
            try:
                body(stack)
            finally:
                for number in _STOP_SIGNALS:
                    signal.signal(number, signal.SIG_IGN)  # do not interrupt the cleanup, which is short
    except KeyboardInterrupt:
        console.print("\nStopped.")
        sys.exit(130 if once else 0)
    except (DemoError, binaries.BuildError, ProcessDiedError, KubectlError, ApiError, OSError) as error:
        message = described(error, binaries.cache_root())
        console.print(f"\n{message}", style="red", markup=False, soft_wrap=True)
        sys.exit(1)


def _stop(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _demonstrate(stack: ExitStack, platform: str, timeout: float, once: bool) -> None:
    cluster = stack.enter_context(_cluster(platform))
    with Step("installing the operator (crds/ and manifests/)"):
        install_with_kubectl(cluster.api, cluster.kubectl)
    operator = stack.enter_context(_operator(cluster))
    name = _apply_sample(cluster, platform)
    follow(Show(cluster, operator, name), timeout, once)


# --- the cluster ---


@contextmanager
def _cluster(platform: str) -> Iterator[Cluster]:
    if own := os.environ.get("KUBECONFIG"):
        console.print(f"Using the cluster of KUBECONFIG={own}; no control plane is started.", soft_wrap=True)
        _require_answer()
        api = api_of_kubeconfig()
        if platform == "openshift":
            _require_routes(api)
        yield Cluster(api, binaries.programs("kubectl")["kubectl"], None)
        return
    plane = ControlPlane()
    binaries.programs(*plane.options.programs)  # print the progress of a build before that of the boot
    with Step("booting etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kwok"):
        plane.start()
    try:
        with ExitStack() as simulated:
            if platform == "openshift":
                with Step("installing the OpenShift APIs and a router"):
                    openshift.install(plane.api)
                simulated.enter_context(Router(plane.api))
            yield Cluster(plane.api, plane.programs["kubectl"], plane.kubeconfig)
    finally:
        plane.stop()


def _require_answer() -> None:
    """End the process with one sentence if the kubeconfig cannot be used, or the API server does not answer."""

    async def ask(client: Client, _: str) -> None:
        await client.request("GET", "/version")

    commands.run_with_client(None, ask)


def _require_routes(api: Api) -> None:
    try:
        api.path("route.openshift.io/v1", "Route")
    except LookupError as error:
        raise DemoError(
            "This cluster is no OpenShift: it does not serve Routes. Leave PLATFORM=openshift out."
        ) from error


@contextmanager
def _operator(cluster: Cluster) -> Iterator[OperatorProcess | None]:
    """Start the operator, unless one already runs in the cluster."""
    deployment = cluster.api.find("apps/v1", "Deployment", DEPLOYMENT, NAMESPACE) or {}
    if (deployment.get("status") or {}).get("readyReplicas"):
        console.print(f"The operator already runs in this cluster (Deployment {NAMESPACE}/{DEPLOYMENT}).")
        yield None
        return
    directory = Path(tempfile.mkdtemp(prefix="cryostat-operator-"))
    watchdog.send("remove", directory)
    operator = OperatorProcess(cluster.api, directory, {"DISABLE_SERVICE_TLS": "false"})
    console.print(f"The operator runs as process {operator.process.pid}; its log: {operator.log}", soft_wrap=True)
    try:
        yield operator
    finally:
        operator.stop(1.0 if cluster.kubeconfig else 15.0)  # the data of the embedded cluster is deleted anyway
        shutil.rmtree(directory, ignore_errors=True)


def _apply_sample(cluster: Cluster, platform: str) -> str:
    """Apply the sample in a namespace of its own; returns the name of the resource."""
    sample = SAMPLES[platform]
    namespace: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": INSTANCE_NAMESPACE}}
    cluster.kubectl("apply", "-f", "-", input=yaml.safe_dump(namespace))
    if platform == "openshift" and cluster.kubeconfig:
        openshift.annotate_namespace(cluster.api, INSTANCE_NAMESPACE)
    cluster.kubectl("apply", "-n", INSTANCE_NAMESPACE, "-f", sample)
    console.print(f"Applied {sample.relative_to(ROOT)} in namespace {INSTANCE_NAMESPACE}:\n")
    return str(yaml.safe_load(sample.read_text())["metadata"]["name"])


# --- the view ---


class LiveView:
    """Shows the tree of the instance on a terminal and updates it in place."""

    def __init__(self) -> None:
        self._live = Live(console=console, auto_refresh=False)

    def show(self, instance: Instance, elapsed: float) -> None:
        if not self._live.is_started:
            self._live.start()
        self._live.update(render(instance, elapsed, console.height - 2), refresh=True)

    def finish(self, instance: Instance, elapsed: float) -> None:
        """Print the whole tree, and end the updates."""
        self._live.update(render(instance, elapsed))
        self.close()

    def close(self) -> None:
        self._live.stop()


class PlainView:
    """Prints a line for each change: in logs and pipes, and after the instance became Ready."""

    def __init__(self, instance: Instance | None = None) -> None:
        self._states = instance.states() if instance else {}

    def show(self, instance: Instance, elapsed: float) -> None:
        states = instance.states()
        for title, state in states.items():
            if self._states.get(title) != state:
                print(f"{elapsed:6.1f} s  {title}: {state}", flush=True)
        for title in self._states.keys() - states.keys():
            print(f"{elapsed:6.1f} s  {title}: gone", flush=True)
        self._states = states

    def finish(self, instance: Instance, elapsed: float) -> None:
        """Print the whole tree."""
        console.print(render(instance, elapsed), soft_wrap=True)

    def close(self) -> None:
        """Do nothing: there is no open view."""


@dataclass(frozen=True)
class Show:
    """Watches the instance `name` of a cluster, and the operator if the demonstration started it.

    Attributes:
        real_pods: whether a kubelet runs the pods; they are then part of the tree.
        notes: returns lines that are printed once the instance is Ready.
        check: raises an exception when something that must run has ended.
    """

    cluster: Cluster
    operator: OperatorProcess | None
    name: str
    real_pods: bool = False
    notes: Callable[[Instance], list[str]] = lambda _: []
    check: Callable[[], None] = lambda: None

    def observations(self) -> Iterator[tuple[float, Instance]]:
        """Yield the seconds since the start and the observed instance, once a second. Raises ProcessDiedError."""
        started = time.monotonic()
        while True:
            if self.operator:
                self.operator.check()
            self.check()
            with suppress(urllib3.exceptions.HTTPError):  # the API server does not answer
                yield (
                    time.monotonic() - started,
                    observe(self.cluster.api, INSTANCE_NAMESPACE, self.name, pods=self.real_pods),
                )
            time.sleep(REFRESH)


def follow(show: Show, timeout: float, once: bool) -> None:
    """Show the instance until Ctrl-C.

    Args:
        timeout: seconds until the instance must be Ready.
        once: return when the instance is Ready.

    Raises:
        DemoError: with `once`, the instance is not Ready in time.
    """
    view: LiveView | PlainView = LiveView() if console.is_terminal else PlainView()
    warned = False
    observations = show.observations()
    try:
        for elapsed, instance in observations:
            view.show(instance, elapsed)
            if instance.ready:
                view.finish(instance, elapsed)
                break
            if elapsed > timeout and once:
                raise DemoError(_explained(instance, show.operator, timeout))
            if elapsed > timeout and not warned:
                text = f"Not Ready after {timeout:.0f} s; still watching. In another terminal, this shows the cause:"
                console.print(f"{text}\n  {_status_command(show)}", style="yellow", soft_wrap=True)
                warned = True
    finally:
        view.close()
    if once:
        return
    print("\n".join([*_hints(show), *show.notes(instance), "Press Ctrl-C to stop.", ""]), flush=True)
    later = PlainView(instance)
    for elapsed, instance in observations:
        later.show(instance, elapsed)


def _hints(show: Show) -> list[str]:
    command = f"{show.cluster.command} -n {INSTANCE_NAMESPACE}"
    are_simulated = show.cluster.kubeconfig and not show.real_pods
    simulated = " Its pods are simulated: no container runs here." if are_simulated else ""
    lines = [
        "",
        f"Ready.{simulated} Use it from another terminal; changes are shown below:",
        f"  {_status_command(show)}",
        f"  {command} get cryostats,all",
        f"  {command} describe cryostat {show.name}",
        f"  {command} edit cryostat {show.name}",
    ]
    if show.operator:
        lines.append(f"  tail -f {show.operator.log}")
    if not show.cluster.kubeconfig:
        lines += [
            "To remove the instance from the cluster, while this runs:",
            f"  {command} delete cryostat {show.name}",
        ]
    return lines


def _status_command(show: Show) -> str:
    """Return the command that explains the instance, as a user types it in another terminal."""
    variable = f"KUBECONFIG={show.cluster.kubeconfig} " if show.cluster.kubeconfig else ""
    return f"{variable}{Path(sys.executable).with_name('kubectl-cryostat')} status {show.name} -n {INSTANCE_NAMESPACE}"


def _explained(instance: Instance, operator: OperatorProcess | None, seconds: float) -> str:
    lines = [f"The instance is not Ready after {seconds:.0f} s."]
    lines += [f"  {title}: {state}" for title, state in instance.states().items() if state.color != GOOD]
    if operator:
        lines += ["End of the operator's log:", operator.tail()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
