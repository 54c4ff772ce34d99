"""Warnings of the webhooks on a real API server, as kubectl shows them."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api import constants
from tests.cluster.authors import cryostat
from tests.cluster.webhooks import WebhookPlane


def test_warnings(webhooks: WebhookPlane, home: str) -> None:
    spec = {
        "targetNamespaces": [home, home, "nowhere"],
        "eventTemplates": [{"configMapName": "missing", "filename": "a"}],
        "storageOptions": {"pvc": {"spec": {"accessModes": ["ReadWriteOnes"]}}},
        "schedulingOptions": {"tolerations": [{"key": "a", "effect": "NoSchedul"}]},
    }
    said = webhooks.warnings(cryostat(home, spec))
    assert f"{home} is given 2 times" in said
    # This API server has no client certificate, so the response must not show which objects exist.
    assert "nowhere" not in said
    assert "ConfigMap missing" not in said
    assert "did you mean ReadWriteOnce?" in said
    assert "did you mean NoSchedule?" in said
    assert "storageOptions.pvc is deprecated" in said


@pytest.mark.parametrize(
    ("amount", "says"),
    [
        ("1GB", '"1GB" is not a quantity; did you mean 1G?'),
        ("500 m", '"500 m" is not a quantity; did you mean 500m?'),
        (0.5, 'a number with a fraction must be a text; write "0.5"'),
    ],
)
def test_a_refused_quantity_has_a_warning_with_the_nearest_one(
    webhooks: WebhookPlane, home: str, amount: Any, says: str
) -> None:
    said = webhooks.refusal(cryostat(home, {"resources": {"coreResources": {"limits": {"memory": amount}}}}))
    assert f"Warning: spec.resources.coreResources.limits.memory: {says}" in said
    assert "spec.resources.coreResources.limits.memory" in said.partition("is invalid:")[2]


def test_annotations_of_the_own_domain_that_are_misspelled_have_a_warning(webhooks: WebhookPlane, home: str) -> None:
    annotations = {"operator.cryostat.io/pause": "true", "cryostat.io/hibernat": "true", "example.com/pause": "true"}
    said = webhooks.warnings(cryostat(home, annotations=annotations, labels={"cryostat.io/team": "a"}))
    pause = (
        f"metadata.annotations: operator.cryostat.io/pause has no meaning; did you mean {constants.ANNOTATION_PAUSE}?"
    )
    assert pause in said
    assert f"cryostat.io/hibernat has no meaning; did you mean {constants.ANNOTATION_HIBERNATION}?" in said
    assert "metadata.labels: cryostat.io/team has no meaning; known keys are" in said
    assert "example.com" not in said
