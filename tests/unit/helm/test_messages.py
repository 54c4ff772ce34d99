"""Every message about a chart value, once and whole: `messages.yaml` has them by the value's path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from cryostat_operator.helm.convert_values import convert
from cryostat_operator.helm.rule_table import RULES
from cryostat_operator.helm.rule_types import NotSupported
from tests.unit.helm.chart import values

EXPECTED: dict[str, str] = yaml.safe_load((Path(__file__).parent / "messages.yaml").read_text())

# Values that other rules than `NotSupported` report, with the values that are needed for it.
GROUPED: list[dict[str, Any]] = [
    {"core": {"discovery": {"kubernetes": {"installNamespaceDisabled": True, "allowAllNamespaces": True, "other": 1}}}},
    {"core": {"ingress": {"enabled": True, "hosts": "x"}}},
    {"core": {"route": {"tls": {"key": "x"}}}},
    {"core": {"config": {"extra": {"envVars": ["x"]}, "tlsTruststore": {"secretNames": ["x"]}}}},
    {"openshiftOauthProxy": {"accessReview": {"enabled": False}}},
    {"storage": {"storageSecretName": "s3", "provider": {"authentication": {"credentialsType": "static"}}}},
    {"storage": {"provider": {"usePresignedDownloads": True, "metadata": {"storageMode": "bucket"}}}},
    {"storage": {"buckets": {"names": {"heapDumps": "x"}}}},
    {"db": {"nodeSelector": {"a": "b"}}, "grafana": {"tolerations": [{"key": "a"}]}},
    {"core": "x", "unknown": 1},
]


def messages() -> dict[str, str]:
    given = [values(path, "other") for path, rule in RULES.items() if isinstance(rule, NotSupported)]
    found = [line for each in [*given, *GROUPED] for line in convert(each).not_converted]
    return {path: text for path, _, text in (line.partition(": ") for line in found)}


def test_every_message_is_as_expected() -> None:
    assert messages() == EXPECTED


def test_changed_defaults_are_noted() -> None:
    assert convert({}).notes == (
        "db.pvc.enabled: the operator creates a PersistentVolumeClaim of 500Mi; the chart uses an emptyDir",
        "storage.pvc.enabled: the operator creates a PersistentVolumeClaim of 32Gi; the chart uses an emptyDir",
        "authentication: the values configure no login, and the chart then serves the application without one. The "
        "operator generates a login and names its Secret in status.basicAuthSecret; on OpenShift, users log in with "
        "their cluster account",
    )
