"""Names of the objects and ports of an instance.

Names and hashes are those of the Go operator, so that its instances can be adopted.
"""

from __future__ import annotations

import hashlib
import re

SECRETS_DIR = "/var/run/secrets/operator.cryostat.io"

# For programs that other pods connect to. Go programs and JVMs then accept connections to IPv6 addresses, too; nginx
# does not.
ALL_ADDRESSES = "0.0.0.0"  # noqa: S104

PORT_APPLICATION = 8181  # core, loopback only
PORT_AUTH_PROXY = 4180
PORT_AGENT_GATEWAY = 8282
PORT_AGENT_GATEWAY_HEALTH = 8281
PORT_USER_GATEWAY = 8180  # nginx behind the authentication proxy, loopback only
PORT_GRAFANA = 3000
PORT_DATASOURCE = 8989
PORT_DATABASE = 5432
PORT_STORAGE = 8333
PORT_REPORTS = 10000

# Regular expression for paths that need no login, because probes have none.
HEALTH_PATHS = "^/health(/liveness)?$"
ALL_PATHS = ".*"

_FNV_OFFSET = 0x6C62272E07BB014262B821756295C58D
_FNV_PRIME = 0x0000000001000000000000000000013B
_MAX_FILE_NAME = 255  # bytes, of the file systems of Linux
_DNS_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")


def sha256(text: str) -> str:
    """Return the SHA-256 of a text as 64 lower-case hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def fnv128(data: bytes) -> str:
    """Return the 128-bit FNV-1 hash (multiply, then xor) as 32 hex digits."""
    value = _FNV_OFFSET
    for byte in data:
        value = (value * _FNV_PRIME) % (1 << 128) ^ byte
    return f"{value:032x}"


def instance_hash_name(namespace: str, name: str) -> str:
    """Return the name of the bindings and the console link, which are not in the install namespace."""
    return f"cryostat-{sha256(f'{namespace}/{name}')}"


def ca_secret(namespace: str, name: str) -> str:
    """Return the name of the CA's Secret and of its copies in target namespaces."""
    return f"cryostat-ca-{sha256(f'{namespace}/{name}')}"


def agent_certificate(namespace: str, name: str, target: str) -> str:
    """Return the name of Certificate and Secret of the agents in one target namespace."""
    return f"cryostat-agent-{sha256(f'{namespace}/{name}/{target}')}"


def agent_callback_service(namespace: str, name: str) -> str:
    """Return the name of the headless Service by which the application calls agents, equal in all namespaces."""
    return f"cryostat-agent-{fnv128(f'{namespace}/{name}'.encode())}"


def keystore(name: str) -> str:
    """Return the name of the Secret with the keystore of the application."""
    return f"{name}-tls"


def keystore_password(name: str) -> str:
    """Return the name of the Secret with the password of the keystore."""
    return f"{name}-keystore"


def backup(name: str) -> str:
    """Return the name of the CronJob for scheduled backups, and of its ServiceAccount and RoleBinding."""
    return f"{name}-backup"


def volume(preferred: str, used: set[str]) -> str:
    """Return `preferred` if it is a valid volume name and not used, else a stable hash of it that is not used."""
    name = preferred
    while len(name) > 63 or not _DNS_LABEL.match(name) or name in used:
        name = f"volume-{sha256(name)[:32]}"
    return name


def file(preferred: str, reserved: int = 0) -> str:
    """Return `preferred` if it can be the name of a file, else a stable hash of it with its end.

    Args:
        preferred: an ASCII name.
        reserved: characters that a program may add to the name.
    """
    longest = _MAX_FILE_NAME - reserved
    return preferred if len(preferred) <= longest else f"{sha256(preferred)[:32]}-{preferred[33 - longest :]}"
