"""Which certificates an instance has: names, owners of the keys, and the Secrets that they lie in."""

from __future__ import annotations

from dataclasses import dataclass

from ..instance import Instance
from ..model import names
from ..model.kinds import Key

NAME = "tls"
SERVER = "server auth"
CLIENT = "client auth"
KEYSTORE_PASSWORD = "KEYSTORE_PASS"  # noqa: S105 - the name of a key
AUTHORITY_NAME = "cryostat-ca-cert-manager"


@dataclass(frozen=True)
class CertificateSpec:
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


def of(instance: Instance) -> tuple[CertificateSpec, ...]:
    """All certificates but that of the authority."""
    # Java reads the keys of the first two and of agents; the others are read by OpenSSL and Go.
    return (
        CertificateSpec(
            instance.name,
            f"{instance.name}-tls",
            "cryostat",
            _hosts(instance, instance.name),
            client=True,
            keystore=True,
            rsa=True,
        ),
        _server(instance, "reports", "cryostat-reports", rsa=True),
        _server(instance, "database", "cryostat-db"),
        _server(instance, "storage", "cryostat-storage", client=True),
        CertificateSpec(
            f"{instance.name}-agent-proxy",
            f"{instance.name}-agent-tls",
            "cryostat-agent-proxy",
            _hosts(instance, f"{instance.name}-agent"),
        ),
        *(_agent(instance, target) for target in instance.reachable_targets),
    )


def _server(
    instance: Instance, component: str, common_name: str, *, client: bool = False, rsa: bool = False
) -> CertificateSpec:
    service = f"{instance.name}-{component}"
    return CertificateSpec(service, f"{service}-tls", common_name, _hosts(instance, service), client=client, rsa=rsa)


def _hosts(instance: Instance, service: str) -> tuple[str, ...]:
    """The names under which a Service of the install namespace is called."""
    return service, f"{service}.{instance.namespace}.svc", instance.service_host(service)


def _agent(instance: Instance, target: str) -> CertificateSpec:
    """One certificate for all agents of a target namespace: each has a name below that of the callback Service."""
    name = names.agent_certificate(instance.namespace, instance.name, target)
    hosts = (f"*.{names.agent_callback_service(instance.namespace, instance.name)}.{target}.svc",)
    return CertificateSpec(name, name, "cryostat-agent", hosts, client=True, rsa=True)


def secrets(instance: Instance) -> dict[str, str]:
    """Names of all Secrets with certificates, that of the authority first, and of their Certificates."""
    return {authority_secret(instance).name: f"{instance.name}-ca"} | {leaf.secret: leaf.name for leaf in of(instance)}


def authority_secret(instance: Instance) -> Key:
    return Key("Secret", instance.namespace, names.ca_secret(instance.namespace, instance.name))


def keystore_secret(instance: Instance) -> str:
    """Secret with the password of the keystore."""
    return f"{instance.name}-keystore"
