"""Leases as the API server sends them."""

from __future__ import annotations

from typing import Any

from cryostat_operator.api import constants

Lease = dict[str, Any]
STAMP = "2030-01-01T00:00:00.000000Z"


def lease(version: int = 1, **spec: Any) -> Lease:
    metadata = {"name": constants.LEASE, "namespace": "n", "resourceVersion": str(version)}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}


def held(by: str = "other", seconds: int | None = 15, **more: Any) -> Lease:
    return lease(holderIdentity=by, leaseDurationSeconds=seconds, renewTime=STAMP, acquireTime=STAMP, **more)
