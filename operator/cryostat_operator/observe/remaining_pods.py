"""Pods that still exist after their Deployment was deleted or scaled to 0."""

from __future__ import annotations

from collections.abc import Mapping

from ..plan.claims import COMPONENTS
from ..plan.model.kinds import InstanceKey, Key, Obj
from ..plan.readiness import DEPLOYMENTS
from .pods import PodStore


def terminating_deployments(pods: PodStore, instance_key: InstanceKey, live: Mapping[Key, Obj]) -> frozenset[Key]:
    """Return Deployments that are deleted, while their pods still use the volume of the next one.

    Only one pod may use a volume at a time.
    """
    found = set()
    for component in COMPONENTS:
        key = Key("Deployment", instance_key.namespace, f"{instance_key.name}-{component}")
        has_claim = Key("PersistentVolumeClaim", key.namespace, key.name) in live
        if pods.is_terminating(instance_key, component, orphaned=has_claim and key not in live):
            found.add(key)
    return frozenset(found)


def stopping_components(pods: PodStore, instance_key: InstanceKey, live: Mapping[Key, Obj]) -> frozenset[str]:
    """Return components whose Deployment is scaled to 0, while pods of it have not ended."""
    found = set()
    for suffix, component in DEPLOYMENTS.values():
        deployment = live.get(Key("Deployment", instance_key.namespace, f"{instance_key.name}{suffix}")) or {}
        scaled_down = (deployment.get("spec") or {}).get("replicas") == 0
        if pods.is_stopping(instance_key, component, scaled_down=scaled_down):
            found.add(component)
    return frozenset(found)
