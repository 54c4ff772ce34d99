"""Values that the API server sets are no differences, but only in the field of the kind where it sets them."""

from __future__ import annotations

import pytest

from cryostat_operator.plan.diff.server_defaults import ADMISSION_CHOSEN, DEFAULTS, SERVER_ALLOCATED, is_default
from cryostat_operator.plan.model.kinds import KINDS

CONTAINER = "spec.template.spec.containers[]"


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Deployment", "spec.revisionHistoryLimit", 10),
        ("Deployment", f"{CONTAINER}.startupProbe.httpGet.scheme", "HTTP"),
        ("Deployment", "spec.template.spec.initContainers[].terminationMessagePolicy", "File"),
        ("Deployment", "spec.template.spec.serviceAccount", "anything"),
        ("Service", "spec.ports[].nodePort", 31234),
        ("Service", "spec.sessionAffinity", "None"),
        ("Route", "spec.to.weight", 100),
        ("Secret", "type", "Opaque"),
        ("Ingress", "spec.ingressClassName", "nginx"),
    ],
)
def test_a_default_in_its_field(kind: str, path: str, value: object) -> None:
    assert is_default(kind, path, value)


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Deployment", "spec.revisionHistoryLimit", 3),
        ("Deployment", "spec.template.spec.terminationGracePeriodSeconds", 31),
        ("Deployment", f"{CONTAINER}.livenessProbe.terminationGracePeriodSeconds", 30),
        ("Deployment", "spec.template.spec.clusterIP", "10.0.0.1"),
        ("Service", "spec.type", "Opaque"),
        ("Service", "spec.to.weight", 100),
        ("NetworkPolicy", "spec.ingress[].ports[].port", "TCP"),
        ("ConfigMap", "type", "Opaque"),
    ],
)
def test_a_value_that_another_client_set(kind: str, path: str, value: object) -> None:
    assert not is_default(kind, path, value)


def test_the_tables_name_kinds_of_the_operator() -> None:
    assert {*DEFAULTS, *SERVER_ALLOCATED, *ADMISSION_CHOSEN} <= set(KINDS)
