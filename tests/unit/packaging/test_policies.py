"""The objects of an optional ValidatingAdmissionPolicy."""

from __future__ import annotations

import pytest

from cryostat_operator.packaging.install_names import LABELS
from cryostat_operator.packaging.policies import policy_and_binding


@pytest.mark.parametrize("action", ["Deny", "Warn"])
def test_the_binding_applies_the_policy_of_its_name_to_the_whole_cluster(action: str) -> None:
    spec = {"failurePolicy": "Fail"}
    policy, binding = policy_and_binding("operator-rule", action, spec)
    assert [policy["kind"], binding["kind"]] == ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"]
    for obj in (policy, binding):
        assert obj["apiVersion"] == "admissionregistration.k8s.io/v1"
        assert obj["metadata"] == {"name": "operator-rule", "labels": dict(LABELS)}
    assert policy["spec"] == spec
    assert binding["spec"] == {"policyName": "operator-rule", "validationActions": [action]}
