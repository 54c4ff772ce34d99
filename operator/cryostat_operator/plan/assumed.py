"""A snapshot of a cluster in which everything exists that a Cryostat needs, to plan without a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..api import constants
from ..api.v1beta2 import Cryostat
from ..settings import Settings
from .instance import Instance
from .model import names
from .model.certificates import CERTIFICATE, KEYS, TLS_CA_KEY, CertificateInfo
from .model.kinds import KINDS, Key, Obj
from .model.requests import CertificateRequest, CopyRequest
from .model.snapshot import ContentSummary, NamespaceState, ReferenceData, Snapshot
from .planner import Desired, build
from .tls import specs
from .tls.checks import Known

_PLACEHOLDER = "(certificate of the authority)"


def assumed_snapshot(cryostat: Cryostat, settings: Settings, *, openshift: bool) -> Snapshot:
    """Return a cluster with all target namespaces and with all certificates of the instance.

    cert-manager is installed if the Cryostat asks for it. The addresses of the API server are unknown.
    """
    targets = {*Instance(cryostat, Snapshot(), settings).target_namespaces, cryostat.metadata["namespace"]}
    namespaces = dict.fromkeys(targets, NamespaceState())
    snapshot = Snapshot(openshift, _served_kinds(cryostat, openshift=openshift), namespaces)
    instance = Instance(cryostat, snapshot, settings)
    if instance.tls_issuer == "cert-manager":
        live, certificates = _issued_by_cert_manager(instance)
        return _with_certificates(replace(snapshot, live=live), certificates)
    desired = build(cryostat, snapshot, settings)
    return _with_certificates(snapshot, _issued_by_operator(desired))


def assumed_data(desired: Desired) -> ReferenceData:
    """Return every Secret and ConfigMap that an object needs, with all keys that are needed or generated."""
    keys = {(reference.kind, reference.name): reference.keys for reference in desired.references}
    for key, request in desired.requests.items():
        if key.namespace == desired.instance.namespace:
            name = (key.kind, key.name)
            keys[name] = keys.get(name, frozenset()) | request.keys
    return {name: ContentSummary(found, "") for name, found in keys.items()}


def _served_kinds(cryostat: Cryostat, *, openshift: bool) -> frozenset[str]:
    with_cert_manager = bool(cryostat.spec.enable_cert_manager)
    optional = {"Route": openshift, "ConsoleLink": openshift}
    return frozenset(name for name, kind in KINDS.items() if optional.get(name, with_cert_manager or not kind.optional))


def _issued_by_operator(desired: Desired) -> dict[Key, CertificateInfo]:
    certificates: dict[Key, CertificateInfo] = {}
    for key, request in desired.requests.items():  # the authority comes first
        if isinstance(request, CertificateRequest):
            certificates[key] = assumed_certificate(request, certificates)
    return certificates


def _issued_by_cert_manager(instance: Instance) -> tuple[dict[Key, Obj], dict[Key, CertificateInfo]]:
    """Ready Certificates and their Secrets, as live objects; and what is in the Secrets."""
    live: dict[Key, Obj] = {}
    certificates: dict[Key, CertificateInfo] = {}
    ca_secret = specs.ca_secret_key(instance).name
    for secret, name in specs.certificate_names(instance).items():
        certificate_key = Key("Certificate", instance.namespace, name)
        status = {"conditions": [{"type": "Ready", "status": "True"}]}
        live[certificate_key] = {"kind": "Certificate", "metadata": _metadata(certificate_key), "status": status}
        secret_key = Key("Secret", instance.namespace, secret)
        metadata = _metadata(secret_key) | {"annotations": {constants.ANNOTATION_CERTIFICATE: name}}
        live[secret_key] = {"kind": "Secret", "metadata": metadata}
        certificates[secret_key] = assumed_issued(is_ca=secret == ca_secret)
    return live, certificates


def _metadata(key: Key) -> Obj:
    return {"name": key.name, "namespace": key.namespace}


def _with_certificates(snapshot: Snapshot, certificates: Mapping[Key, CertificateInfo]) -> Snapshot:
    pem = next((certificate.pem for certificate in certificates.values() if certificate.is_ca), None)
    return replace(snapshot, certificates=certificates, ca_certificate=pem)


def assumed_certificate(request: CertificateRequest | CopyRequest, known: Known) -> CertificateInfo:
    """Return what will be known of a certificate or a copy once the operator has fulfilled the request.

    Args:
        request: a request whose CA or source is in `known`.
        known: certificates of the instance that exist already.
    """
    if isinstance(request, CopyRequest):
        source = known[request.source]
        digests = {key: source.digests[origin] for key, origin in request.values.items() if origin in source.digests}
        return CertificateInfo(request.keys, digests, common_name=source.common_name, key_id=source.key_id)
    key_id = names.sha256(str(request.key))
    ca = known[request.ca] if request.ca else None
    trusted = ca.trusted if ca else frozenset({key_id})
    return CertificateInfo(
        request.keys,
        {CERTIFICATE: key_id, TLS_CA_KEY: names.sha256("".join(sorted(trusted)))},
        request.common_name,
        frozenset(request.dns_names),
        request.usages,
        ca is None,
        request.rsa,
        key_id,
        ca.key_id if ca else key_id,
        trusted,
        pem="" if ca else _PLACEHOLDER,
    )


def assumed_issued(*, is_ca: bool) -> CertificateInfo:
    """Return what will be known of a Secret once cert-manager has written it."""
    digests = {CERTIFICATE: names.sha256(CERTIFICATE), TLS_CA_KEY: names.sha256(TLS_CA_KEY)}
    return CertificateInfo(KEYS, digests, is_ca=is_ca, pem=_PLACEHOLDER if is_ca else "")
