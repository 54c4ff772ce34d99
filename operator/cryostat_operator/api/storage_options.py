"""Models of the storage part of the spec: volumes, database, object storage."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StrictStr

from .base import (
    SIZE,
    Bool,
    Model,
    ObjectName,
    PersistentVolumeClaimSpec,
    Rule,
    StringMap,
    Unexpanded,
    doc,
)

Size = Annotated[StrictStr, Field(pattern=SIZE)]
Medium = Annotated[StrictStr, Field(pattern=r"^(Memory|HugePages(-.+)?)?$")]
EndpointUrl = Annotated[StrictStr, Field(pattern=r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s$]+$", max_length=2048)]


class PersistentVolumeClaimConfig(Model):
    """A PersistentVolumeClaim that the operator creates."""

    annotations: StringMap | None = doc("Annotations of the claim.")
    labels: StringMap | None = doc("Labels of the claim. The key `app` is reserved.")
    spec: PersistentVolumeClaimSpec | None = doc(
        "Spec of the claim. Default: access mode ReadWriteOnce, the size given at the component, the default storage "
        "class of the cluster. After creation, only a larger storage request has an effect."
    )


class EmptyDirConfig(Model):
    """A volume that is deleted with its pod."""

    enabled: Bool | None = doc(
        "Use an emptyDir volume instead of a PersistentVolumeClaim. Its data is deleted with the pod."
    )
    medium: Medium | None = doc("Storage medium: empty for the disk of the node, or `Memory`.")
    size_limit: Size | None = doc("Maximum size of the volume, for example 500Mi. Absent and 0 mean unlimited.")


class StorageConfiguration(Model):
    """The volume of one component."""

    pvc: PersistentVolumeClaimConfig | None = doc("The PersistentVolumeClaim to create for this component.")
    empty_dir: EmptyDirConfig | None = doc("An emptyDir volume. If enabled, it is used instead of the claim.")


class StorageOptions(Model):
    """The volumes of the database and of the object storage."""

    database: StorageConfiguration | None = doc("Volume of the database. A claim has 500Mi by default.")
    object_storage: StorageConfiguration | None = doc("Volume of the object storage. A claim has 32Gi by default.")
    pvc: PersistentVolumeClaimConfig | None = doc(
        "Deprecated: use `database` and `objectStorage`. Applies to each of the two that is absent."
    )
    empty_dir: EmptyDirConfig | None = doc(
        "Deprecated: use `database` and `objectStorage`. Applies to each of the two that is absent."
    )


class DatabaseOptions(Model):
    """The database of the application."""

    secret_name: ObjectName | None = doc(
        "Secret in the namespace of this object with the keys `CONNECTION_KEY` (database password) and "
        "`ENCRYPTION_KEY` (encryption of stored credentials). Default: a generated Secret. It cannot be changed after "
        "the database was created."
    )


_PROVIDER_SETTING = (
    "has(self.region) || has(self.metadataMode) || has(self.useVirtualHostAccess) && self.useVirtualHostAccess"
    " || has(self.tlsTrustAll) && self.tlsTrustAll"
)


class ObjectStorageProviderOptions(Model):
    """An S3 service outside the instance, and how files of any object storage are sent."""

    url: EndpointUrl | None = doc(
        "URL of an S3 service, for example https://s3.example.com. The operator then deploys no object storage."
    )
    region: Annotated[Unexpanded, Field(min_length=1)] | None = doc("Region of the S3 service. Required with `url`.")
    use_virtual_host_access: Bool | None = doc(
        "Send the bucket name in the host name of requests (virtual-hosted style) instead of the path."
    )
    disable_presigned_file_transfers: Bool | None = doc(
        "Do not use presigned URLs between components of the instance; files pass through the application. It applies "
        "to the object storage of the operator, too."
    )
    disable_presigned_downloads: Bool | None = doc(
        "Do not send presigned URLs to clients; downloads pass through the application. With the object storage of the "
        "operator, they always do."
    )
    tls_trust_all: Bool | None = doc("Accept any certificate of the S3 service. Not for production.")
    metadata_mode: Literal["tagging", "metadata", "bucket"] | None = doc(
        "Where metadata of stored files is kept: as object tags (`tagging`, the default), as object metadata "
        "(`metadata`), or in a bucket of its own (`bucket`)."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.url) || has(self.region)",
            "region is required with url: an external object storage cannot be used without its region",
            lambda p: p.url is None or p.region is not None,
        ),
        Rule(
            f"has(self.url) || !({_PROVIDER_SETTING})",
            "url is required with other provider settings: they apply to an external object storage only",
            lambda p: (
                p.url is not None
                or not (
                    p.region is not None or p.metadata_mode is not None or p.use_virtual_host_access or p.tls_trust_all
                )
            ),
        ),
    )


class StorageBucketNameOptions(Model):
    """Names of the buckets in an external object storage."""

    archived_recordings: Unexpanded | None = doc("Bucket for archived recordings.")
    archived_reports: Unexpanded | None = doc("Bucket for cached analysis reports.")
    event_templates: Unexpanded | None = doc("Bucket for event templates.")
    jmc_agent_probe_templates: Unexpanded | None = doc("Bucket for JMC agent probe templates.")
    heap_dumps: Unexpanded | None = doc("Bucket for heap dumps.")
    thread_dumps: Unexpanded | None = doc("Bucket for thread dumps.")
    metadata: Unexpanded | None = doc("Bucket for metadata, used with metadata mode `bucket`.")


class ObjectStorageOptions(Model):
    """The object storage for recordings and other files."""

    secret_name: ObjectName | None = doc(
        "Secret in the namespace of this object with the keys `ACCESS_KEY` and `SECRET_KEY` for the object storage. "
        "Default: a generated Secret. Required with an external object storage (`provider.url`)."
    )
    provider: ObjectStorageProviderOptions | None = doc(
        "An external S3 service. Default: the operator deploys an object storage for the instance."
    )
    storage_bucket_name_options: StorageBucketNameOptions | None = doc(
        "Names of the buckets. They apply to an external storage only; existing buckets are used as they are."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.provider) || !has(self.provider.url) || has(self.secretName)",
            "secretName is required with provider.url: an external object storage needs credentials",
            lambda o: o.provider is None or o.provider.url is None or o.secret_name is not None,
        ),
    )
