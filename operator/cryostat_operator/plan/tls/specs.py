"""The certificates of an instance: their names, host names, usages and Secrets."""

from __future__ import annotations

from dataclasses import dataclass

from ..instance import Instance
from ..model import names
from ..model.kinds import Key
from ..model.problems import Problem
from ..model.reasons import Reason

NAME = "tls"
SERVER = "server auth"
CLIENT = "client auth"
CERT_MANAGER_CA_NAME = "cryostat-ca-cert-manager"


@dataclass(frozen=True)
class CertificateSpec:
    """One certificate of an instance.

    Attributes:
        name: name of the Certificate object, if cert-manager issues it.
        secret: name of the Secret with the certificate and its private key.
        common_name: common name of the subject.
        dns_names: all host names that the certificate is valid for.
        client: whether it is also used as a client certificate.
        keystore: whether the Secret also contains PKCS #12 keystores.
        rsa: whether the private key is RSA, because a program that reads it may support nothing else.
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
        """Extended key usages, by cert-manager's names."""
        return (SERVER, CLIENT) if self.client else (SERVER,)


def certificates(instance: Instance) -> tuple[CertificateSpec, ...]:
    """Return all certificates except that of the certificate authority."""
    # Java reads the private keys of the application, the report generators and the agents; OpenSSL and Go read the
    # others.
    return (
        CertificateSpec(
            instance.name,
            keystore_certificate(instance),
            "cryostat",
            _host_names(instance, instance.name),
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
            _host_names(instance, f"{instance.name}-agent"),
        ),
        *(_agent(instance, target) for target in instance.reachable_targets),
    )


def _server(
    instance: Instance, component: str, common_name: str, *, client: bool = False, rsa: bool = False
) -> CertificateSpec:
    service = f"{instance.name}-{component}"
    dns_names = _host_names(instance, service)
    return CertificateSpec(service, f"{service}-tls", common_name, dns_names, client=client, rsa=rsa)


def _host_names(instance: Instance, service: str) -> tuple[str, ...]:
    """Return the host names of a Service in the install namespace."""
    return service, f"{service}.{instance.namespace}.svc", instance.service_host(service)


def _agent(instance: Instance, target: str) -> CertificateSpec:
    """Return the certificate that all agents of a target namespace share; it covers every name below the Service's."""
    name = names.agent_certificate(instance.namespace, instance.name, target)
    service = names.agent_callback_service(instance.namespace, instance.name)
    dns_names = (f"*.{service}.{target}.svc",)
    return CertificateSpec(name, name, "cryostat-agent", dns_names, client=True, rsa=True)


def certificate_names(instance: Instance) -> dict[str, str]:
    """Return the name of the Certificate for each Secret with a certificate, the certificate authority first."""
    names_by_secret = {ca_secret_key(instance).name: ca_certificate_name(instance)}
    return names_by_secret | {spec.secret: spec.name for spec in certificates(instance)}


def ca_certificate_name(instance: Instance) -> str:
    """Return the name of the certificate authority's Certificate and of the Issuer that signs with it."""
    return f"{instance.name}-ca"


def ca_secret_key(instance: Instance) -> Key:
    """Return the Secret of the certificate authority."""
    return Key("Secret", instance.namespace, names.ca_secret(instance.namespace, instance.name))


def keystore_certificate(instance: Instance) -> str:
    """Return the name of the Secret that contains keystores, in addition to a certificate."""
    return names.keystore(instance.name)


def keystore_secret(instance: Instance) -> str:
    """Return the name of the Secret with the password of the keystores."""
    return names.keystore_password(instance.name)


def waiting_for_certificate(message: str, lasting_remedy: str = "") -> Problem:
    """Return the problem of an object that waits for a certificate; waiting alone needs no action."""
    return Problem(NAME, Reason.WAITING_FOR_CERTIFICATE, message, lasting_remedy=lasting_remedy)
