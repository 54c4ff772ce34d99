"""Which certificates an instance has: names, owners of the keys, and the Secrets that they lie in."""

from __future__ import annotations

from dataclasses import dataclass

from .. import names
from ..instance import Instance
from ..plan import Key

PART = "tls"
SERVER = "server auth"
CLIENT = "client auth"
KEYSTORE_PASSWORD = "KEYSTORE_PASS"  # noqa: S105 - the name of a key
AUTHORITY_NAME = "cryostat-ca-cert-manager"


@dataclass(frozen=True)
class Leaf:
    """One certificate of the instance.

    Attributes:
        name: of the Certificate, where cert-manager makes it.
        secret: where it lies, with its key.
        client: whether its holder shows it to servers too.
        keystore: whether it is wanted as a PKCS #12 keystore, too.
        rsa: whether something that reads the key understands nothing but RSA, or might not.
    """

    name: str
    secret: str
    common_name: str
    dns_names: tuple[str, ...]
    client: bool = False
    keystore: bool = False
    rsa: bool = False

    @property
    def usages(self) -> tuple[str, ...]:
        return (SERVER, CLIENT) if self.client else (SERVER,)


def of(i: Instance) -> tuple[Leaf, ...]:
    """All certificates but that of the authority."""
    # Java reads the keys of the first two and of agents; the others are read by OpenSSL and Go.
    return (
        Leaf(i.name, f"{i.name}-tls", "cryostat", _hosts(i, i.name), client=True, keystore=True, rsa=True),
        _server(i, "reports", "cryostat-reports", rsa=True),
        _server(i, "database", "cryostat-db"),
        _server(i, "storage", "cryostat-storage", client=True),
        Leaf(f"{i.name}-agent-proxy", f"{i.name}-agent-tls", "cryostat-agent-proxy", _hosts(i, f"{i.name}-agent")),
        *(_agent(i, target) for target in i.reachable_targets),
    )


def _server(i: Instance, component: str, common_name: str, *, client: bool = False, rsa: bool = False) -> Leaf:
    service = f"{i.name}-{component}"
    return Leaf(service, f"{service}-tls", common_name, _hosts(i, service), client=client, rsa=rsa)


def _hosts(i: Instance, service: str) -> tuple[str, ...]:
    """The names under which a Service of the install namespace is called."""
    return service, f"{service}.{i.namespace}.svc", i.service_host(service)


def _agent(i: Instance, target: str) -> Leaf:
    """One certificate for all agents of a target namespace: each has a name below that of the callback Service."""
    name = names.agent_certificate(i.namespace, i.name, target)
    hosts = (f"*.{names.agent_callback_service(i.namespace, i.name)}.{target}.svc",)
    return Leaf(name, name, "cryostat-agent", hosts, client=True, rsa=True)


def secrets(i: Instance) -> dict[str, str]:
    """Names of all Secrets with certificates, that of the authority first, and of their Certificates."""
    return {authority_secret(i).name: f"{i.name}-ca"} | {leaf.secret: leaf.name for leaf in of(i)}


def authority_secret(i: Instance) -> Key:
    return Key("Secret", i.namespace, names.ca_secret(i.namespace, i.name))


def keystore_secret(i: Instance) -> str:
    """Secret with the password of the keystore."""
    return f"{i.name}-keystore"
