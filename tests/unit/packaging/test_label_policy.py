"""The policy that warns about misspelled labels of the agent; tests/cluster tries it on an API server."""

from __future__ import annotations

from cryostat_operator.packaging import label_policy
from cryostat_operator.plan.model import webhook_definitions


def test_the_policy_never_refuses_and_leaves_other_pods_to_the_webhooks() -> None:
    policy, binding = label_policy.objects()
    assert binding["spec"] == {"policyName": policy["metadata"]["name"], "validationActions": ["Warn"]}
    assert policy["spec"]["failurePolicy"] == "Ignore"
    expressions = policy["spec"]["matchConstraints"]["objectSelector"]["matchExpressions"]
    assert {each["operator"] for each in expressions} == {"DoesNotExist"}
    absent = [each["key"] for each in expressions]
    agents = [each for each in webhook_definitions.mutating() if each["path"] == webhook_definitions.WebhookPaths.POD]
    [present] = [[each["key"] for each in webhook["objectSelector"]["matchExpressions"]] for webhook in agents]
    assert absent == present


def test_the_message_names_both_labels_and_the_nearest_one() -> None:
    [validation] = label_policy.objects()[0]["spec"]["validations"]
    message = validation["messageExpression"]
    text = "'Cryostat agent: not added: pods need the labels cryostat.io/name and cryostat.io/namespace, but have '"
    assert message.startswith(text)
    assert "k.size() > 18 ? 'cryostat.io/namespace' : 'cryostat.io/name'" in message
