"""The real olm-operator against the embedded control plane, and simulations of OLM's other parts.

OLM's catalog operator needs pods that run. It is simulated: it creates a bundle's objects with the labels of their
owner. The real olm-operator acts on the ClusterServiceVersion. The kubelet is simulated too: it runs the operator's
container as a process, with the environment and the mounted files of the Deployment.
"""

from __future__ import annotations

import base64
import copy
import functools
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml

from cryostat_operator.settings import WEBHOOK_CERTIFICATES
from tests.cluster import binaries
from tests.cluster.api import Object, condition, eventually
from tests.cluster.controlplane import LEAN, ControlPlane
from tests.cluster.operator_process import ROOT, OperatorProcess
from tests.cluster.processes import Child, free_ports
from tests.cluster.service_network import ServiceNetwork

CSV = ("operators.coreos.com/v1alpha1", "ClusterServiceVersion")
GROUP = "rbac.authorization.k8s.io"
MANAGED = {"olm.managed": "true"}
_CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")


@functools.cache
def definitions() -> list[Object]:
    """OLM's own CustomResourceDefinitions."""
    # yaml's loader in Python takes seconds for these long documents.
    return [yaml.load(path.read_text(), Loader=yaml.CSafeLoader) for path in binaries.data(binaries.OLM)]


def bundle() -> list[Object]:
    """The objects of `bundle/manifests`."""
    paths = sorted((ROOT / "bundle/manifests").glob("*.yaml"))
    return [yaml.load(path.read_text(), Loader=yaml.CSafeLoader) for path in paths]


class Olm:
    """`with Olm(plane) as olm:` defines OLM's kinds and starts the olm-operator."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._program = binaries.programs("olm")["olm"]
        self._child: Child | None = None

    def __enter__(self) -> Self:
        for crd in definitions():
            self._plane.api.apply(crd, fieldValidation="Ignore")
        eventually(lambda: all(self._established(crd["metadata"]["name"]) for crd in definitions()))
        self._plane.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "olm"}})
        command: list[str | Path] = [
            self._program,
            "--namespace=olm",
            "--writeStatusName=",
            "--writePackageServerStatusName=",
        ]
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "TMPDIR") if key in os.environ}
        env = {**kept, "KUBECONFIG": str(self._plane.kubeconfig), **LEAN}
        self._child = Child("olm-operator", command, self._plane.directory / "logs" / "olm.log", env)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child:
            print(f"--- log of the olm-operator ---\n{self._child.tail(80)}")
            self._child.kill()

    def install(self, objects: list[Object], namespace: Object) -> Object:
        """Install a bundle in a new namespace, for all namespaces. Returns the succeeded ClusterServiceVersion."""
        api, where = self._plane.api, namespace["metadata"]["name"]
        api.create(namespace)
        group = {"name": "all-namespaces", "namespace": where}
        api.create({"apiVersion": "operators.coreos.com/v1", "kind": "OperatorGroup", "metadata": group, "spec": {}})
        (csv,) = (obj for obj in objects if obj["kind"] == CSV[1])
        others = [obj for obj in objects if obj is not csv]
        for crd in (obj for obj in others if obj["kind"] == _CRD[1]):
            self._put(crd, where, MANAGED)
        csv = api.create(_in(csv, where))
        owner = {"olm.owner": csv["metadata"]["name"], "olm.owner.kind": CSV[1], "olm.owner.namespace": where}
        for obj in [*_permissions(csv, where), *(obj for obj in others if obj["kind"] != _CRD[1])]:
            self._put(obj, where, {**MANAGED, **owner})
        return self._succeeded(csv)

    def _put(self, obj: Object, namespace: str, labels: Mapping[str, str]) -> None:
        placed = _in(obj, namespace)
        placed["metadata"]["labels"] = {**placed["metadata"].get("labels", {}), **labels}
        self._plane.api.apply(placed, "catalog-operator")

    def _succeeded(self, csv: Object) -> Object:
        name, namespace = csv["metadata"]["name"], csv["metadata"]["namespace"]
        handled = {"apiVersion": CSV[0], "kind": CSV[1], **csv}
        waited = iter(range(10_000))

        def there() -> bool:
            assert self._child
            self._child.check()
            # OLM checks again after a change, otherwise after minutes. A change during a check makes this check fail.
            if (turn := next(waited)) % 10 == 5:
                self._plane.api.patch(handled, {"metadata": {"labels": {"tests/turn": str(turn)}}})
            found = self._plane.api.get(*CSV, name, namespace)
            assert (found.get("status") or {}).get("phase") == "Succeeded", found.get("status")
            return True

        eventually(there, 120, f"{name} in {namespace} is installed", interval=1.0)
        return self._plane.api.get(*CSV, name, namespace)

    def _established(self, name: str) -> bool:
        return condition(self._plane.api.get(*_CRD, name), "Established").get("status") == "True"


def _in(obj: Object, namespace: str) -> Object:
    placed = copy.deepcopy(obj)
    if obj["kind"] not in (_CRD[1], "ClusterRole", "ClusterRoleBinding"):
        placed["metadata"]["namespace"] = namespace
    return placed


def _permissions(csv: Object, namespace: str) -> list[Object]:
    """The accounts, roles and bindings of a ClusterServiceVersion."""
    spec = csv["spec"]["install"]["spec"]
    reference = {"apiVersion": CSV[0], "kind": CSV[1], "name": csv["metadata"]["name"], "uid": csv["metadata"]["uid"]}
    accounts = sorted({each["serviceAccountName"] for key in _ROLES for each in spec.get(key, ())})
    found: list[Object] = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "ownerReferences": [reference]}}
        for name in accounts
    ]
    for key, kind in _ROLES.items():
        for number, each in enumerate(spec.get(key, ())):
            name, account = f"{csv['metadata']['name']}-{number}", each["serviceAccountName"]
            subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
            role = {"apiGroup": GROUP, "kind": kind, "name": name}
            head = {"apiVersion": f"{GROUP}/v1", "kind": kind}
            found.append({**head, "metadata": {"name": name}, "rules": each["rules"]})
            binding = {**head, "kind": f"{kind}Binding", "metadata": {"name": name}}
            found.append({**binding, "roleRef": role, "subjects": [subject]})
    return found


_ROLES = {"clusterPermissions": "ClusterRole", "permissions": "Role"}


def run_container(plane: ControlPlane, network: ServiceNetwork, deployment: Object, directory: Path) -> OperatorProcess:
    """Start the container of the operator's Deployment as a process. The Services that select its pod lead to it."""
    pod, namespace = deployment["spec"]["template"]["spec"], deployment["metadata"]["namespace"]
    (container,) = pod["containers"]
    mounted = directory / "root"
    for mount in container["volumeMounts"]:
        (volume,) = (each for each in pod["volumes"] if each["name"] == mount["name"])
        _mount_secret(plane, namespace, volume["secret"], mounted / mount["mountPath"].lstrip("/"))
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    [local] = free_ports(1)
    network.ports[namespace, ports["webhooks"]] = local
    fields = {"metadata.namespace": namespace}
    env = {
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "WEBHOOK_CERT_DIR": str(mounted / WEBHOOK_CERTIFICATES.lstrip("/")),
        "DISABLE_SERVICE_TLS": "",
        **{
            each["name"]: each["value"] if "value" in each else fields[each["valueFrom"]["fieldRef"]["fieldPath"]]
            for each in container["env"]
        },
    }
    program, command, *arguments = container["command"]
    assert (program, command) == ("cryostat-operator", "run")
    return OperatorProcess(plane.api, directory, env, [*arguments, f"--webhook-port={local}"])


def _mount_secret(plane: ControlPlane, namespace: str, source: Object, directory: Path) -> None:
    secret = plane.api.get("v1", "Secret", source["secretName"], namespace)
    keys = source.get("items") or [{"key": key, "path": key} for key in secret["data"]]
    directory.mkdir(parents=True)
    for each in keys:
        (directory / each["path"]).write_bytes(base64.b64decode(secret["data"][each["key"]]))


def suggested_namespace(csv: Object) -> Object:
    """The namespace that the OpenShift console creates for an operator."""
    found: Object = json.loads(csv["metadata"]["annotations"]["operatorframework.io/suggested-namespace-template"])
    return found
