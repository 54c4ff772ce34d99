"""The API server accepts random Cryostats and every object that is planned for them."""

from __future__ import annotations

import copy
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cryostat_operator.api.v1beta2 import Cryostat
from cryostat_operator.plan.model.kinds import KINDS
from tests.cluster.api import Api, ApiError, Object
from tests.cluster.controlplane import ControlPlane
from tests.unit.cluster_state import ClusterState
from tests.unit.strategies import cryostats

# An example takes about thirty dry-run requests.
few = settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)


# Kubernetes' own types, which are copied from the spec. A condition quotes a refusal.
PASSED_ON = re.compile(r"tolerations|ephemeral-storage|[aA]ffinity")


def accepted(api: Api, obj: Object) -> None:
    """Create an object by a strict dry run in an existing namespace.

    Raises:
        ApiError: it is refused, but neither by Pod Security nor because the name exists.
    """
    probe = copy.deepcopy(obj)
    if KINDS[obj["kind"]].namespaced:
        probe["metadata"]["namespace"] = "default"
        template = probe.get("spec", {}).get("template", {}).get("metadata", {})
        template.pop("namespace", None)
    api.create(probe, dryRun="All")


@few
@given(cr=cryostats(), openshift=st.booleans())
def test_every_planned_object_is_accepted(openshift_plane: ControlPlane, cr: Cryostat, openshift: bool) -> None:
    plan = ClusterState(cr, openshift=openshift).settle().plan
    for key, obj in plan.objects.items():
        if key.kind == "Route" and len(obj["spec"].get("host", "").partition(".")[0]) > 63:
            continue  # OpenShift also refuses the host that it generates from a long name; a condition reports that
        if obj.get("type") == "kubernetes.io/tls":
            continue  # it is written only after the certificate exists, which is not part of a plan
        if KINDS[key.kind].group == "cert-manager.io":
            continue  # this cluster has no cert-manager; test_tls_cert_manager creates these objects
        if key.kind == "Ingress" and not (obj["spec"].get("rules") or obj["spec"].get("defaultBackend")):
            continue  # copied from the spec: the API server refuses it, and a condition reports that
        try:
            accepted(openshift_plane.api, obj)
        except ApiError as error:
            if not PASSED_ON.search(error.message):
                pytest.fail(f"{key}: {error.message}")
