"""The remedies for objects that a ResourceQuota or a LimitRange refused."""

from __future__ import annotations

import pytest

from cryostat_operator.plan.diagnosis.quota_remedies import violates_limit_range
from cryostat_operator.plan.diagnosis.refusal_remedies import remedy_for
from cryostat_operator.plan.model.refused_object import RefusedObject
from tests.unit.plan.diagnosis.refused import CORE, PODS, PROXY


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (
            "exceeded quota: few, requested: services.nodeports=1, used: services.nodeports=0, limited: x=1",
            "Raise services.nodeports in spec.hard of ResourceQuota here/few, or set another serviceType in "
            "spec.serviceOptions",
        ),
        (
            "exceeded quota: few, requested: pods=1, used: pods=3, limited: pods=3",
            "Raise pods in spec.hard of ResourceQuota here/few, or delete objects of the namespace that are not needed",
        ),
        (
            "exceeded quota: few, requested: limits.memory=1Gi,requests.cpu=2, used: limits.memory=1Gi, limited: x=1",
            "Raise limits.memory and requests.cpu in spec.hard of ResourceQuota here/few, or lower spec.resources",
        ),
        (
            "exceeded quota: few, requested: persistentvolumeclaims=1,requests.storage=1Gi, used: requests.storage=0",
            "Raise persistentvolumeclaims and requests.storage in spec.hard of ResourceQuota here/few, "
            "or delete PersistentVolumeClaims of the namespace that are not needed",
        ),
        (
            "failed quota: all: must specify limits.cpu for: c,c-auth-proxy; limits.memory for: c",
            f"Set limits.cpu and limits.memory in {CORE} and {PROXY}, "
            "or create a LimitRange in namespace here with a default for it",
        ),
        (
            "failed quota: all: must specify limits.memory for: c-certificates",
            "Create a LimitRange in namespace here with a default for it",
        ),
        (
            "insufficient quota to match these scopes: [{PriorityClass In [high]}]",
            "Create a ResourceQuota with this scope in namespace here, as the cluster requires",
        ),
        (
            "status unknown for quota: few, resources: pods",
            "Creation is tried again; if this lasts, check why status.used of ResourceQuota here/few is empty",
        ),
        (
            "maximum memory usage per Container is 128Mi, but limit is 256Mi",
            f"Lower memory in {PROXY} to 128Mi or less, "
            "or change max.memory of type Container in the LimitRange of namespace here",
        ),
        (
            "[maximum cpu usage per Container is 500m, but limit is 2, minimum memory usage per Container is 2Gi, "
            "but request is 1Gi]",
            f"Lower cpu in {CORE} to 500m or less and raise memory in {CORE} to 2Gi or more, "
            "or change max.cpu and min.memory of type Container in the LimitRange of namespace here",
        ),
        (
            "maximum memory usage per Pod is 1Gi, but limit is 5Gi",
            "Lower memory in spec.resources to 1Gi or less for all containers together, "
            "or change max.memory of type Pod in the LimitRange of namespace here",
        ),
        (
            "minimum cpu usage per Container is 1. No request is specified",
            "Raise cpu in spec.resources to 1 or more, "
            "or change min.cpu of type Container in the LimitRange of namespace here",
        ),
        (
            "memory max limit to request ratio per Container is 2, but provided ratio is 4.000000",
            "Set the limit of memory in spec.resources to at most 2 times its request, "
            "or raise maxLimitRequestRatio.memory in the LimitRange of namespace here",
        ),
    ],
)
def test_a_refusal_has_a_remedy_of_its_own(words: str, remedy: str) -> None:
    assert remedy_for(words, PODS) == remedy


@pytest.mark.parametrize(
    ("message", "violated"),
    [
        ("maximum memory usage per Container is 128Mi, but limit is 256Mi", True),
        ("minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 500Mi", True),
        ("memory max limit to request ratio per Container is 2, but provided ratio is 4.000000", True),
        ("exceeded quota: few, requested: pods=1, used: pods=3, limited: pods=3", False),
    ],
)
def test_a_violated_limit_range_is_recognized(message: str, violated: bool) -> None:
    assert violates_limit_range(message) is violated


def test_an_object_without_resources_in_the_spec_needs_a_larger_quota_or_fewer_objects() -> None:
    words = "exceeded quota: few, requested: requests.storage=1Gi, used: requests.storage=0, limited: x=1"
    assert remedy_for(words, RefusedObject("here")) == (
        "Raise requests.storage in spec.hard of ResourceQuota here/few, "
        "or delete objects of the namespace that are not needed"
    )
