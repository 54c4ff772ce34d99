"""A registered API that does not answer is treated as existing."""

from __future__ import annotations

import time

from tests.cluster.api import Object, eventually
from tests.cluster.conftest import OperatorFactory
from tests.cluster.controlplane import ControlPlane

# Like the registration of OpenShift's Routes; its Service does not exist.
ROUTES: Object = {
    "apiVersion": "apiregistration.k8s.io/v1",
    "kind": "APIService",
    "metadata": {"name": "v1.route.openshift.io"},
    "spec": {
        "group": "route.openshift.io",
        "version": "v1",
        "groupPriorityMinimum": 1000,
        "versionPriority": 15,
        "insecureSkipTLSVerify": True,
        "service": {"name": "absent", "namespace": "default"},
    },
}


def test_the_operator_waits_until_the_platform_is_known(
    installed_plane: ControlPlane, operator: OperatorFactory
) -> None:
    """Otherwise instances on OpenShift would change to plain Kubernetes while its API server restarts."""
    api = installed_plane.api
    api.create(ROUTES)
    try:
        eventually(lambda: api.get("apiregistration.k8s.io/v1", "APIService", ROUTES["metadata"]["name"])["status"])
        process = operator(installed_plane, wait=False)
        eventually(lambda: "Discovery" in process.tail(50), what="discovery fails")
        time.sleep(1)
        assert process.get("/readyz")[0] == 503
        assert process.get("/healthz")[0] == 200
    finally:
        api.delete(ROUTES)
    process.wait_ready()
