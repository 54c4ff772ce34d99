"""The operator as a user runs it: installed from `crds/` and `manifests/`, started as the shipped ServiceAccount."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import urllib3
import yaml

from cryostat_operator.api import constants
from cryostat_operator.images import OPERATOR_IMAGE
from cryostat_operator.packaging.install_names import IMAGE
from tests import measure_coverage
from tests.cluster import operator_forks
from tests.cluster.api import Api, ApiError, Object, condition, eventually
from tests.cluster.kubectl import kubeconfig_text
from tests.cluster.processes import Child, Process, free_ports
from tests.command import PROGRAM

ROOT = Path(__file__).resolve().parent.parent.parent
NAMESPACE = "cryostat-operator-system"
SERVICE_ACCOUNT = "cryostat-operator-service-account"
DEPLOYMENT = "cryostat-operator-controller"
WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
LEASES = "coordination.k8s.io/v1"
CRD = "cryostats.operator.cryostat.io"

Kubectl = Callable[..., str]  # kubectl(*arguments, input=None) -> output


def install(api: Api, *, deployment: bool = False, webhooks: bool = False) -> None:
    """Install `crds/` and `manifests/` in a new cluster, by default without the operator's Deployment and webhooks.

    With `webhooks`, Cryostats can be written only while an operator serves them. Requests of this process take half of
    the CPU time of kubectl, with which test_install.py and the commands of the docs install.
    """
    for obj in [*definitions(), *_wanted(deployment=deployment, webhooks=webhooks)]:
        api.apply(obj, "installation")
    _wait_until_served(api)


def install_with_kubectl(api: Api, kubectl: Kubectl) -> None:
    """The same in a cluster that may have another release: kubectl removes fields that only its files have."""
    unchecked = ("apply", "--validate=false", "-f")  # its validation downloads the whole OpenAPI document
    kubectl(*unchecked, ROOT / "crds")
    objects = _wanted(deployment=False, webhooks=False)
    kubectl(*unchecked, "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    _wait_until_served(api)


def _wanted(*, deployment: bool, webhooks: bool) -> list[Object]:
    return [obj for obj in manifests(deployment=deployment) if webhooks or obj["kind"] not in WEBHOOKS]


def _wait_until_served(api: Api) -> None:
    eventually(lambda: _established(api), what=f"CRD {CRD} is established")
    served(api)


def definitions() -> list[Object]:
    """The CRDs of `crds/*.yaml`."""
    return [yaml.load(path.read_text(), Loader=yaml.CSafeLoader) for path in (ROOT / "crds").glob("*.yaml")]


def manifests(*, deployment: bool) -> list[Object]:
    """The objects of `manifests/*.yaml` in the order of the files."""
    files = sorted((ROOT / "manifests").glob("*.yaml"))
    objects = [obj for path in files for obj in yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader) if obj]
    return [obj for obj in objects if deployment or obj["kind"] != "Deployment"]


def is_installed(api: Api) -> bool:
    """Whether the cluster has all objects of `crds/` and `manifests/`, with every field of the files."""
    wanted = [*definitions(), *manifests(deployment=True)]
    return all(_contains(_live(api, obj), obj) for obj in wanted)


def _live(api: Api, obj: Object) -> Object | None:
    metadata = obj["metadata"]
    return api.find(obj["apiVersion"], obj["kind"], metadata["name"], metadata.get("namespace"))


def _contains(live: Any, wanted: Any) -> bool:
    """Whether a live value has all that is wanted; dictionaries may have further keys."""
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(_contains(live.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(live, list) and len(live) == len(wanted) and all(map(_contains, live, wanted))
    return bool(live == wanted)


def _established(api: Api) -> bool:
    crd = api.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", CRD)
    return condition(crd, "Established").get("status") == "True"


def served(api: Api) -> Sequence[Object]:
    """Wait until Cryostats are served, and list their metadata. After a change of the CRD the answer is 404 or 429."""
    return eventually(lambda: (_cryostats(api),), what="Cryostats are served")[0]


def _cryostats(api: Api) -> Sequence[Object]:
    return api.list_metadata(constants.API_VERSION, constants.KIND)


def webhooks_are_called(api: Api) -> bool:
    """Whether the API server calls the operator's webhook for a Cryostat."""
    probe = {
        "apiVersion": constants.API_VERSION,
        "kind": constants.KIND,
        "metadata": {"name": "probe", "namespace": "default"},
    }
    return bool(api.create(probe, dryRun="All")["spec"]["targetNamespaces"] == ["default"])


def remove_cryostats(api: Api, timeout: float) -> None:
    """Delete every Cryostat. After `timeout` seconds remove the finalizers of those that still exist."""
    for cryostat in served(api):
        api.delete(cryostat)
    try:
        eventually(lambda: not _cryostats(api), timeout)
    except TimeoutError:
        for cryostat in served(api):
            with suppress(ApiError):
                api.patch(cryostat, {"metadata": {"finalizers": None}})


def operator_requests(events: Iterable[Object]) -> list[Object]:
    """Select the operator's requests from audit events, without watches and without leader election."""
    mine = [event for event in events if event["user"].get("username", "").endswith(f":{SERVICE_ACCOUNT}")]
    return [event for event in mine if event["verb"] != "watch" and not is_leader_election(event)]


def is_leader_election(event: Object) -> bool:
    """Whether an audit event belongs to the leader election: its object is the Lease, or an Event in its namespace."""
    what = event.get("objectRef") or {}
    return what.get("resource") == "leases" or (what.get("resource"), what.get("namespace")) == ("events", NAMESPACE)


class OperatorProcess(Child):
    """A running `cryostat-operator run`.

    Attributes:
        log: the file with its output.
        kubeconfig: the file with its credentials.
        port: the port of its probes and metrics.
    """

    def __init__(
        self, api: Api, directory: Path, env: Mapping[str, str] | None = None, arguments: Sequence[str] = ()
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._api = api
        self.kubeconfig = directory / "operator.kubeconfig"
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(kubeconfig_text(api, api.token_for(SERVICE_ACCOUNT, NAMESPACE), SERVICE_ACCOUNT))
        [self.port] = free_ports(1)
        command: list[str | Path] = [PROGRAM, "run", "--host=127.0.0.1", f"--port={self.port}", *arguments]
        super().__init__("the operator", command, directory / "operator.log", self._environment(env or {}))

    def get(self, path: str) -> tuple[int, str]:
        """The status and text of `/healthz`, `/readyz` or `/metrics`; status 0 if there is no response."""
        try:
            answer = urllib3.request("GET", f"http://127.0.0.1:{self.port}{path}", timeout=5.0, retries=False)
        except urllib3.exceptions.HTTPError as error:
            return 0, str(error)
        return answer.status, answer.data.decode()

    def wait_ready(self, timeout: float = 120.0) -> None:
        """Wait until `/readyz` answers 200. Raises ProcessDiedError or TimeoutError with the end of the log."""
        self.wait_until(lambda: self.get("/readyz")[0] == 200, timeout)

    @property
    def identity(self) -> str:
        """The operator's identity in the Lease, from its log; empty before it waits for leadership."""
        named = re.findall(
            r"Waiting for leadership: Lease \S+, identity ([\w.-]+)", self.log.read_text(errors="replace")
        )
        return str(named[-1]) if named else ""

    def kill(self) -> int:
        """Send SIGKILL, and delete the Lease if this operator held it, so that the next one need not wait."""
        code = self._kill()
        with suppress(ApiError, urllib3.exceptions.HTTPError):
            lease = self._api.find(LEASES, "Lease", constants.LEASE, NAMESPACE)
            if lease and self.identity and lease["spec"].get("holderIdentity") == self.identity:
                self._api.delete({"apiVersion": LEASES, "kind": "Lease", **lease})
        return code

    def crash(self) -> None:
        """Send SIGKILL. A Lease that the operator held remains until it expires."""
        self._kill()

    def _kill(self) -> int:
        """Send SIGKILL; if coverage is measured, after the process has saved it."""
        if self.running and measure_coverage.is_measured():
            self.process.send_signal(measure_coverage.SIGNAL)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(5)  # a suspended process does not end
        return super().kill()

    def _environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        # Variables of the caller's shell must not change the operator's behavior.
        kept = re.compile(r"PATH|HOME|LANG|LC_.*|TMPDIR|VIRTUAL_ENV|SSL_CERT_.*|PYTHON\w+|COVERAGE_\w+")
        inherited = {key: value for key, value in os.environ.items() if kept.fullmatch(key)}
        if measure_coverage.is_measured():
            inherited["PYTHONPATH"] = str(ROOT)  # for the plugin
        return {
            **inherited,
            "KUBECONFIG": str(self.kubeconfig),
            "OPERATOR_NAMESPACE": NAMESPACE,
            "DISABLE_SERVICE_TLS": "true",
            OPERATOR_IMAGE: IMAGE,
            **extra,
        }


class ForkedOperator(OperatorProcess):
    """The same, without the time of its imports; for tests whose point is not the process itself."""

    def _spawn(self, command: list[str], env: Mapping[str, str] | None) -> Process:
        if measure_coverage.is_measured():
            return super()._spawn(command, env)
        return operator_forks.server.start(command, env or {}, self.log)
