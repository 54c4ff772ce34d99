"""An instance with real pods, and a pod in another namespace that calls it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

from cryostat_operator.api import constants
from cryostat_operator.images import IMAGES
from cryostat_operator.inspect.observed import owned_selector
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.kinds import KINDS
from tests.cluster.api import Api, Object, condition, eventually
from tests.cluster.kubectl import KubectlError
from tests.cluster.namespaces import create_namespace
from tests.cluster.operator_process import DEPLOYMENT, NAMESPACE
from tests.node.images import operand_archives
from tests.node.installation import login, sample
from tests.node.node import Node
from tests.node.shell import Shell

T = TypeVar("T")
HOME, OTHER, TARGET = "instance", "instance-clients", "instance-target"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
AGENT_PORT = 9977
UNPRIVILEGED = {  # as the Pod Security level `restricted` demands
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
TIMEOUT = 300.0  # seconds: images are unpacked, perhaps with only two processors
PODS = 4  # application, database, storage and report generator
APPLICATION_MEMORY = "192Mi"  # the limit of the application's container
# Exit codes of curl: the connection is refused, not answered in time, or ends before the answer.
NO_ANSWER = (7, 28, 35, 52, 56)
CURL = ("curl", "--silent", "--insecure", "--max-time", "10", "--write-out", "\n%{http_code}")


@dataclass(frozen=True)
class Running:
    """An instance that is Ready, and a client pod in another namespace."""

    node: Node
    name: str
    _shells: dict[str, Shell] = field(default_factory=dict)

    @property
    def api(self) -> Api:
        return self.node.api

    @property
    def cryostat(self) -> Object:
        return self.api.get(constants.API_VERSION, constants.KIND, self.name, HOME)

    @property
    def is_ready(self) -> bool:
        return condition(self.cryostat, "Ready").get("status") == "True"

    @property
    def pods(self) -> list[Object]:
        return self.api.list("v1", "Pod", HOME)

    def owned_objects(self) -> list[Object]:
        """The objects of all namespaces with the ownership labels of the instance, also after its deletion."""
        found: list[Object] = []
        for kind in KINDS.values():
            with suppress(LookupError):  # the API server does not serve this kind
                found += self.api.list(kind.api_version, kind.kind, labelSelector=owned_selector(HOME, self.name))
        return found

    @property
    def url(self) -> str:
        return f"https://{self.name}.{HOME}.svc:{names.PORT_AUTH_PROXY}"

    def run(self, *command: str, namespace: str = OTHER) -> str:
        """Run a command in the client pod of a namespace and return its output. Raises KubectlError."""
        shell = self._shells.setdefault(namespace, Shell(self.node, namespace, "client", "client"))
        return shell.run(*command)

    def close(self) -> None:
        """End the sessions in client pods."""
        for shell in self._shells.values():
            shell.close()

    def shell(self, deployment: str, container: str) -> Shell:
        """A session in a container of the instance, for many commands."""
        return Shell(self.node, HOME, f"deploy/{deployment}", container)

    def run_in(self, deployment: str, container: str, *command: str) -> str:
        """Run a command in a container of the instance and return its output. Raises KubectlError."""
        return self.node.kubectl("exec", "--namespace", HOME, f"deploy/{deployment}", "-c", container, "--", *command)

    def request(self, path: str, user: tuple[str, str] | None = None, *arguments: str) -> tuple[int, str]:
        """Send a request to the application through the authentication proxy.

        Args:
            user: name and password.
            arguments: further arguments of curl.

        Returns:
            The status and body of the response; status 0 if there is none.
        """
        known = ("--user", ":".join(user)) if user else ()
        try:
            body, _, status = self.run(*CURL, *known, *arguments, self.url + path).rpartition("\n")
        except KubectlError as error:
            if error.returncode not in NO_ANSWER:
                raise
            return 0, ""
        return int(status), body

    def stored_values(self, name: str, user: tuple[str, str]) -> Object | None:
        """The values of a name in the application's database and storage; None if the application does not answer."""
        status, body = self.request(f"/kept/{name}", user)
        return dict(json.loads(body)) if status == 200 else None

    def login(self) -> tuple[str, str]:
        return login(self.api, self.cryostat)

    def targets(self) -> list[Object]:
        """The targets that agents registered; empty if the application does not answer."""
        status, body = self.request("/api/v4/targets", self.login())
        return list(json.loads(body)) if status == 200 else []


def wait_until(probe: Callable[[], T], what: str, timeout: float = TIMEOUT, interval: float = 0.25) -> T:
    """Call `probe` until it returns a true value, and return this value. Raises TimeoutError.

    A KubectlError of `probe` counts as a false value: the container of its command may have just been replaced. The
    interval is longer than in tests without pods, because a pod needs seconds to start.
    """

    def attempt() -> T:
        try:
            return probe()
        except KubectlError as error:
            raise AssertionError(str(error)) from error

    return eventually(attempt, timeout, what, interval)


@contextmanager
def running(node: Node) -> Iterator[Running]:
    """Create an instance in a `restricted` namespace and wait until it is Ready. The operator must be installed."""
    for archive in set(operand_archives().values()):
        node.load(archive)
    create_namespace(node.api, HOME, RESTRICTED)
    create_namespace(node.api, OTHER)
    create_namespace(node.api, TARGET, RESTRICTED)
    cryostat = sample(HOME)
    resources = cryostat["spec"]["resources"]
    limited = {**resources["coreResources"], "limits": {"memory": APPLICATION_MEMORY}}
    resources["coreResources"] = limited
    cryostat["spec"]["reportOptions"] = {"replicas": 1, "resources": limited}
    cryostat["spec"]["targetNamespaces"] = [HOME, TARGET]
    found = Running(node, node.api.create(cryostat)["metadata"]["name"])
    node.api.create(client(OTHER))
    try:
        _wait_until_usable(found)
        yield found
    finally:
        found.close()
    print(operator_log(node))


def _wait_until_usable(found: Running) -> None:
    try:
        wait_until(lambda: found.is_ready, "the instance is Ready")
        wait_until(lambda: found.run("true") == "", "the client runs")
        # The Service and the policies take effect some time after the pods are ready.
        wait_until(lambda: found.request("/")[0], "the client reaches the instance")
    except TimeoutError:
        print(report(found))
        raise


def client(namespace: str) -> Object:
    """A pod with curl and Python, which listens on the port of agents."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "client", "namespace": namespace},
        "spec": {
            "containers": [
                {
                    "name": "client",
                    "image": IMAGES["core"][1],
                    "command": ["python3", "-m", "http.server", str(AGENT_PORT)],
                    "securityContext": UNPRIVILEGED,
                }
            ],
            "terminationGracePeriodSeconds": 1,
        },
    }


def report(running: Running) -> str:
    """Conditions, pods, events and logs of an instance that does not become Ready."""
    conditions = running.cryostat.get("status", {}).get("conditions")
    pods = running.node.kubectl("get", "pods", "--all-namespaces", "-o", "wide")
    events = running.node.kubectl("get", "events", "--namespace", HOME)
    logs = [
        running.node.kubectl("logs", "--namespace", HOME, pod["metadata"]["name"], "--all-containers", "--tail=15")
        for pod in running.pods
    ]
    return "\n".join([operator_log(running.node), json.dumps(conditions, indent=1), pods, events, *logs])


def container_of(found: Object) -> str:
    """The identifier of the only container of a pod."""
    [status] = found["status"]["containerStatuses"]
    return str(status["containerID"].rpartition("/")[2])


def deployment_name(pod: Object) -> str:
    """The name of a pod's Deployment, which the name of the pod begins with."""
    return str(pod["metadata"]["name"].rsplit("-", 2)[0])


def operator_log(node: Node) -> str:
    """The end of the logs of all replicas of the operator."""
    return node.kubectl("logs", "--namespace", NAMESPACE, f"deployment/{DEPLOYMENT}", "--all-pods", "--tail=20")
