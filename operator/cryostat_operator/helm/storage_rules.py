"""Rules for the chart values of volumes and of object storage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .rule_types import Context, Finding, MoveTo, NotConverted, Rule, SetField, for_mapping, is_empty

# Field of the provider with the opposite meaning, and the chart's default, by the chart's switch.
_PROVIDER_SWITCHES = {
    "usePathStyleAccess": ("useVirtualHostAccess", True),
    "usePresignedRecordingTransfers": ("disablePresignedFileTransfers", True),
    "usePresignedDownloads": ("disablePresignedDownloads", False),
}


def volume(field: str, size: str) -> Rule:
    """Return the rule for the volume of one component; `size` is the chart's default.

    Without a claim, the chart stores the component's data in an emptyDir.
    """

    @for_mapping("enabled", "annotations", "storage", "accessModes", "storageClassName", "selector")
    def rule(path: str, value: Any, context: Context) -> Iterator[Finding]:
        if value.get("enabled") is False:
            yield SetField(f"storageOptions.{field}.emptyDir.enabled", True)
        if not value.get("enabled"):
            return
        spec = {key: value[key] for key in ("accessModes", "selector") if value.get(key)}
        if isinstance(value.get("storageClassName"), str):
            spec["storageClassName"] = value["storageClassName"]  # the empty string selects volumes without a class
        if value.get("storage", size) != size:
            spec["resources"] = {"requests": {"storage": value["storage"]}}
        if spec.get("accessModes") == ["ReadWriteOnce"]:
            del spec["accessModes"]
        if spec:
            yield SetField(f"storageOptions.{field}.pvc.spec", spec)
        if value.get("annotations"):
            yield SetField(f"storageOptions.{field}.pvc.annotations", value["annotations"])

    return rule


def bucket_name(field: str, default: str) -> Rule:
    """Return the rule for the name of one bucket. Only those of an external object storage can be chosen."""
    move = MoveTo(f"objectStorageOptions.storageBucketNameOptions.{field}", default)

    def rule(path: str, value: Any, context: Context) -> Iterator[Finding]:
        for finding in move(path, value, context):
            managed = not context.at("storage.provider.url")
            yield NotConverted(path, "the managed storage has buckets with fixed names") if managed else finding

    return rule


def storage_secret(path: str, value: Any, context: Context) -> Iterator[Finding]:
    """Convert the Secret with the credentials of the object storage. Its keys have other names than in the chart."""
    yield SetField("objectStorageOptions.secretName", value)
    advice = f"rename the keys of Secret {value}: STORAGE_ACCESS_KEY_ID to ACCESS_KEY, STORAGE_ACCESS_KEY to SECRET_KEY"
    yield NotConverted(path, advice)


@for_mapping("url", "region", "tls", "metadata", "useChecksumValidation", "authentication", *_PROVIDER_SWITCHES)
def provider(path: str, value: Any, context: Context) -> Iterator[Finding]:
    """Convert an external S3 service, and presigned transfers of any storage. Other settings need its URL."""
    field = "objectStorageOptions.provider"
    for key, default in (("useChecksumValidation", True), ("authentication", {"credentialsType": "default"})):
        if not is_empty(value.get(key)) and value[key] != default:
            advice = "there is no field for it; credentials are read from spec.objectStorageOptions.secretName"
            yield NotConverted(f"{path}.{key}", advice)
    if not value.get("url"):
        if not value.get("usePresignedRecordingTransfers", True):
            yield SetField(f"{field}.disablePresignedFileTransfers", True)
        if value.get("usePresignedDownloads"):
            advice = "downloads pass through the application, because browsers cannot connect to the managed storage"
            yield NotConverted(f"{path}.usePresignedDownloads", advice)
        if context.at(f"{path}.metadata.storageMode") not in (None, "tagging"):
            yield NotConverted(f"{path}.metadata.storageMode", "the managed storage keeps metadata as object tags")
        return
    yield SetField(f"{field}.url", value["url"])
    if value.get("region"):
        yield SetField(f"{field}.region", value["region"])
    for key, (opposite, default) in _PROVIDER_SWITCHES.items():
        if not value.get(key, default):
            yield SetField(f"{field}.{opposite}", True)
    if context.at(f"{path}.tls.trustAll"):
        yield SetField(f"{field}.tlsTrustAll", True)
    if context.at(f"{path}.metadata.storageMode") not in (None, "tagging"):
        yield SetField(f"{field}.metadataMode", context.at(f"{path}.metadata.storageMode"))
