"""The planned objects of the captured cases, in the form of the captured ones."""

from __future__ import annotations

import copy
from functools import cache

from cryostat_operator.plan.conditions import Report, status_for
from cryostat_operator.plan.model.kinds import Obj
from cryostat_operator.plan.model.snapshot import NamespaceState, Snapshot
from cryostat_operator.settings import Settings
from tests.conformance.captures import captured, captured_status, documents
from tests.unit.cluster_state import ClusterState, cryostat

STATUS_FIELDS = ("applicationUrl", "targetNamespaces", "databaseSecret", "storageSecret")


def expected(case: str, profile: str) -> list[Obj]:
    """The objects of the Go operator, and the part of its status that the status of this operator also has."""
    return [*captured(case, profile), reported(case, profile, captured_status(case, profile))]


def planned(case: str, profile: str) -> list[Obj]:
    """The planned objects of a case's Cryostat, and its status. Secrets have the names of their keys."""
    return copy.deepcopy(_planned(case, profile))


def reported(case: str, profile: str, status: Obj) -> Obj:
    """A status as an object that can be compared."""
    metadata = next(d["metadata"] for d in documents(case, profile) if d["kind"] == "Cryostat")
    tls = next(c for c in status["conditions"] if c["type"] == "TLSSetupComplete")
    fields = {name: status.get(name) or "" for name in STATUS_FIELDS}
    return {
        "kind": "Cryostat",
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
        "reported": {**fields, "TLSSetupComplete": f"{tls['status']} {tls['reason']}"},
    }


@cache
def _planned(case: str, profile: str) -> list[Obj]:
    platform, tls = profile.split("-")[0], profile.endswith("-certmanager")
    inputs = documents(case, profile)
    body = next(d for d in inputs if d["kind"] == "Cryostat")
    cr = cryostat(body["spec"], **body["metadata"])
    namespaces = [d["metadata"] for d in inputs if d["kind"] == "Namespace"]
    known = Snapshot(namespaces={n["name"]: NamespaceState(annotations=n.get("annotations", {})) for n in namespaces})
    state = ClusterState(cr, platform == "openshift", Settings(service_tls=tls), known)
    for document in inputs:
        if document["kind"] in ("Secret", "ConfigMap"):
            keys = {**document.get("data", {}), **document.get("stringData", {})}
            state.with_data(document["kind"], document["metadata"]["name"], *keys)
    plan = state.settle(provided=False).plan
    assert not plan.blocked
    objects = copy.deepcopy(plan.objects)
    for key, request in plan.requests.items():
        objects[key]["data"] = dict.fromkeys(sorted(request.keys), "")
    for key, fact in state.snapshot.certificates.items():
        objects[key]["data"] = dict.fromkeys(sorted(fact.keys), "")
    status = status_for(state.instance, plan, Report(), "2026-01-01T00:00:00Z")
    return [*objects.values(), reported(case, profile, status)]
