"""`kill -9` at random moments: nothing is lost, doubled or left behind. KILLS sets how many (200 in earnest)."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cryostat_operator.desired import names
from cryostat_operator.desired.plan import KINDS
from tests.cluster.api import Api, ApiError, Object, condition, eventually
from tests.cluster.conftest import NamespaceFactory
from tests.cluster.controlplane import ControlPlane
from tests.cluster.operator_process import OperatorProcess, remove_cryostats

KILLS = int(os.environ.get("KILLS", "12"))
KEPT = ("Secret", "PersistentVolumeClaim", "Service")  # kinds of which the very same objects must survive


@pytest.fixture
def start(installed_plane: ControlPlane, tmp_path: Path) -> Iterator[object]:
    """Starts operators one after the other; the last one cleans up."""
    processes: list[OperatorProcess] = []

    def run() -> OperatorProcess:
        processes.append(OperatorProcess(installed_plane.api, tmp_path / str(len(processes))))
        return processes[-1]

    yield run
    remove_cryostats(installed_plane.api, 30.0)
    for process in processes:
        process.stop()


def marked(api: Api, name: str, namespace: str) -> dict[tuple[str, str, str], str]:
    """UIDs of all objects of one Cryostat, by kind, namespace and name."""
    selector = f"{names.LABEL_NAME}={name},{names.LABEL_NAMESPACE}={namespace}"
    found = {}
    for kind in KINDS.values():
        try:
            objects = api.list(kind.api_version, kind.kind, labelSelector=selector)
        except LookupError:
            continue
        for obj in objects:
            metadata = obj["metadata"]
            found[kind.kind, metadata.get("namespace", ""), metadata["name"]] = metadata["uid"]
    return found


def ready(api: Api, cr: Object) -> bool:
    live = api.get(names.API_VERSION, names.KIND, cr["metadata"]["name"], cr["metadata"]["namespace"])
    current = (live.get("status") or {}).get("observedGeneration") == live["metadata"]["generation"]
    return current and condition(live, "Ready").get("status") == "True"


def test_kills_at_random_moments(installed_plane: ControlPlane, namespace: NamespaceFactory, start) -> None:  # type: ignore[no-untyped-def]
    api, chance = installed_plane.api, random.Random(7)
    where, other = namespace(installed_plane), namespace(installed_plane)
    cr = api.create(
        {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "metadata": {"name": "sample", "namespace": where},
            "spec": {"targetNamespaces": [where, other]},
        }
    )
    first: dict[tuple[str, str, str], str] = {}
    for number in range(KILLS):
        process = start()
        targets = [where, other] if number % 2 else [where]
        spec = {"targetNamespaces": targets, "reportOptions": {"replicas": number % 3}}
        api.patch(cr, {"spec": spec})
        time.sleep(chance.uniform(0.3, 2.0))
        process.kill()
        for key, uid in marked(api, "sample", where).items():
            if key[0] in KEPT:
                first.setdefault(key, uid)
    api.patch(cr, {"spec": {"targetNamespaces": [where, other], "reportOptions": {"replicas": 1}}})
    last = start()
    last.wait_ready()
    eventually(lambda: ready(api, cr), 90, "the instance is Ready")
    now = marked(api, "sample", where)
    lasting = {key: uid for key, uid in first.items() if key[1] == where and "reports" not in key[2]}
    assert {key: now.get(key) for key in lasting} == lasting
    assert sum(key[0] == "RoleBinding" for key in now) == 2
    assert sum(key[0] == "Deployment" for key in now) == 4
    api.delete(cr)
    eventually(lambda: gone(api, cr), 60, "the Cryostat is gone")
    eventually(lambda: not marked(api, "sample", where), 60, "nothing is left behind")


def gone(api: Api, cr: Object) -> bool:
    try:
        api.get(names.API_VERSION, names.KIND, cr["metadata"]["name"], cr["metadata"]["namespace"])
    except ApiError as error:
        return error.code == 404
    return False
