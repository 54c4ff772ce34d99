"""Every object name, label, annotation key and port of an instance.

Names and hashes are those of the Go operator, so that an instance made by it is found again.
"""

from __future__ import annotations

import hashlib
import re

GROUP = "operator.cryostat.io"
VERSION = "v1beta2"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "Cryostat"
PLURAL = "cryostats"
FINALIZER = f"{GROUP}/cryostat.finalizer"
# In the operator's namespace; whoever holds it writes. The Go operator's, so that the two exclude each other.
LEASE = "d696d7ab.redhat.com"

# Which Cryostat an object belongs to. On every object that we make: the mark of ownership, in every namespace.
LABEL_NAME = f"{GROUP}/name"
LABEL_NAMESPACE = f"{GROUP}/namespace"
# On the database's claim: the Secret whose keys its data is encrypted with (where a label may be as long).
LABEL_DATABASE_SECRET = f"{GROUP}/database-secret"
LONGEST_LABEL = 63
# What the agents' pods carry, and the callback Services select.
AGENT_LABEL_NAME = "cryostat.io/name"
AGENT_LABEL_NAMESPACE = "cryostat.io/namespace"

ANNOTATION_CERTIFICATE = "cert-manager.io/certificate-name"  # of Secrets that cert-manager wrote
ANNOTATION_SECRET_HASH = "io.cryostat/secret-hash"  # noqa: S105 - a key, not a password
ANNOTATION_CONFIG_MAP_HASH = "io.cryostat/config-map-hash"
ANNOTATION_PAUSE = f"{GROUP}/pause-reconciliation"
# `"true"` confirms a change of the CR that gives up stored data.
ANNOTATION_ALLOW_DATA_LOSS = f"{GROUP}/allow-data-loss"
# `Retain` keeps volumes and key Secrets when the Cryostat is deleted; one of the same name takes them over.
ANNOTATION_DATA_RETENTION = f"{GROUP}/data-retention"
# On the Secret with the keystores: which password they were made with.
ANNOTATION_KEYSTORE_PASSWORD = f"{GROUP}/keystore-password"
ANNOTATION_SUPPLEMENTAL_GROUPS = "openshift.io/sa.scc.supplemental-groups"

SECRETS_DIR = "/var/run/secrets/operator.cryostat.io"

PORT_APPLICATION = 8181  # core, loopback only
PORT_AUTH_PROXY = 4180
PORT_AGENT_GATEWAY = 8282
PORT_AGENT_GATEWAY_HEALTH = 8281
PORT_GRAFANA = 3000
PORT_DATASOURCE = 8989
PORT_DATABASE = 5432
PORT_STORAGE = 8333
PORT_REPORTS = 10000

_FNV_OFFSET = 0x6C62272E07BB014262B821756295C58D
_FNV_PRIME = 0x0000000001000000000000000000013B
_DNS_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")


def sha256(text: str) -> str:
    """64 lower-case hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def fnv128(data: bytes) -> str:
    """FNV-1 (multiply, then xor) with 128 bits, as 32 hex digits."""
    value = _FNV_OFFSET
    for byte in data:
        value = (value * _FNV_PRIME) % (1 << 128) ^ byte
    return f"{value:032x}"


def instance_hash_name(namespace: str, name: str) -> str:
    """Name of objects of this instance outside its namespace: bindings and the console link."""
    return f"cryostat-{sha256(f'{namespace}/{name}')}"


def ca_secret(namespace: str, name: str) -> str:
    """Secret of the certificate authority, and of its copies in target namespaces."""
    return f"cryostat-ca-{sha256(f'{namespace}/{name}')}"


def agent_certificate(namespace: str, name: str, target: str) -> str:
    """Certificate and Secret of the agents in one target namespace."""
    return f"cryostat-agent-{sha256(f'{namespace}/{name}/{target}')}"


def agent_callback_service(namespace: str, name: str) -> str:
    """Headless Service through which the application calls agents back; the same name in every target namespace."""
    return f"cryostat-agent-{fnv128(f'{namespace}/{name}'.encode())}"


def volume(wanted: str, taken: set[str]) -> str:
    """A valid volume name that is not in `taken`: the wanted one where possible, else a stable hash of it."""
    if len(wanted) <= 63 and _DNS_LABEL.match(wanted) and wanted not in taken:
        return wanted
    return f"volume-{sha256(wanted)[:32]}"
