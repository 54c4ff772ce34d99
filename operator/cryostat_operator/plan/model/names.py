"""Every object name, label, annotation key and port of an instance.

Names and hashes are those of the Go operator, so that an instance made by it is found again.
"""

from __future__ import annotations

import hashlib
import re

SECRETS_DIR = "/var/run/secrets/operator.cryostat.io"

PORT_APPLICATION = 8181  # core, loopback only
PORT_AUTH_PROXY = 4180
PORT_AGENT_GATEWAY = 8282
PORT_AGENT_GATEWAY_HEALTH = 8281
PORT_USER_GATEWAY = 8180  # nginx behind OpenShift's oauth-proxy, loopback only
PORT_GRAFANA = 3000
PORT_DATASOURCE = 8989
PORT_DATABASE = 5432
PORT_STORAGE = 8333
PORT_REPORTS = 10000

# Regular expression for paths that need no login: probes have none.
HEALTH_PATHS = "^/health(/liveness)?$"
ALL_PATHS = ".*"

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
