"""The database: its keys, claim, Service and Deployment, and how the application reaches it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from .. import k8s, names, volumes, workload
from ..instance import Instance
from ..plan import Key, Obj, Part, Problem, Random, Reference, SecretOrder, Waiting, without_none

PART: Final = "database"
REQUESTS = ("50m", "64Mi")
LIMITS = ("500m", "200Mi")
DEFAULT_SIZE = "500Mi"
TLS_VOLUME = "database-tls-secret"
CONNECTION_KEY = "CONNECTION_KEY"
ENCRYPTION_KEY = "ENCRYPTION_KEY"
_KEYS = frozenset({CONNECTION_KEY, ENCRYPTION_KEY})


def part(i: Instance) -> Part:
    doubts = (volumes.data_at_risk(i, PART), volumes.lost(i, PART), _mismatch(i))
    problems = tuple(problem for problem in doubts if problem)
    claim = volumes.claim(i, PART, DEFAULT_SIZE)
    if claim and len(i.database_secret) <= names.LONGEST_LABEL:
        claim["metadata"]["labels"][names.LABEL_DATABASE_SECRET] = i.database_secret
    drawn = Part(PART, objects=without_none((claim, service(i), deployment(i))), problems=problems)
    if i.database_secret != i.minted_database_secret or i.own_database_secret:
        return drawn
    held = _lost_keys(i)
    if held:
        return replace(drawn, waiting=(Waiting(_secret_key(i), held),))
    keys = {CONNECTION_KEY: Random(32), ENCRYPTION_KEY: Random(32)}
    order = SecretOrder(_secret_key(i), keys, restores=_claim_exists(i))
    return replace(drawn, objects=(secret(i), *drawn.objects), orders=(order,))


def _secret_key(i: Instance) -> Key:
    return Key("Secret", i.namespace, i.minted_database_secret)


def _mismatch(i: Instance) -> Problem | None:
    if not i.database_secret_locked:
        return None
    return Problem(
        PART,
        "DatabaseSecretMismatched",
        f"databaseOptions.secretName cannot change once the database exists: it stays with Secret {i.database_secret}, "
        f"not {i.wanted_database_secret}. Take the change back, or delete PersistentVolumeClaim "
        f"{volumes.claim_name(i, PART)} to start over without the data.",
    )


def _lost_keys(i: Instance) -> Problem | None:
    """Why no keys may be made: the claim holds data that was encrypted with others.

    The claim is not made before its keys are there (`needs`), so one that exists means that they once were.
    """
    name, claim = i.minted_database_secret, volumes.claim_name(i, PART)
    if not _claim_exists(i):
        return None
    if ("Secret", name) not in i.facts.data:
        return Problem(PART, "ReferencePending", f"Secret {name} has not been looked up yet.", warning=False)
    fact = i.facts.data["Secret", name]
    if fact and fact.keys >= _KEYS:
        return None
    return Problem(
        PART,
        "DatabaseSecretLost",
        f"Secret {name} {'lacks keys' if fact else 'is gone'}, but PersistentVolumeClaim {claim} holds data that only "
        f"its keys can read. Restore the Secret, or delete the claim to start over without the data.",
    )


def _claim_exists(i: Instance) -> bool:
    return volumes.uses_claim(i, PART) and i.live("PersistentVolumeClaim", volumes.claim_name(i, PART)) is not None


def needs(i: Instance) -> set[Reference]:
    """What must be there before the claim is made."""
    return {Reference("Secret", i.database_secret, _KEYS)}


def secret(i: Instance) -> Obj:
    return k8s.owned(i, "Secret", i.minted_database_secret) | {"type": "Opaque", "immutable": True}


def service(i: Instance) -> Obj:
    config = i.spec.service_options.database_config if i.spec.service_options else None
    return workload.service(i, name(i), PART, config) | {
        "spec": {
            "type": workload.service_type(config),
            "selector": workload.pod_labels(i, PART),
            "ports": [{"name": "jdbc", "port": port(i), "targetPort": names.PORT_DATABASE}],
        }
    }


def name(i: Instance) -> str:
    return f"{i.name}-database"


def port(i: Instance) -> int:
    config = i.spec.service_options.database_config if i.spec.service_options else None
    return (config.database_port if config else None) or names.PORT_DATABASE


def core_environment(i: Instance) -> list[Obj]:
    """How the application reaches the database."""
    root = f"{tls_directory(i)}/ca.crt"
    verified = f"?ssl=true&sslmode=verify-full&sslcert=&sslrootcert={root}" if i.tls else ""
    url = f"jdbc:postgresql://{i.service_host(name(i))}:{port(i)}/cryostat{verified}"
    return [
        k8s.env_secret("QUARKUS_DATASOURCE_PASSWORD", i.database_secret, CONNECTION_KEY),
        k8s.env("QUARKUS_DATASOURCE_JDBC_URL", url),
    ]


def core_volumes(i: Instance) -> list[Obj]:
    """What the application needs to trust the database."""
    source = {
        "secretName": f"{i.name}-database-tls",
        "defaultMode": k8s.READ_ONLY_MODE,
        "items": [k8s.item("tls.crt"), k8s.item("ca.crt")],
    }
    return [{"name": TLS_VOLUME, "secret": source}] if i.tls else []


def tls_directory(i: Instance) -> str:
    return f"{names.SECRETS_DIR}/{i.name}-database-tls"


def deployment(i: Instance) -> Obj:
    return volumes.deployment(i, PART, TLS_VOLUME, container(i))


def container(i: Instance) -> Obj:
    resources, security = i.spec.resources, i.spec.security_options
    tls = tls_directory(i)
    encrypted = ["-c", "ssl=on", "-c", f"ssl_cert_file={tls}/tls.crt", "-c", f"ssl_key_file={tls}/tls.key"]
    return {
        "name": f"{i.name}-db",
        **workload.image(i, "database"),
        **({"args": encrypted} if i.tls else {}),
        "ports": [{"containerPort": names.PORT_DATABASE}],
        "env": [
            k8s.env("PGDATA", "/var/lib/pgsql/data"),
            k8s.env("POSTGRESQL_USER", "cryostat"),
            k8s.env("POSTGRESQL_DATABASE", "cryostat"),
            k8s.env_secret("POSTGRESQL_PASSWORD", i.database_secret, CONNECTION_KEY),
            k8s.env_secret("PG_ENCRYPT_KEY", i.database_secret, ENCRYPTION_KEY),
        ],
        "volumeMounts": [
            k8s.mount(volumes.claim_name(i, PART), "/var/lib/pgsql", read_only=False),
            *([k8s.mount(TLS_VOLUME, tls)] if i.tls else []),
        ],
        "readinessProbe": k8s.exec_probe("pg_isready", "-U", "cryostat", "-d", "cryostat"),
        "resources": k8s.resources(resources.database_resources if resources else None, REQUESTS, LIMITS),
        "securityContext": k8s.container_security_context(security.database_security_context if security else None),
    }
