"""Secrets, ConfigMaps and keys that a pod needs and that are missing."""

from __future__ import annotations

import pytest

from cryostat_operator.plan.diagnosis.missing_references import remedy_for

VOLUMES = [
    {"name": "tls", "secret": {"secretName": "x-tls"}},
    {"name": "files", "configMap": {"name": "given"}},
    {"name": "both", "projected": {"sources": []}},
]
POD = {"metadata": {"namespace": "here", "labels": {"app": "x"}}, "spec": {"volumes": VOLUMES}}
SETUP = "MountVolume.SetUp failed for volume '{}' : "
OWN = "The operator creates Secret x-tls again; if it is still missing, another condition has the cause"


@pytest.mark.parametrize(
    ("quote", "remedy"),
    [
        ("couldn't find key a in ConfigMap here/given", "Add key a to ConfigMap given"),
        (SETUP.format("tls") + "references non-existent secret key: ca.crt", "Add key ca.crt to Secret x-tls"),
        (SETUP.format("files") + "references non-existent config key: a", "Add key a to ConfigMap given"),
        (SETUP.format("both") + "references non-existent secret key: a", ""),
        (SETUP.format("added") + "references non-existent config key: a", ""),
        (SETUP.format("files") + "configmap 'given' not found", "Create ConfigMap given"),
        ('secret "x-tls" not found', OWN),
        ("mount failed", ""),
    ],
)
def test_what_is_missing(quote: str, remedy: str) -> None:
    assert remedy_for(POD, quote, is_own_container=True) == remedy


def test_the_operator_creates_nothing_for_a_container_of_others() -> None:
    assert remedy_for(POD, 'secret "x-tls" not found', is_own_container=False) == "Create Secret x-tls"
