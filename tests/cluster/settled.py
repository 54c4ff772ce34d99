"""Whether the objects of a Cryostat are written."""

from __future__ import annotations

from cryostat_operator.api import constants
from tests.cluster.api import Api, Object


def settled(api: Api, cr: Object) -> bool:
    """Whether all objects are written. Pods may be missing.

    `Reconciled` exists only while it is False. The condition of the main Deployment is copied from its status, so it is
    the last one to appear.
    """
    status = api.get(constants.API_VERSION, constants.KIND, cr["metadata"]["name"], cr["metadata"]["namespace"]).get(
        "status"
    )
    types = {each["type"] for each in (status or {}).get("conditions") or ()}
    return "Reconciled" not in types and "MainDeploymentProgressing" in types
