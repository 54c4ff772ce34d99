"""Issuers and Certificates for cert-manager, and the Secrets that it writes.

Only fields that are set here are compared with the live objects, so that other defaults of another cert-manager
release do not change a Certificate and cause it to be issued again.
"""

from __future__ import annotations

from typing import Any

from .. import builders
from ..instance import Instance
from ..model.certificates import KEYSTORE_PASSWORD
from ..model.desired_state import Blocked, ComponentPlan
from ..model.kinds import KINDS, Key, Obj, key_of
from ..model.problems import Problem
from ..model.reasons import Reason
from . import specs
from .cert_manager_state import CertificateStatus, ca_status, certificate_status
from .specs import NAME, CertificateSpec

CA_DURATION = "87600h"  # ten years; other certificates have cert-manager's default of 90 days
_BASE_USAGES = ("digital signature", "key encipherment")


def build(instance: Instance) -> ComponentPlan:
    """Return Issuers and Certificates, and the Secrets of those that are ready.

    What the certificate authority signs is blocked until it is ready: an Issuer that does not find its Secret retries
    only after five seconds.
    """
    certificate_names = specs.certificate_names(instance)
    if not instance.cert_manager_served:
        problem = unavailable()
        return ComponentPlan(NAME, blocked=tuple(Blocked(_secret_key(instance, s), problem) for s in certificate_names))
    ca_objects = [issuer(instance, _self_signed(instance), {"selfSigned": {}}), ca_certificate(instance)]
    ca_issuer = {"ca": {"secretName": specs.ca_secret_key(instance).name}}
    signed = [issuer(instance, specs.ca_certificate_name(instance), ca_issuer)]
    signed += [certificate(instance, spec) for spec in specs.certificates(instance)]
    ca_problem = ca_status(instance).problem
    if ca_problem:
        blocked = [Blocked(key_of(obj), ca_problem) for obj in signed]
        return _with_issued_secrets(instance, ca_objects, blocked)
    return _with_issued_secrets(instance, ca_objects + signed, [])


def _with_issued_secrets(instance: Instance, requested: list[Obj], blocked: list[Blocked]) -> ComponentPlan:
    """Return the requested objects that may be written, and each Secret as an object, blocked, or to be deleted."""
    certificate_names = specs.certificate_names(instance)
    statuses = {secret: certificate_status(instance, name, secret) for secret, name in certificate_names.items()}
    for secret, status in statuses.items():
        blocked += _blocked(instance, certificate_names[secret], secret, status)
    held = {certificate_names[secret] for secret, status in statuses.items() if status.blocks_certificate}
    objects = [obj for obj in requested if obj["kind"] != "Certificate" or obj["metadata"]["name"] not in held]
    # cert-manager reconciles a Certificate after each write of its Secret: no Secret is changed before all are issued.
    complete = all(status.ready for status in statuses.values())
    objects += [
        _secret(instance, secret, certificate_names[secret], owned=complete)
        for secret, status in statuses.items()
        if status.ready
    ]
    delete = tuple(_secret_key(instance, secret) for secret, status in statuses.items() if status.must_delete_secret)
    return ComponentPlan(NAME, objects=tuple(objects), blocked=tuple(blocked), delete=delete)


def _blocked(instance: Instance, name: str, secret: str, status: CertificateStatus) -> list[Blocked]:
    if status.problem is None:
        return []
    keys = [_secret_key(instance, secret)]
    if status.blocks_certificate:
        keys.append(Key("Certificate", instance.namespace, name))
    return [Blocked(key, status.problem) for key in keys]


def unavailable() -> Problem:
    """Return the problem of a cluster without cert-manager."""
    return Problem(
        NAME,
        Reason.CERT_MANAGER_UNAVAILABLE,
        "cert-manager is not installed. spec.enableCertManager: true requires it. Install it, or remove the field: "
        "the operator then issues certificates itself.",
    )


def _secret_key(instance: Instance, name: str) -> Key:
    return Key("Secret", instance.namespace, name)


def _self_signed(instance: Instance) -> str:
    return f"{instance.name}-self-signed"


def issuer(instance: Instance, name: str, spec: Obj) -> Obj:
    """Return an Issuer in the install namespace."""
    return builders.owned(instance, "Issuer", name) | {"spec": spec}


def ca_certificate(instance: Instance) -> Obj:
    """Return the Certificate of the CA. It keeps its key when renewed: certificates signed before stay valid."""
    spec = {
        "isCA": True,
        "commonName": specs.CERT_MANAGER_CA_NAME,
        "duration": CA_DURATION,
        "privateKey": {"rotationPolicy": "Never"},
    }
    name, secret = specs.ca_certificate_name(instance), specs.ca_secret_key(instance).name
    return _certificate(instance, name, secret, _self_signed(instance), spec)


def certificate(instance: Instance, spec: CertificateSpec) -> Obj:
    """Return a Certificate signed by the CA."""
    fields: dict[str, Any] = {
        "commonName": spec.common_name,
        "dnsNames": list(spec.dns_names),
        "usages": [*_BASE_USAGES, *spec.usages],
    }
    if spec.keystore:
        password = {"name": specs.keystore_secret(instance), "key": KEYSTORE_PASSWORD}
        # cert-manager before 1.14 drops the unknown field `profile`.
        pkcs12 = {"create": True, "passwordSecretRef": password, "profile": "Modern2023"}
        fields["keystores"] = {"pkcs12": pkcs12}
    return _certificate(instance, spec.name, spec.secret, specs.ca_certificate_name(instance), fields)


def _certificate(instance: Instance, name: str, secret: str, issuer_name: str, fields: Obj) -> Obj:
    return builders.owned(instance, "Certificate", name) | {
        "spec": {
            **fields,
            "secretName": secret,
            # The default values, set explicitly because the defaults differ between releases.
            "issuerRef": {"name": issuer_name, "kind": "Issuer", "group": KINDS["Issuer"].group},
            # Ownership labels: the operator watches the Secret, and finds it when its Certificate no longer exists.
            "secretTemplate": {"labels": instance.ownership_labels},
        }
    }


def _secret(instance: Instance, name: str, certificate_name: str, *, owned: bool) -> Obj:
    """Return a Secret that cert-manager wrote; its Certificate becomes its controller, so that both are deleted."""
    obj = builders.labeled(instance, "Secret", name, instance.namespace) | {"type": "kubernetes.io/tls"}
    if not owned:
        return obj
    certificate_object = instance.live("Certificate", certificate_name) or {"metadata": {}}
    reference = {
        "apiVersion": KINDS["Certificate"].api_version,
        "kind": "Certificate",
        "name": certificate_name,
        "uid": certificate_object["metadata"].get("uid", ""),
        "controller": True,
    }
    # With --enable-certificate-owner-ref, cert-manager sets a reference with a further field, and restores it.
    present = (instance.live("Secret", name) or {"metadata": {}})["metadata"].get("ownerReferences") or ()
    obj["metadata"]["ownerReferences"] = [
        next((each for each in present if each.items() >= reference.items()), reference)
    ]
    return obj
