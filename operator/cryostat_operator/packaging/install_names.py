"""Names, labels and ports of the operator's own objects."""

from __future__ import annotations

from collections.abc import Mapping

from .. import __version__
from ..api import constants
from ..plan.model.kinds import Obj

NAME = "cryostat-operator"
NAMESPACE = constants.OPERATOR_NAMESPACE
SERVICE_ACCOUNT = f"{NAME}-service-account"
CLUSTER_ROLE = f"{NAME}-manager-role"
DEPLOYMENT = constants.OPERATOR_DEPLOYMENT
IMAGE = f"quay.io/cryostat/cryostat-operator:{__version__}"
DOCUMENTATION = "https://github.com/cryostatio/cryostat-operator/blob/main/docs"
HTTP_PORT = 8081
WEBHOOK_PORT = 9443

LABELS: Mapping[str, str] = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/part-of": "cryostat"}
# The selector of a Deployment is immutable, and no other pod in the namespace may match it.
SELECTOR: Mapping[str, str] = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/component": "operator"}


def metadata(name: str, namespace: str | None = None) -> Obj:
    """Return the metadata of one of the operator's objects; without a namespace for cluster-scoped kinds."""
    return {"name": name, **({"namespace": namespace} if namespace else {}), "labels": dict(LABELS)}
