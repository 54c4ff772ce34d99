"""Groups of reasons that are treated alike."""

from __future__ import annotations

from functools import cache

from .reasons import Reason

COMPONENT_REASONS = frozenset(
    {
        Reason.DEPLOYMENT_PENDING,
        Reason.REPLICA_FAILURE,
        Reason.IMAGE_PULL_FAILED,
        Reason.CONTAINER_CRASHED,
        Reason.OUT_OF_MEMORY,
        Reason.POD_UNSCHEDULABLE,
        Reason.POD_NOT_RUNNING,
        Reason.POD_NOT_READY,
        Reason.POD_TERMINATING,
        Reason.NODE_NOT_READY,
        Reason.VOLUME_PENDING,
        Reason.DEPLOYMENT_UNAVAILABLE,
    }
)
"""Reasons that `Ready` has with the prefix of a component, such as `DatabaseVolumePending`."""

SINGLE_CAUSE_REASONS = frozenset(
    {
        Reason.API_SERVER_UNKNOWN,
        Reason.CERT_MANAGER_UNAVAILABLE,
        Reason.DATABASE_KEYS_INCOMPLETE,
        Reason.DATABASE_SECRET_LOST,
        Reason.EXTERNAL_HOST_IGNORED,
        Reason.FORMER_VOLUME_UNUSED,
        Reason.HIBERNATED,
        Reason.HIBERNATION_INVALID,
        Reason.INGRESS_SPEC_IGNORED,
        Reason.LOGIN_GENERATED,
        Reason.PAUSED,
        Reason.REPLICAS_SCALED,
        Reason.SUB_PROCESS_MAX_HEAP_SIZE_IGNORED,
    }
)
"""Reasons that have at most one cause in a Cryostat, so that a condition with the reason identifies the cause."""

MISSING_OBJECT_REASONS = frozenset(
    {
        Reason.SECRET_NOT_FOUND,
        Reason.SECRET_KEY_NOT_FOUND,
        Reason.CONFIGMAP_NOT_FOUND,
        Reason.CONFIGMAP_KEY_NOT_FOUND,
        Reason.NAMESPACE_NOT_FOUND,
        Reason.NAMESPACE_TERMINATING,
        Reason.NAMESPACE_RECREATED,
        Reason.NAMESPACE_NOT_SERVED,
    }
)
"""Reasons of a spec that refers to something that does not exist, or that the operator cannot use."""


@cache
def reasons_of(condition: str) -> frozenset[Reason]:
    """Return all reasons of a type of condition, also those of its status True."""
    return frozenset(reason for reason in Reason if reason.condition == condition)
