"""Collects the operator itself for a support case, in any namespace: its objects, pods, logs and metrics."""

from __future__ import annotations

from ..api import constants
from ..inspect.list_reader import ListReader
from ..inspect.operator_reader import operator_objects
from ..kube.client import Client
from ..plan.model.kinds import Obj
from ..plan.yaml_text import documents
from .operator_metrics import operator_metrics
from .pod_logs import pod_logs
from .redaction import redact

_SELECTOR = "app.kubernetes.io/name=cryostat-operator"
_FOLDER = "operator"


async def operator_files(client: Client, notes: list[str]) -> dict[str, str]:
    """Return path → content of the files about the operator.

    Args:
        notes: gets a sentence for each thing that cannot be read.
    """
    reader = ListReader(client)
    deployments = await operator_objects(reader, "apps", "v1", "deployments", name=constants.OPERATOR_DEPLOYMENT)
    leases = await operator_objects(reader, "coordination.k8s.io", "v1", "leases", name=constants.LEASE)
    pods = await operator_objects(reader, "", "v1", "pods", selector=_SELECTOR)
    files = _documents("apps/v1", "Deployment", deployments, notes)
    files |= _documents("coordination.k8s.io/v1", "Lease", leases, notes)
    files |= _documents("v1", "Pod", pods, notes)
    if pods == ():
        notes.append("No pod of the operator was found.")
    for namespace in sorted({pod["metadata"]["namespace"] for pod in pods or ()}):
        in_namespace = [pod for pod in pods or () if pod["metadata"]["namespace"] == namespace]
        files |= await pod_logs(client, in_namespace, f"{_FOLDER}/{namespace}/logs", notes)
        for pod, metrics in (await operator_metrics(client, in_namespace, notes)).items():
            files[f"{_FOLDER}/{namespace}/metrics/{pod}.txt"] = metrics
    return files


def _documents(api_version: str, kind: str, found: tuple[Obj, ...] | None, notes: list[str]) -> dict[str, str]:
    if found is None:
        notes.append(f"You may not list the {kind}s of the operator, so they are not collected.")
    files = {}
    for obj in found or ():
        meta = obj["metadata"]
        path = f"{_FOLDER}/{meta['namespace']}/{kind.lower()}-{meta['name']}.yaml"
        files[path] = documents([redact({"apiVersion": api_version, "kind": kind, **obj})])
    return files
