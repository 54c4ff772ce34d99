"""The database: its claim, Service and Deployment, and the settings with which the application connects."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ...api import constants
from .. import builders, claim_resize, claims, database_keys, upgrades, workloads
from ..database_keys import CONNECTION_KEY, ENCRYPTION_KEY
from ..instance import Instance
from ..model import names
from ..model.desired_state import Blocked, ComponentPlan, ContentUse, without_none
from ..model.kinds import Key, Obj
from ..model.problems import Problem
from ..model.reasons import Reason
from ..white_space import unusable_values
from . import database_secret

NAME: Final = database_secret.NAME
REQUESTS = ("50m", "64Mi")
LIMITS = ("500m", "200Mi")
DEFAULT_SIZE = "500Mi"
# A day: recovery after a crash can take hours, and a restart would begin it again.
STARTUP_SECONDS = 86_400
# The application's migration (Flyway) tries to connect this often, once a second, before the application exits.
CONNECT_ATTEMPTS = 120
TLS_VOLUME = "database-tls-secret"
_RECORDS = (
    constants.ANNOTATION_DATABASE_KEYS,
    constants.ANNOTATION_DATABASE_RELEASE,
    constants.LABEL_DATABASE_SECRET,  # an annotation where the name is too long for a label
)


def build(instance: Instance) -> ComponentPlan:
    """Return the objects of the database, with the Secret of its keys unless a user names one."""
    candidates = (
        claims.data_at_risk(instance, NAME),
        claims.lost(instance, NAME),
        claims.being_deleted(instance, NAME),
        database_secret.other_secret(instance),
    )
    problems = tuple(problem for problem in candidates if problem)
    claim = _claim(instance)
    notices = (claims.unchangeable(instance, NAME), claim_resize.not_resized(instance, NAME), _former_volume(instance))
    with_white_space = unusable_values(instance, NAME, instance.database_secret, (CONNECTION_KEY,))
    warnings = (*(each for each in notices if each), *with_white_space)
    claim_key = Key("PersistentVolumeClaim", instance.namespace, claims.claim_name(instance, NAME))
    plan = ComponentPlan(
        NAME,
        objects=without_none((claim, service(instance), deployment(instance))),
        needs={claim_key: database_secret.needs(instance)},
        problems=problems,
        warnings=warnings,
        content_use=ContentUse.EVERYTHING,
    )
    unusable = database_secret.why_unusable(instance)
    if unusable:
        return replace(plan, blocked=(Blocked(database_secret.key(instance), unusable),))
    if not database_secret.is_generated(instance):
        return plan
    objects = (database_secret.secret(instance), *plan.objects)
    return replace(plan, objects=objects, requests=(database_secret.request(instance),))


def _claim(instance: Instance) -> Obj | None:
    """The claim, with the records of the keys and the release that its database is set up with.

    A live claim keeps its records. Where it has none, `diff.data_records` adds them.
    """
    claim = claims.claim(instance, NAME, DEFAULT_SIZE)
    if claim is None:
        return None
    annotations = claim["metadata"].get("annotations") or {}
    for record_key in _RECORDS:
        annotations.pop(record_key, None)  # only the operator writes records
    if len(instance.database_secret) <= constants.LONGEST_LABEL:
        claim["metadata"]["labels"][constants.LABEL_DATABASE_SECRET] = instance.database_secret
    else:
        claim["metadata"]["labels"].pop(constants.LABEL_DATABASE_SECRET, None)
        builders.annotate(claim, {constants.LABEL_DATABASE_SECRET: instance.database_secret})
    live = claims.live_claim(instance, NAME)
    record = database_keys.recorded(live) if live else new_record(instance)
    release = upgrades.recorded(live) if live or not record else upgrades.requested(instance)
    records = {constants.ANNOTATION_DATABASE_KEYS: record, constants.ANNOTATION_DATABASE_RELEASE: str(release)}
    return builders.annotate(claim, {key: value for key, value in records.items() if value})


def new_record(instance: Instance) -> str | None:
    """Return the record of the keys that are in the Secret now; None if they are not known, or cannot be used."""
    content = instance.snapshot.data.get(("Secret", instance.database_secret))
    if content and CONNECTION_KEY in content.white_space:
        return None  # the database does not start with this key, and a user will correct it
    return database_keys.record(content, str(instance.cryostat.metadata.get("uid", "")))


def _former_volume(instance: Instance) -> Problem | None:
    """Return a notice while the volume of Cryostat 3.0 exists.

    Up to 3.0, one claim with the name of the Cryostat held the data of all components. It is never mounted: its
    database is PostgreSQL 15, and releases from 4.0 on have PostgreSQL 16 and other tables.
    """
    if instance.live("PersistentVolumeClaim", instance.name) is None:
        return None
    message = (
        f"PersistentVolumeClaim {instance.namespace}/{instance.name} holds the data of Cryostat 3.0 or earlier "
        "(PostgreSQL 15). This version cannot read it, and neither mounts nor changes it. "
        "Export what is needed, then delete the claim (docs/upgrade.md)."
    )
    return Problem(NAME, Reason.FORMER_VOLUME_UNUSED, message)


def service(instance: Instance) -> Obj:
    config = instance.spec.service_options.database_config if instance.spec.service_options else None
    service_port = {"name": "jdbc", "port": port(instance), "targetPort": names.PORT_DATABASE}
    return workloads.service(instance, name(instance), NAME, config, service_port)


def name(instance: Instance) -> str:
    return f"{instance.name}-database"


def port(instance: Instance) -> int:
    """Return the port of the Service. The port of the container is fixed."""
    config = instance.spec.service_options.database_config if instance.spec.service_options else None
    return (config.database_port if config else None) or names.PORT_DATABASE


def core_environment(instance: Instance) -> list[Obj]:
    """Return the variables with which the application connects to the database."""
    root = f"{tls_directory(instance)}/ca.crt"
    verified = f"?ssl=true&sslmode=verify-full&sslcert=&sslrootcert={root}" if instance.tls else ""
    url = f"jdbc:postgresql://{instance.service_host(name(instance))}:{port(instance)}/cryostat{verified}"
    return [
        builders.env_secret("QUARKUS_DATASOURCE_PASSWORD", instance.database_secret, CONNECTION_KEY),
        builders.env("QUARKUS_DATASOURCE_JDBC_URL", url),
        builders.env("QUARKUS_FLYWAY_CONNECT_RETRIES", str(CONNECT_ATTEMPTS)),
        builders.env("QUARKUS_FLYWAY_CONNECT_RETRIES_INTERVAL", "1"),
    ]


def core_volumes(instance: Instance) -> list[Obj]:
    """Return the volume with the CA certificate that the application verifies the database with."""
    source = {
        "secretName": f"{instance.name}-database-tls",
        "defaultMode": builders.READ_ONLY_MODE,
        "items": [builders.item("tls.crt"), builders.item("ca.crt")],
    }
    return [{"name": TLS_VOLUME, "secret": source}] if instance.tls else []


def tls_directory(instance: Instance) -> str:
    """Return the mount path of the database's certificate, in its own container and in the application's."""
    return f"{names.SECRETS_DIR}/{instance.name}-database-tls"


def deployment(instance: Instance) -> Obj:
    return claims.deployment(instance, NAME, TLS_VOLUME, container(instance))


def container(instance: Instance) -> Obj:
    resources, security = instance.spec.resources, instance.spec.security_options
    tls = tls_directory(instance)
    encrypted = ["-c", "ssl=on", "-c", f"ssl_cert_file={tls}/tls.crt", "-c", f"ssl_key_file={tls}/tls.key"]
    probe = builders.exec_probe(
        "pg_isready", "-U", "cryostat", "-d", "cryostat", timeoutSeconds=builders.EXEC_TIMEOUT_SECONDS
    )
    return {
        "name": f"{instance.name}-db",
        **workloads.image(instance, "database"),
        **({"args": encrypted} if instance.tls else {}),
        "ports": [{"containerPort": names.PORT_DATABASE}],
        "env": [
            builders.env("PGDATA", "/var/lib/pgsql/data"),
            builders.env("POSTGRESQL_USER", "cryostat"),
            builders.env("POSTGRESQL_DATABASE", "cryostat"),
            builders.env_secret("POSTGRESQL_PASSWORD", instance.database_secret, CONNECTION_KEY),
            builders.env_secret("PG_ENCRYPT_KEY", instance.database_secret, ENCRYPTION_KEY),
        ],
        "volumeMounts": [
            builders.mount(claims.claim_name(instance, NAME), "/var/lib/pgsql", read_only=False),
            *([builders.mount(TLS_VOLUME, tls)] if instance.tls else []),
        ],
        "readinessProbe": probe,
        "startupProbe": builders.startup_probe(probe, STARTUP_SECONDS),
        "resources": builders.resources(resources.database_resources if resources else None, REQUESTS, LIMITS),
        "securityContext": builders.container_security_context(
            security.database_security_context if security else None
        ),
    }
