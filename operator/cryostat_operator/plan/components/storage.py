"""The object storage: managed (keys, claim, Service, Deployment), or an external S3 provider."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ...api.storage_options import ObjectStorageProviderOptions
from .. import builders, claim_resize, claims, workloads
from ..instance import Instance
from ..model import names
from ..model.desired_state import ComponentPlan, ContentUse, without_none
from ..model.kinds import Key, Obj
from ..model.problems import Problem
from ..model.requests import RandomValue, SecretRequest
from ..white_space import unusable_values
from . import buckets

NAME: Final = "storage"
REQUESTS = ("500m", "384Mi")
LIMITS = ("1", "1Gi")
DEFAULT_SIZE = "32Gi"
STARTUP_SECONDS = 130  # as of the Go operator
TLS_VOLUME = "storage-tls-secret"
ACCESS_KEY = "ACCESS_KEY"
SECRET_KEY = "SECRET_KEY"  # noqa: S105 - the name of a key
GENERATED_ACCESS_KEY = "cryostat"


def build(instance: Instance) -> ComponentPlan:
    """Return the objects of the managed storage; with an external one, at most the generated Secret."""
    request = SecretRequest(
        Key("Secret", instance.namespace, generated_secret(instance)),
        {ACCESS_KEY: GENERATED_ACCESS_KEY, SECRET_KEY: RandomValue(32)},
    )
    plan = ComponentPlan(NAME, warnings=warnings(instance), content_use=ContentUse.WARNINGS)
    # A user's Secret may have the name of the generated one.
    if instance.user_storage_secret != generated_secret(instance):
        plan = replace(plan, objects=(secret(instance),), requests=(request,))
    if instance.external_storage:
        return plan
    problems = (claims.data_at_risk(instance, NAME), claims.lost(instance, NAME), claims.being_deleted(instance, NAME))
    return replace(
        plan,
        objects=without_none(
            (*plan.objects, claims.claim(instance, NAME, DEFAULT_SIZE), service(instance), deployment(instance))
        ),
        problems=tuple(problem for problem in problems if problem),
    )


def warnings(instance: Instance) -> tuple[Problem, ...]:
    """Return settings of the claim without effect, and keys that the managed storage cannot use."""
    if instance.external_storage:
        return ()
    notices = (claims.unchangeable(instance, NAME), claim_resize.not_resized(instance, NAME))
    unusable = unusable_values(instance, NAME, instance.storage_secret, (ACCESS_KEY, SECRET_KEY))
    return (*(each for each in notices if each), *unusable)


def generated_secret(instance: Instance) -> str:
    """Return the name of the Secret with the generated S3 credentials."""
    return f"{instance.name}-storage"


def secret(instance: Instance) -> Obj:
    """Return the Secret for the generated S3 credentials, without them: the reconciler provides its content."""
    return builders.generated_secret(instance, generated_secret(instance))


def service(instance: Instance) -> Obj:
    config = instance.spec.service_options.storage_config if instance.spec.service_options else None
    service_port = {"name": "http", "port": port(instance), "targetPort": names.PORT_STORAGE}
    return workloads.service(instance, name(instance), NAME, config, service_port)


def name(instance: Instance) -> str:
    return f"{instance.name}-storage"


def port(instance: Instance) -> int:
    """Return the port of the Service. The port of the container is fixed."""
    config = instance.spec.service_options.storage_config if instance.spec.service_options else None
    return workloads.service_port(config, names.PORT_STORAGE)


def provider(instance: Instance) -> ObjectStorageProviderOptions | None:
    """Return the external provider, or None if the storage is managed."""
    options = instance.spec.object_storage_options
    return options.provider if options and instance.external_storage else None


def credentials(instance: Instance) -> list[Obj]:
    """Return the application's credentials, once for its S3 client and once for the AWS libraries in it."""
    access = "QUARKUS_S3_AWS_CREDENTIALS_STATIC_PROVIDER_ACCESS_KEY_ID"
    secret_access = "QUARKUS_S3_AWS_CREDENTIALS_STATIC_PROVIDER_SECRET_ACCESS_KEY"  # noqa: S105 - a variable's name
    return [
        builders.env_secret(access, instance.storage_secret, ACCESS_KEY),
        builders.env_secret(secret_access, instance.storage_secret, SECRET_KEY),
        builders.env("AWS_ACCESS_KEY_ID", f"$({access})"),
        builders.env("AWS_SECRET_ACCESS_KEY", f"$({secret_access})"),
    ]


def core_environment(instance: Instance) -> list[Obj]:
    """Return the variables with which the application connects to the object storage."""
    external = provider(instance)
    if external:
        return _external_environment(instance, external)
    return [
        builders.env(
            "QUARKUS_S3_ENDPOINT_OVERRIDE",
            f"{instance.scheme}://{instance.service_host(name(instance))}:{port(instance)}",
        ),
        builders.env("QUARKUS_S3_PATH_STYLE_ACCESS", "true"),
        builders.env("QUARKUS_S3_AWS_REGION", "us-east-1"),
        _presigned_transfers(instance),
        builders.env("STORAGE_PRESIGNED_DOWNLOADS_ENABLED", "false"),
    ]


def _presigned_transfers(instance: Instance) -> Obj:
    """Return the variable that says whether the other components read files by presigned URLs, from any storage."""
    options = instance.spec.object_storage_options
    disabled = options and options.provider and options.provider.disable_presigned_file_transfers
    return builders.env("STORAGE_PRESIGNED_TRANSFERS_ENABLED", builders.bool_text(not disabled))


def _external_environment(instance: Instance, external: ObjectStorageProviderOptions) -> list[Obj]:
    downloads = external.disable_presigned_downloads
    return [
        builders.env("QUARKUS_S3_ENDPOINT_OVERRIDE", builders.escape_expansion(external.url or "")),
        builders.env("QUARKUS_S3_AWS_REGION", builders.escape_expansion(external.region or "")),
        builders.env("QUARKUS_S3_PATH_STYLE_ACCESS", builders.bool_text(not external.use_virtual_host_access)),
        _presigned_transfers(instance),
        *(
            []
            if downloads is None
            else [builders.env("STORAGE_PRESIGNED_DOWNLOADS_ENABLED", builders.bool_text(not downloads))]
        ),
        builders.env("STORAGE_METADATA_STORAGE_MODE", external.metadata_mode or "tagging"),
        *buckets.name_environment(instance),
    ]


def trust(instance: Instance) -> str:
    """Return which certificates the S3 client of the application trusts, as a value of its configuration."""
    external = provider(instance)
    return "trust-all" if external and external.tls_trust_all else "system-property"


def external_reader_environment(instance: Instance) -> list[Obj]:
    """Return the variables with which report generators and the data source trust an external S3 service."""
    if trust(instance) != "trust-all":
        return []
    return [
        builders.env("CRYOSTAT_STORAGE_IGNORE_TLS", "true"),
        builders.env("CRYOSTAT_STORAGE_VERIFY_HOSTNAME", "false"),
    ]


def core_volumes(instance: Instance) -> list[Obj]:
    """Return the volume with the CA certificate that the main pod verifies the managed storage with."""
    source = {
        "secretName": f"{instance.name}-storage-tls",
        "defaultMode": builders.READ_ONLY_MODE,
        "items": [builders.item("tls.crt", "s3/tls.crt"), builders.item("ca.crt", "s3/ca.crt")],
    }
    return [{"name": TLS_VOLUME, "secret": source}] if instance.tls else []


def tls_directory(instance: Instance) -> str:
    """Return the mount path of the storage's certificate, in its own container and in that of the data source."""
    return f"{names.SECRETS_DIR}/{instance.name}-storage-tls"


def deployment(instance: Instance) -> Obj:
    return claims.deployment(instance, NAME, TLS_VOLUME, container(instance))


def container(instance: Instance) -> Obj:
    resources, security = instance.spec.resources, instance.spec.security_options
    tls = tls_directory(instance)
    arguments: list[str] = []
    if instance.tls:
        arguments += [
            f"-s3.port={names.PORT_STORAGE}",
            "-s3.port.https=0",
            f"-s3.key.file={tls}/tls.key",
            f"-s3.cert.file={tls}/tls.crt",
        ]
    # Images before 4.3 have no /readyz.
    probe = builders.http_get("/healthz", names.PORT_STORAGE, instance.scheme)
    return {
        "name": f"{instance.name}-storage",
        **workloads.image(instance, "storage"),
        **({"args": arguments} if arguments else {}),
        "ports": [{"containerPort": names.PORT_STORAGE}],
        "env": [
            builders.env("CRYOSTAT_BUCKETS", ",".join(buckets.created(instance))),
            builders.env_secret("CRYOSTAT_ACCESS_KEY", instance.storage_secret, ACCESS_KEY),
            builders.env("DATA_DIR", "/data"),
            builders.env("IP_BIND", names.ALL_ADDRESSES),
            builders.env("REST_ENCRYPTION_ENABLE", "1"),
            builders.env_secret("CRYOSTAT_SECRET_KEY", instance.storage_secret, SECRET_KEY),
        ],
        "volumeMounts": [
            builders.mount(claims.claim_name(instance, NAME), "/data", read_only=False),
            *([builders.mount(TLS_VOLUME, tls)] if instance.tls else []),
        ],
        "livenessProbe": {**probe, "failureThreshold": 2},
        "startupProbe": builders.startup_probe(probe, STARTUP_SECONDS),
        "readinessProbe": probe,
        "resources": builders.resources(resources.object_storage_resources if resources else None, REQUESTS, LIMITS),
        "securityContext": builders.container_security_context(security.storage_security_context if security else None),
    }
