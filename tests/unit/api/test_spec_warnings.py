"""Warnings about a valid Cryostat that is probably not intended."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api.spec_warnings import (
    MAX_KEY_WARNINGS,
    MAX_SPEC_WARNINGS,
    key_warnings,
    suggestion,
    warnings_for,
)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"targetNamespaces": ["a", "b", "a"]}, "spec.targetNamespaces: a is given 2 times; once is enough"),
        (
            {"declarativeCredentials": [{"secretName": "s"}, {"secretName": "s"}]},
            "spec.declarativeCredentials: s is given 2 times; once is enough",
        ),
        (
            {"eventTemplates": [{"configMapName": "m", "filename": "f"}] * 2},
            "spec.eventTemplates: m/f is given 2 times; once is enough",
        ),
        (
            {"storageOptions": {"pvc": {}}},
            "spec.storageOptions.pvc is deprecated: use spec.storageOptions.database.pvc and "
            "spec.storageOptions.objectStorage.pvc",
        ),
        (
            {"networkPolicies": {"core": {"disabled": True}}},
            "spec.networkPolicies.core.disabled is deprecated: use spec.networkPolicies.core.ingressDisabled",
        ),
        (
            {"objectStorageOptions": {"storageBucketNameOptions": {"metadata": "m"}}},
            "spec.objectStorageOptions.storageBucketNameOptions has no effect without "
            "spec.objectStorageOptions.provider.url",
        ),
        (
            {"objectStorageOptions": {"provider": {"disablePresignedDownloads": False}}},
            "spec.objectStorageOptions.provider.disablePresignedDownloads: false has no effect without "
            "spec.objectStorageOptions.provider.url: browsers cannot connect to the object storage of the operator",
        ),
        (
            {"networkPolicies": {"storageConfig": {"ingressDisabled": True}}},
            "spec.networkPolicies.storageConfig.ingressDisabled: true lets any pod of the cluster read recordings in "
            "the object storage, without a login",
        ),
        (
            {"networkPolicies": {"coreConfig": {"ingressDisabled": True}}},
            "spec.networkPolicies.coreConfig.ingressDisabled: true lets any pod of the cluster use Grafana, without a "
            "login",
        ),
        (
            {
                "trustedCertSecrets": [{"secretName": "company-ca"}],
                "objectStorageOptions": {"provider": {"url": "https://s3.example.com", "region": "r"}},
            },
            "spec.trustedCertSecrets: only the application trusts these authorities; if one of them issued the "
            "certificate of the S3 service, set spec.objectStorageOptions.provider.disablePresignedFileTransfers: true",
        ),
        (
            {"targetDiscoveryOptions": {"disableBuiltInDiscovery": True, "discoveryPortNames": ["jmx"]}},
            "spec.targetDiscoveryOptions.discoveryPortNames has no effect with "
            "spec.targetDiscoveryOptions.disableBuiltInDiscovery: true",
        ),
        (
            {"schedulingOptions": {"tolerations": [{"effect": "NoSchedul"}]}},
            "spec.schedulingOptions.tolerations[0].effect: NoSchedul is not known to Kubernetes; "
            "did you mean NoSchedule?",
        ),
    ],
)
def test_a_probable_mistake_causes_one_warning(spec: dict[str, Any], expected: str) -> None:
    assert warnings_for({"spec": spec}) == [expected]


TRUSTED = {"trustedCertSecrets": [{"secretName": "company-ca"}]}
TRUSTED_PROVIDERS: list[dict[str, Any]] = [
    {},
    {"url": "http://s3.example.com"},
    {"url": "https://s3.example.com", "tlsTrustAll": True},
    {"url": "https://s3.example.com", "disablePresignedFileTransfers": True},
]


@pytest.mark.parametrize(
    "spec",
    [
        {},
        None,
        "text",
        {"targetNamespaces": ["a", "b"]},
        {"targetDiscoveryOptions": {"disableBuiltInDiscovery": False, "discoveryPortNames": ["jmx"]}},
        {"objectStorageOptions": {"provider": {"disablePresignedFileTransfers": True}}},
        {
            "objectStorageOptions": {
                "provider": {"url": "https://s3.example.com", "disablePresignedDownloads": False},
                "storageBucketNameOptions": {"metadata": "m"},
            }
        },
        {"networkPolicies": {"storageConfig": {"ingressDisabled": False}, "reportsConfig": {"ingressDisabled": True}}},
        {
            "networkPolicies": {"storageConfig": {"ingressDisabled": True}},
            "objectStorageOptions": {"provider": {"url": "https://s3.example.com"}},
        },
        *({**TRUSTED, "objectStorageOptions": {"provider": provider}} for provider in TRUSTED_PROVIDERS),
        {"targetNamespaces": 1, "eventTemplates": [None], "storageOptions": []},
        {"schedulingOptions": {"nodeSelector": {"effect": "x"}, "tolerations": [{"effect": "NoExecute"}]}},
    ],
)
def test_a_correct_spec_causes_no_warning(spec: Any) -> None:
    assert warnings_for({"spec": spec}) == []


def test_a_port_that_two_fields_open_is_reported_once() -> None:
    spec = {"networkPolicies": {"coreConfig": {"ingressDisabled": True, "disabled": True}}}
    assert [text for text in warnings_for({"spec": spec}) if "Grafana" in text] == [
        "spec.networkPolicies.coreConfig.ingressDisabled: true lets any pod of the cluster use Grafana, without a login"
    ]


def test_a_value_without_a_similar_one() -> None:
    assert suggestion("xyz", ("Exists", "Equal")) == "known values are Exists, Equal"
    assert suggestion("exists", ("Exists", "Equal")) == "did you mean Exists?"


def metadata(**annotations: str) -> dict[str, Any]:
    return {
        "metadata": {"annotations": {f"operator.cryostat.io/{k.replace('_', '-')}": v for k, v in annotations.items()}}
    }


def test_unknown_keys_of_the_operator() -> None:
    [warning] = key_warnings(metadata(pause="true"))
    assert warning.startswith("metadata.annotations: operator.cryostat.io/pause has no meaning; did you mean")
    assert key_warnings(metadata(pause="true"), metadata(pause="false")) == []
    assert key_warnings({"metadata": {"annotations": {"example.com/pause": "x"}, "labels": None}}) == []
    many = metadata(**{f"key_{number}": "" for number in range(50)})
    assert len(key_warnings(many)) == MAX_KEY_WARNINGS


@pytest.mark.parametrize(("value", "warned"), [("on", False), ("off", False), ("On", True), ("true", True)])
def test_unknown_values_of_the_hibernation_annotation(value: str, warned: bool) -> None:
    given = metadata(hibernation=value)
    assert len(key_warnings(given)) == warned
    assert key_warnings(given, given) == []
    if warned:
        assert (
            f'metadata.annotations: operator.cryostat.io/hibernation: "{value}" has no effect; '
            in key_warnings(given)[0]
        )


@pytest.mark.parametrize(
    ("field", "key", "says"),
    [
        ("annotations", "operator.cryostat.io/pause", "did you mean operator.cryostat.io/pause-reconciliation?"),
        ("annotations", "operator.cryostat.io/alow-data-loss", "did you mean operator.cryostat.io/allow-data-loss?"),
        ("annotations", "cryostat.io/data-retention", "did you mean operator.cryostat.io/data-retention?"),
        ("labels", "cryostat.io/log-level", "has no meaning; known keys are operator.cryostat.io/name"),
    ],
)
def test_mistyped_keys(field: str, key: str, says: str) -> None:
    obj = {"metadata": {field: {key: "true", "example.com/x": "y"}}}
    [warning] = key_warnings(obj)
    assert says in warning
    assert key_warnings(obj, obj) == []


def test_known_and_foreign_keys_cause_no_warning() -> None:
    annotations = {"operator.cryostat.io/pause-reconciliation": "true", "team": "x"}
    assert key_warnings({"metadata": {"annotations": annotations}}) == []
    assert key_warnings({"metadata": None}) == []


def test_the_number_of_warnings_is_limited() -> None:
    paths = [{"paths": [{"pathType": f"x{number}-{path}"} for path in range(100)]} for number in range(100)]
    spec = {"networkOptions": {"coreConfig": {"ingressSpec": {"rules": paths}}}}
    assert len(warnings_for({"spec": spec})) == MAX_SPEC_WARNINGS
