"""Rules for the values of volumes and of object storage."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.helm.convert_values import convert
from tests.unit.helm.chart import joined, values

# Expected fields for some values, in the shape of the spec.
BECOMES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (values("db.pvc.enabled", False), values("storageOptions.database.emptyDir.enabled", True)),
    (values("db.pvc", {"enabled": True}), {}),
    (values("storage.pvc", {"enabled": True, "storage": "8Gi", "storageClassName": ""}),
     values("storageOptions.objectStorage.pvc.spec",
            {"storageClassName": "", "resources": {"requests": {"storage": "8Gi"}}})),
    (joined(values("storage.storageSecretName", "s3"),
            values("storage.provider", {"url": "https://s3.example.com", "region": "eu", "usePathStyleAccess": False})),
     {"objectStorageOptions": {
         "secretName": "s3",
         "provider": {"url": "https://s3.example.com", "region": "eu", "useVirtualHostAccess": True,
                      "disablePresignedDownloads": True}}}),
    (values("storage.provider", {"usePresignedRecordingTransfers": False}),
     values("objectStorageOptions.provider.disablePresignedFileTransfers", True)),
    (values("storage.buckets.names.probes", "x"), {}),
    (values("storage.buckets.names.heapDumps", "x"), {}),
    (joined(values("storage.buckets.names.heapDumps", "x"), values("storage.storageSecretName", "s3"),
            values("storage.provider", {"url": "https://s3.example", "region": "r", "usePresignedDownloads": True})),
     {"objectStorageOptions": {
         "secretName": "s3",
         "provider": {"url": "https://s3.example", "region": "r"},
         "storageBucketNameOptions": {"heapDumps": "x"}}}),
]  # fmt: skip


@pytest.mark.parametrize(("given", "spec"), BECOMES, ids=range(len(BECOMES)))
def test_a_value_is_converted_to_a_field(given: dict[str, Any], spec: dict[str, Any]) -> None:
    assert convert(given).cryostat["spec"] == spec


@pytest.mark.parametrize(
    ("given", "path", "advice"),
    [
        (
            values("storage.buckets.names.heapDumps", "x"),
            "storage.buckets.names.heapDumps",
            "the managed storage has buckets with fixed names",
        ),
        (
            values("storage.provider.usePresignedDownloads", True),
            "storage.provider.usePresignedDownloads",
            "downloads pass through the application, because browsers cannot connect to the managed storage",
        ),
        (
            values("storage.provider.metadata.storageMode", "bucket"),
            "storage.provider.metadata.storageMode",
            "the managed storage keeps metadata as object tags",
        ),
        (
            values("storage.storageSecretName", "s3"),
            "storage.storageSecretName",
            "rename the keys of Secret s3: STORAGE_ACCESS_KEY_ID to ACCESS_KEY, STORAGE_ACCESS_KEY to SECRET_KEY",
        ),
    ],
    ids=["buckets", "downloads", "metadata", "keys"],
)
def test_what_the_storage_of_the_operator_does_not_support_is_reported(
    given: dict[str, Any], path: str, advice: str
) -> None:
    assert convert(given).not_converted == (f"{path}: {advice}",)


def test_only_differences_to_the_default_claim_are_set() -> None:
    claim = {"enabled": True, "storage": "500Mi", "accessModes": ["ReadWriteOnce"], "annotations": {"a": "b"}}
    spec = convert(values("db.pvc", claim)).cryostat["spec"]
    assert spec == values("storageOptions.database.pvc.annotations", {"a": "b"})
    other = convert(values("db.pvc", claim | {"accessModes": ["ReadWriteMany"], "storageClassName": "fast"}))
    assert other.cryostat["spec"]["storageOptions"]["database"]["pvc"]["spec"] == {
        "accessModes": ["ReadWriteMany"],
        "storageClassName": "fast",
    }


def test_settings_of_an_external_storage_are_converted() -> None:
    provider = {
        "url": "https://s3.example.com",
        "region": "eu",
        "tls": {"trustAll": True},
        "metadata": {"storageMode": "bucket"},
        "usePresignedDownloads": True,
        "usePresignedRecordingTransfers": False,
        "useChecksumValidation": False,
    }
    found = convert(joined(values("storage.provider", provider), values("storage.storageSecretName", "s3")))
    assert found.cryostat["spec"]["objectStorageOptions"]["provider"] == {
        "url": "https://s3.example.com",
        "region": "eu",
        "tlsTrustAll": True,
        "metadataMode": "bucket",
        "disablePresignedFileTransfers": True,
    }
    assert (
        "storage.provider.useChecksumValidation: there is no field for it; credentials are read from "
        "spec.objectStorageOptions.secretName"
    ) in found.not_converted
