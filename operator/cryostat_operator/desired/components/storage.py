"""The object storage: managed, with its keys, claim, Service and Deployment, or an S3 provider outside."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ...api.v1beta2 import ObjectStorageProviderOptions
from .. import k8s, names, volumes, workload
from ..instance import Instance
from ..plan import Key, Obj, Part, Random, SecretOrder, without_none

PART: Final = "storage"
REQUESTS = ("500m", "384Mi")
LIMITS = ("1", "1Gi")
DEFAULT_SIZE = "32Gi"
TLS_VOLUME = "storage-tls-secret"
ACCESS_KEY = "ACCESS_KEY"
SECRET_KEY = "SECRET_KEY"  # noqa: S105 - the name of a key
MINTED_ACCESS_KEY = "cryostat"
BUCKETS = ("archivedrecordings", "archivedreports", "eventtemplates", "probes", "heapdumps", "threaddumps", "logs")
# Names of the buckets with an external provider: variable of the application, field of the spec.
_BUCKET_NAMES = (
    ("STORAGE_BUCKETS_ARCHIVES_NAME", "archived_recordings"),
    ("CRYOSTAT_SERVICES_REPORTS_STORAGE_CACHE_NAME", "archived_reports"),
    ("STORAGE_BUCKETS_EVENT_TEMPLATES_NAME", "event_templates"),
    ("STORAGE_BUCKETS_PROBE_TEMPLATES_NAME", "jmc_agent_probe_templates"),
    ("STORAGE_BUCKETS_HEAP_DUMPS_NAME", "heap_dumps"),
    ("STORAGE_BUCKETS_THREAD_DUMPS_NAME", "thread_dumps"),
    ("STORAGE_BUCKETS_METADATA_NAME", "metadata"),
)


def part(i: Instance) -> Part:
    order = SecretOrder(
        Key("Secret", i.namespace, minted_secret(i)), {ACCESS_KEY: MINTED_ACCESS_KEY, SECRET_KEY: Random(32)}
    )
    # A user's Secret may bear the very name that ours would have.
    minted = Part(PART) if i.own_storage_secret == minted_secret(i) else Part(PART, (secret(i),), (order,))
    if i.external_storage:
        return minted
    problems = (volumes.data_at_risk(i, PART), volumes.lost(i, PART))
    return replace(
        minted,
        objects=without_none((*minted.objects, volumes.claim(i, PART, DEFAULT_SIZE), service(i), deployment(i))),
        problems=tuple(problem for problem in problems if problem),
    )


def minted_secret(i: Instance) -> str:
    return f"{i.name}-storage"


def secret(i: Instance) -> Obj:
    return k8s.owned(i, "Secret", minted_secret(i)) | {"type": "Opaque"}


def service(i: Instance) -> Obj:
    config = i.spec.service_options.storage_config if i.spec.service_options else None
    return workload.service(i, name(i), PART, config) | {
        "spec": {
            "type": workload.service_type(config),
            "selector": workload.pod_labels(i, PART),
            "ports": [{"name": "http", "port": port(i), "targetPort": names.PORT_STORAGE}],
        }
    }


def name(i: Instance) -> str:
    return f"{i.name}-storage"


def port(i: Instance) -> int:
    config = i.spec.service_options.storage_config if i.spec.service_options else None
    return (config.http_port if config else None) or names.PORT_STORAGE


def provider(i: Instance) -> ObjectStorageProviderOptions | None:
    """The provider outside, where there is one."""
    options = i.spec.object_storage_options
    return options.provider if options and i.external_storage else None


def credentials(i: Instance) -> list[Obj]:
    """The application's credentials, once for its S3 client and once for the AWS libraries in it."""
    access = "QUARKUS_S3_AWS_CREDENTIALS_STATIC_PROVIDER_ACCESS_KEY_ID"
    secret_access = "QUARKUS_S3_AWS_CREDENTIALS_STATIC_PROVIDER_SECRET_ACCESS_KEY"  # noqa: S105 - a variable's name
    return [
        k8s.env_secret(access, i.storage_secret, ACCESS_KEY),
        k8s.env_secret(secret_access, i.storage_secret, SECRET_KEY),
        k8s.env("AWS_ACCESS_KEY_ID", f"$({access})"),
        k8s.env("AWS_SECRET_ACCESS_KEY", f"$({secret_access})"),
    ]


def core_environment(i: Instance) -> list[Obj]:
    """How the application reaches the object storage."""
    outside = provider(i)
    if outside:
        return _external_environment(i, outside)
    return [
        k8s.env("QUARKUS_S3_ENDPOINT_OVERRIDE", f"{i.scheme}://{i.service_host(name(i))}:{port(i)}"),
        k8s.env("QUARKUS_S3_PATH_STYLE_ACCESS", "true"),
        k8s.env("QUARKUS_S3_AWS_REGION", "us-east-1"),
        k8s.env("STORAGE_PRESIGNED_TRANSFERS_ENABLED", "true"),
        k8s.env("STORAGE_PRESIGNED_DOWNLOADS_ENABLED", "false"),
    ]


def _external_environment(i: Instance, outside: ObjectStorageProviderOptions) -> list[Obj]:
    options = i.spec.object_storage_options
    buckets = options.storage_bucket_name_options if options else None
    named = [(variable, getattr(buckets, field, None)) for variable, field in _BUCKET_NAMES]
    downloads = outside.disable_presigned_downloads
    return [
        k8s.env("QUARKUS_S3_ENDPOINT_OVERRIDE", k8s.literal(outside.url or "")),
        k8s.env("QUARKUS_S3_AWS_REGION", k8s.literal(outside.region or "")),
        k8s.env("QUARKUS_S3_PATH_STYLE_ACCESS", k8s.flag(not outside.use_virtual_host_access)),
        k8s.env("STORAGE_PRESIGNED_TRANSFERS_ENABLED", k8s.flag(not outside.disable_presigned_file_transfers)),
        *([] if downloads is None else [k8s.env("STORAGE_PRESIGNED_DOWNLOADS_ENABLED", k8s.flag(not downloads))]),
        k8s.env("STORAGE_METADATA_STORAGE_MODE", outside.metadata_mode or "tagging"),
        *(k8s.env(variable, k8s.literal(value)) for variable, value in named if value is not None),
    ]


def trust(i: Instance) -> str:
    """What the application's S3 client trusts, in its own words."""
    outside = provider(i)
    return "trust-all" if outside and outside.tls_trust_all else "system-property"


def core_volumes(i: Instance) -> list[Obj]:
    """What the containers of the main pod need to trust the managed storage."""
    source = {
        "secretName": f"{i.name}-storage-tls",
        "defaultMode": k8s.READ_ONLY_MODE,
        "items": [k8s.item("tls.crt", "s3/tls.crt"), k8s.item("ca.crt", "s3/ca.crt")],
    }
    return [{"name": TLS_VOLUME, "secret": source}] if i.tls else []


def tls_directory(i: Instance) -> str:
    return f"{names.SECRETS_DIR}/{i.name}-storage-tls"


def deployment(i: Instance) -> Obj:
    return volumes.deployment(i, PART, TLS_VOLUME, container(i))


def container(i: Instance) -> Obj:
    resources, security = i.spec.resources, i.spec.security_options
    tls = tls_directory(i)
    encrypted = [
        f"-s3.port={names.PORT_STORAGE}",
        "-s3.port.https=0",
        f"-s3.key.file={tls}/tls.key",
        f"-s3.cert.file={tls}/tls.crt",
    ]
    return {
        "name": f"{i.name}-storage",
        **workload.image(i, "storage"),
        **({"args": encrypted} if i.tls else {}),
        "ports": [{"containerPort": names.PORT_STORAGE}],
        "env": [
            k8s.env("CRYOSTAT_BUCKETS", ",".join(BUCKETS)),
            k8s.env_secret("CRYOSTAT_ACCESS_KEY", i.storage_secret, ACCESS_KEY),
            k8s.env("DATA_DIR", "/data"),
            k8s.env("IP_BIND", "0.0.0.0"),  # noqa: S104 - other pods call it
            k8s.env("REST_ENCRYPTION_ENABLE", "1"),
            k8s.env_secret("CRYOSTAT_SECRET_KEY", i.storage_secret, SECRET_KEY),
        ],
        "volumeMounts": [
            k8s.mount(volumes.claim_name(i, PART), "/data", read_only=False),
            *([k8s.mount(TLS_VOLUME, tls)] if i.tls else []),
        ],
        "livenessProbe": k8s.http_get("/healthz", names.PORT_STORAGE, i.scheme, failureThreshold=2),
        "startupProbe": k8s.http_get("/healthz", names.PORT_STORAGE, i.scheme, failureThreshold=13),
        "readinessProbe": k8s.http_get("/readyz", names.PORT_STORAGE, i.scheme),
        "resources": k8s.resources(resources.object_storage_resources if resources else None, REQUESTS, LIMITS),
        "securityContext": k8s.container_security_context(security.storage_security_context if security else None),
    }
