"""The remedy in the message about an object that admission refused, by the API server's response."""

from __future__ import annotations

import pytest

from cryostat_operator.plan.diagnosis.refusal_remedies import remedy_for
from tests.unit.plan.diagnosis.refused import PODS


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (
            "unable to create new content in namespace there because it is being terminated",
            "Nothing can be created in namespace there until it is deleted: use another one",
        ),
        (
            'pod rejected: RuntimeClass "gvisor" not found',
            "Create RuntimeClass gvisor, or correct the policy of the cluster that sets it",
        ),
        (
            "etcdserver: mvcc: database space exceeded",
            "Compact and defragment etcd, then disarm its alarm; the operator tries again by itself",
        ),
        (
            "failed to allocate a serviceIP: range is full",
            "Delete unused Services of the cluster, or add a ServiceCIDR; the operator tries again by itself",
        ),
        (
            "no PriorityClass with name high was found",
            "Create PriorityClass high, or correct the policy of the cluster that sets it",
        ),
        (
            "pod node label selector conflicts with its namespace node label selector",
            "Correct spec.schedulingOptions.nodeSelector, or the annotation openshift.io/node-selector or "
            "scheduler.alpha.kubernetes.io/node-selector of namespace here",
        ),
        (
            'error looking up service account here/c: serviceaccount "c" not found',
            "The operator creates the ServiceAccount again; if it cannot, the condition Reconciled has the cause",
        ),
        (
            'User "system:serviceaccount:o:o" cannot create resource "services" in API group ""',
            "Apply the roles of the operator again (manifests/), or install the operator again with OLM",
        ),
        ("something else", None),
    ],
)
def test_a_refusal_has_a_remedy_of_its_own(words: str, remedy: str | None) -> None:
    assert remedy_for(words, PODS) == remedy
