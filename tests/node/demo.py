"""`make run NODE=real`: creates a Cryostat resource and shows its real pods and an address for a browser.

Boots a cluster with a real node, installs the operator from its own image and `manifests/`, and applies a sample.
A Java application in another namespace has the labels that request the agent. The instance is shown until Ctrl-C.
Needs root on Linux, and .ci/programs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import click
import urllib3

from tests.cluster import binaries
from tests.cluster.api import Object, eventually
from tests.cluster.demo import INSTANCE_NAMESPACE, Cluster, DemoError, console, follow, run
from tests.cluster.demo import Show as Shown
from tests.cluster.instance_tree import Instance
from tests.cluster.namespaces import create_namespace
from tests.cluster.processes import ProcessDiedError
from tests.cluster.progress import Step
from tests.node import images, installation, requirements
from tests.node.installation import Forwarding, PortInUseError
from tests.node.node import PROGRAMS, Node, NodeError
from tests.node.operator_image import operator_archive

APPLICATION, APPLICATION_NAMESPACE = "inventory", "shop"


@click.command(help=__doc__)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8443,
    show_default=True,
    help="Port of this machine where the application is shown.",
)
@click.option("--timeout", default=180.0, show_default=True, help="Seconds until the instance must be Ready.")
@click.option("--once", is_flag=True, help="End when the instance is Ready, with code 0, or with code 1.")
def main(port: int, timeout: float, once: bool) -> None:
    run(lambda stack: _demonstrate(stack, port, timeout, once), once)


def _demonstrate(stack: ExitStack, port: int, timeout: float, once: bool) -> None:
    try:
        if reason := requirements.missing():
            raise DemoError(reason)
        reserved = stack.enter_context(installation.reserve_port(port))
        node = stack.enter_context(_node())
        with Step("installing the operator (crds/ and manifests/) and waiting for its pods"):
            installation.apply_operator(node)
    except (NodeError, PortInUseError, OSError) as error:
        raise DemoError(str(error)) from error
    cryostat = installation.sample(INSTANCE_NAMESPACE, APPLICATION_NAMESPACE)
    for namespace in (INSTANCE_NAMESPACE, APPLICATION_NAMESPACE):
        create_namespace(node.api, namespace)
    node.api.create(cryostat)
    console.print(f"Applied {cryostat['metadata']['name']} in namespace {INSTANCE_NAMESPACE}, with small requests:\n")
    cluster = Cluster(node.api, node.programs["kubectl"], node.kubeconfig)

    def notes(instance: Instance) -> list[str]:
        reserved.close()
        forwarding = Forwarding(node, instance.name, INSTANCE_NAMESPACE, port, node.directory / "logs/port-forward.log")
        stack.callback(forwarding.stop)
        forwarding.wait_ready()
        return [*_notes(node, instance, port), *_target_notes(node, instance, port)]

    def check() -> None:
        for child in node.children.values():
            child.check()

    follow(Shown(cluster, None, cryostat["metadata"]["name"], real_pods=True, notes=notes, check=check), timeout, once)


@contextmanager
def _node() -> Iterator[Node]:
    """A node that has all images. Long builds happen before the node starts, with progress lines."""
    binaries.programs(*PROGRAMS)
    archives = dict.fromkeys([operator_archive(), *images.operand_archives().values()])
    node = Node()
    try:
        with Step("booting the control plane and the node"):
            node.start()
        with Step("loading images"):
            for archive in archives:
                node.load(archive)
        yield node
    except (ProcessDiedError, TimeoutError) as error:
        raise DemoError(f"The node did not start or has stopped: {error}") from error
    finally:
        node.stop()


def _notes(node: Node, instance: Instance, port: int) -> list[str]:
    user, password = installation.login(node.api, instance.cryostat)
    pods = len(instance.pods)
    return [
        f"All {pods} pods run, with {installation.restarts(instance.pods)} restarts. Log in with a browser:",
        f"  https://127.0.0.1:{port}/   user {user}, password {password}",
        "The browser warns, because the operator's own authority signed the certificate. A small program replaces",
        "Cryostat: it checks its settings and requests, but makes no recordings.",
    ]


def _target_notes(node: Node, instance: Instance, port: int) -> list[str]:
    """Start a labeled Java application, and wait until its agent is registered. Raises TimeoutError."""
    node.api.create(installation.java_application(APPLICATION, APPLICATION_NAMESPACE, instance.cryostat))

    def registered() -> list[Object]:
        with suppress(urllib3.exceptions.HTTPError):
            return installation.targets(node.api, instance.cryostat, port)
        return []

    with Step("waiting for the agent of a Java application with the two labels of an instance"):
        [target] = eventually(registered, 120, "the agent is registered", interval=0.5)
    return [
        f"Deployment {APPLICATION} in namespace {APPLICATION_NAMESPACE} has the labels cryostat.io/name and "
        "cryostat.io/namespace:",
        f"its JVM got the agent and is a target, {target['alias']}. All targets: https://127.0.0.1:{port}/api/v4/targets",
    ]


if __name__ == "__main__":
    main()
