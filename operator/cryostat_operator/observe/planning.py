"""Plans one Cryostat from what a reader finds in the cluster. The reconciler, `diff` and admission use it."""

from __future__ import annotations

from typing import Protocol

from ..api.v1beta2 import Cryostat
from ..plan.instance import Instance
from ..plan.model.desired_state import Plan
from ..plan.model.kinds import InstanceKey
from ..plan.model.snapshot import ReferenceData, Snapshot
from ..plan.planner import Desired, build, complete
from ..settings import Settings


def has_ingress_spec(cryostat: Cryostat) -> bool:
    """Return whether the spec of a Cryostat has an Ingress."""
    options = cryostat.spec.network_options
    config = options.core_config if options else None
    return bool(config and config.ingress_spec)


class PlanReader(Protocol):
    """Reads the cluster for a plan: `Observer` from memory, `OneShotReader` with requests."""

    async def snapshot(self, instance_key: InstanceKey, uid: str, targets: tuple[str, ...]) -> Snapshot:
        """Return the observed state of one instance.

        Args:
            instance_key: the Cryostat.
            uid: UID of its Cryostat; empty if it does not exist.
            targets: its target namespaces.

        Raises:
            ApiError: something cannot be read.
        """

    async def resolve(self, instance_key: InstanceKey, desired: Desired) -> ReferenceData:
        """Return the content of the Secrets and ConfigMaps that a plan depends on.

        Raises:
            ApiError: an object cannot be read.
        """


async def plan_for(cryostat: Cryostat, reader: PlanReader, settings: Settings) -> tuple[Desired, Plan]:
    """Return the desired state of a Cryostat, and the part of it that can be written now.

    Returns:
        What the spec asks for, with the snapshot that it was computed from; and the plan.

    Raises:
        ApiError: something cannot be read.
    """
    instance_key, uid, targets = identity_of(cryostat, settings)
    snapshot = await reader.snapshot(instance_key, uid, targets)
    desired = build(cryostat, snapshot, settings)
    data = await reader.resolve(instance_key, desired)
    return desired, complete(desired, data)


def identity_of(cryostat: Cryostat, settings: Settings) -> tuple[InstanceKey, str, tuple[str, ...]]:
    """Return the arguments of a snapshot: key, UID (empty for an object that is not created yet), target namespaces."""
    instance_key = InstanceKey(cryostat.metadata["namespace"], str(cryostat.metadata.get("name") or ""))
    uid = str(cryostat.metadata.get("uid") or "")
    return instance_key, uid, Instance(cryostat, Snapshot(), settings).target_namespaces
