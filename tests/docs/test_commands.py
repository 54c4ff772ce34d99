"""Every command in the documentation runs as written, and the API server accepts every resource in it.

The commands of a page run in a cluster with the operator and a new current namespace, which has the instance of
manifests/samples/cryostat-sample.yaml if a command names it. README.md, install.md and tutorial.md start without these.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
import urllib3
import yaml

from cryostat_operator.api import constants
from tests.cluster.api import Api, ApiError, Object, condition, eventually
from tests.cluster.controlplane import ControlPlane, Options
from tests.cluster.kubectl import LEAN_KUBECTL, configured
from tests.cluster.namespaces import empty_namespace
from tests.cluster.operator_process import (
    CRD,
    DEPLOYMENT,
    NAMESPACE,
    ROOT,
    SERVICE_ACCOUNT,
    install,
    is_installed,
    remove_cryostats,
)
from tests.cluster.pod import Pod
from tests.cluster.services import Services
from tests.docs.commands import Block, blocks, pages

pytestmark = pytest.mark.timeout(900)  # the first test boots a cluster and may build its programs
SAMPLE = ROOT / "manifests/samples/cryostat-sample.yaml"
EXPLAINED = yaml.safe_load((Path(__file__).parent / "unrunnable.yaml").read_text())
OF_OTHERS = {"operators.coreos.com": "tests/cluster/test_olm.py applies them to OLM itself"}
SERVICE = "cryostat-operator-webhook-service"
_INSTANCE = re.compile(r"cryostat-sample|\bcryostats\b(?!\.)")  # the sample, or all Cryostats
FROM_NOTHING = ("README.md", "docs/install.md", "docs/tutorial.md")
_OWN = "docs-"  # begins the name of the current namespace of each page
HEAD = {"apiVersion": constants.API_VERSION, "kind": constants.KIND, "metadata": {"name": "probe"}}
PAGES = [page for page in pages() if any(block.language in ("sh", "yaml") for block in blocks(page))]


def explained(command: str) -> bool:
    return any(re.fullmatch(entry["command"], command, re.DOTALL) for entry in EXPLAINED)


def script(block: Block) -> str:
    """The commands of a block without the exceptions."""
    return "\n".join(command for command in block.commands if not explained(command))


def scripts(page: Path) -> str:
    """All that is run of a page."""
    return "\n".join(script(block) for block in blocks(page) if block.language == "sh" and not block.file).strip()


WITH_COMMANDS = [page for page in PAGES if scripts(page)]


class OperatorPods:
    """Runs the operator as a process while its Deployment exists, because the pods of this cluster are simulated."""

    def __init__(self, plane: ControlPlane, services: Services, directory: Path) -> None:
        self._plane, self._services, self._directory = plane, services, directory
        self._pods: list[Pod] = []
        self._generation = 0  # the generation of the running pod's Deployment; 0 without a pod
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> OperatorPods:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._follow(0)

    def log(self) -> str:
        return self._pods[-1].tail(200) if self._pods else "the operator was not started"

    def _watch(self) -> None:
        api = self._plane.api
        while not self._ended.wait(0.3):
            with suppress(ApiError, LookupError, urllib3.exceptions.HTTPError):
                found = api.find("apps/v1", "Deployment", DEPLOYMENT, NAMESPACE)
                generation = found["metadata"]["generation"] if found else 0
                if generation == self._generation:
                    continue
                service = api.find("v1", "Service", SERVICE, NAMESPACE)
                account = api.find("v1", "ServiceAccount", SERVICE_ACCOUNT, NAMESPACE)
                self._follow(generation if service and account else 0)

    def _follow(self, generation: int) -> None:
        if generation == self._generation:
            return
        if self._generation:
            self._pods[-1].kill()
            self._generation = 0
        if generation:
            self._pods.append(Pod(self._plane.api, self._directory / f"pod-{len(self._pods)}"))
            self._generation = generation
            address = self._plane.api.get("v1", "Service", SERVICE, NAMESPACE)["spec"]["clusterIP"]
            self._services.forward(f"{address}:443", self._pods[-1].webhook_port)


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with Services() as services:
        yield services


@pytest.fixture(scope="module")
def plane(services: Services) -> Iterator[ControlPlane]:
    with ControlPlane(Options(volumes=8, apiserver_args=services.apiserver_args)) as plane:
        yield plane


@pytest.fixture(scope="module")
def operator_pods(
    plane: ControlPlane, services: Services, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorPods]:
    with OperatorPods(plane, services, tmp_path_factory.mktemp("operator")) as operator_pods:
        yield operator_pods


@pytest.fixture(scope="module")
def programs(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """An environment with kubectl and cryostat-operator on the PATH."""
    directory = tmp_path_factory.mktemp("bin")
    (directory / "kubectl").symlink_to(plane.programs["kubectl"])
    path = os.pathsep.join([str(directory), str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, **LEAN_KUBECTL, "PATH": path}


class Workspace:
    """The environment for the commands of one page: a directory with the repository's files, and a namespace."""

    def __init__(self, plane: ControlPlane, programs: Mapping[str, str], directory: Path, page: Path) -> None:
        self._api, self._directory = plane.api, directory
        self.namespace = f"{_OWN}{page.stem.lower().replace('.', '-')}"
        for each in ROOT.iterdir():
            if not each.name.startswith("."):
                (directory / each.name).symlink_to(each)
        config = yaml.safe_load(plane.kubeconfig.read_text())
        config["contexts"][0]["context"]["namespace"] = self.namespace
        own = directory / "kubeconfig"
        own.write_text(yaml.safe_dump(config))
        self._env = {**programs, **configured(own)}

    def prepare(self, page: Path) -> None:
        """Create the objects that a page requires: the operator and, if a command names it, an instance."""
        if not is_installed(self._api):  # the first page that needs it, or the commands of a page changed it
            self.shell("kubectl apply --validate=false -f crds/ -f manifests/")  # other pages let kubectl validate them
        probe = {**HEAD, "metadata": {"name": "probe", "namespace": self.namespace}}
        eventually(lambda: self._api.create(probe, dryRun="All")["spec"]["targetNamespaces"], 60, "the webhooks answer")
        if _INSTANCE.search(scripts(page)):
            sample = _sample()
            self._api.create({**sample, "metadata": {**sample["metadata"], "namespace": self.namespace}})
            eventually(self._ready, 60, "the sample is Ready")

    def run(self, block: Block) -> None:
        """Run the commands of a block as one script, without the exceptions."""
        self.shell(script(block), str(block))

    def shell(self, commands: str, where: str = "preparation") -> None:
        command = ["bash", "-euo", "pipefail", "-c", commands]
        done = subprocess.run(
            command, cwd=self._directory, env=self._env, input="", capture_output=True, text=True, timeout=150
        )
        assert done.returncode == 0, f"{where}: exit code {done.returncode}\n{commands}\n{done.stdout}{done.stderr}"

    def save(self, block: Block) -> None:
        """Save a block to the file that the page names."""
        (self._directory / block.file).write_text(block.text)

    def _ready(self) -> bool:
        found = self._api.get(constants.API_VERSION, constants.KIND, _sample()["metadata"]["name"], self.namespace)
        return condition(found, "Ready").get("status") == "True"


def _sample() -> Object:
    sample: Object = yaml.safe_load(SAMPLE.read_text())
    return sample


def spaces(api: Api) -> set[str]:
    return {obj["metadata"]["name"] for obj in api.list("v1", "Namespace")}


@pytest.fixture
def namespaces(plane: ControlPlane) -> Iterator[None]:
    """Delete the Cryostats of a test after it, empty its namespace, and delete those that its commands created."""
    before = spaces(plane.api) | {NAMESPACE}
    yield
    new = spaces(plane.api) - before
    if plane.api.find("apiextensions.k8s.io/v1", "CustomResourceDefinition", CRD):
        is_operated = plane.api.find("apps/v1", "Deployment", DEPLOYMENT, NAMESPACE)
        remove_cryostats(plane.api, 30.0 if is_operated else 0.0)
    for name in new:
        if name.startswith(_OWN):
            empty_namespace(plane.api, name)
        else:
            plane.api.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    plane.recycle_volumes()


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=[page.stem for page in WITH_COMMANDS])
def test_the_commands_of_a_page_succeed(
    plane: ControlPlane,
    operator_pods: OperatorPods,
    programs: Mapping[str, str],
    namespaces: None,
    tmp_path: Path,
    page: Path,
) -> None:
    plane.add_volumes(6)
    workspace = Workspace(plane, programs, tmp_path, page)
    plane.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": workspace.namespace}})
    try:
        if str(page.relative_to(ROOT)) not in FROM_NOTHING:
            workspace.prepare(page)
        for block in blocks(page):
            if block.file:
                workspace.save(block)
            elif block.language == "sh":
                workspace.run(block)
    except AssertionError:
        print(operator_pods.log())
        print(plane.kubectl("-n", workspace.namespace, "get", "events,cryostats,pods,persistentvolumeclaims"))
        raise


@pytest.fixture(scope="module")
def installed_plane(plane: ControlPlane, operator_pods: OperatorPods) -> ControlPlane:
    """The cluster with the operator's CRD and roles. Commands of the pages remove them, so they are installed again."""
    install(plane.api)
    return plane


RESOURCES = [block for page in PAGES for block in blocks(page) if block.language == "yaml"]


@pytest.mark.parametrize("block", RESOURCES, ids=map(str, RESOURCES))
def test_a_resource_is_accepted(installed_plane: ControlPlane, block: Block) -> None:
    """The API server knows every field. Files for other programs are saved instead."""
    for document in block.documents:
        obj = {**HEAD, "spec": document["spec"]} if document.keys() == {"spec"} else document
        assert "kind" in obj or block.file, block
        if "kind" in obj and obj["apiVersion"].partition("/")[0] not in OF_OTHERS:
            metadata = {**obj["metadata"], "namespace": "default", "name": f"{obj['metadata']['name']}-in-docs"}
            installed_plane.api.create({**obj, "metadata": metadata}, dryRun="All")


def test_every_exception_matches_a_command() -> None:
    commands = [c for page in pages() for block in blocks(page) if block.language == "sh" for c in block.commands]
    unused = [e["command"] for e in EXPLAINED if not any(re.fullmatch(e["command"], c, re.DOTALL) for c in commands)]
    assert unused == []


def test_every_block_has_a_known_language() -> None:
    """Commands in a block of another language would not be run."""
    unknown = [str(b) for page in pages() for b in blocks(page) if b.language not in ("sh", "yaml", "text", "promql")]
    assert unknown == []


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs/README.md").read_text()
    existing = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert {name for name in existing if f"]({name})" not in index} == set()


def test_every_link_leads_to_a_file() -> None:
    broken = []
    for page in pages():
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")
    assert broken == []


def test_commands_with_several_lines_are_read() -> None:
    text = "kubectl get a \\\n  -o yaml\n# a comment\ncat <<'EOF' | kubectl apply -f -\nkind: A\nEOF\nls\n"
    block = Block(ROOT / "x.md", 1, "sh", text, "")
    assert block.commands == ["kubectl get a \\\n  -o yaml", "cat <<'EOF' | kubectl apply -f -\nkind: A\nEOF", "ls"]
    assert explained("make run PLATFORM=openshift")
    assert not explained("kubectl get pods")
