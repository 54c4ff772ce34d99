"""The policy that restricts the webhook configurations of the operator; tests/cluster tries it on an API server."""

from __future__ import annotations

from cryostat_operator.packaging import registration_policy, roles
from cryostat_operator.packaging.webhook_manifests import CONFIGURATIONS
from cryostat_operator.plan.model import webhook_definitions


def test_the_policy_names_what_the_operator_registers() -> None:
    policy, binding = registration_policy.objects()
    assert binding["spec"]["policyName"] == policy["metadata"]["name"]
    names, rules, _ = (each["expression"] for each in policy["spec"]["validations"])
    assert all(f"'{name}'" in names for name in CONFIGURATIONS)
    for webhook in (*webhook_definitions.mutating(), *webhook_definitions.validating()):
        for rule in webhook["rules"]:
            assert all(f"'{each}'" in rules for each in (*rule["apiGroups"], *rule["resources"]))
    assert "secrets" not in rules
    [condition] = policy["spec"]["matchConditions"]
    [subject] = roles.operator_cluster_role_binding()["subjects"]
    assert f"'system:serviceaccount:{subject['namespace']}:{subject['name']}'" in condition["expression"]
