"""Secrets with a keystore, as cert-manager writes them."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from cryostat_operator.api import constants
from cryostat_operator.pki import signing
from cryostat_operator.plan.model.kinds import Obj
from tests.unit.observe.objects import owned

KEY = signing.new_key()
CERTIFICATE = signing.sign_certificate(signing.CertificateTemplate("x"), KEY, 1_700_000_000.0)
BY_CERT_MANAGER = {constants.ANNOTATION_CERTIFICATE: "x"}


def keystore(password: str, annotations: dict[str, str] | None = None) -> Obj:
    encryption = BestAvailableEncryption(password.encode())
    values = {
        "keystore.p12": pkcs12.serialize_key_and_certificates(b"x", KEY, CERTIFICATE, None, encryption),
        "tls.crt": signing.certificates_pem([CERTIFICATE]),
    }
    data = {name: base64.b64encode(value).decode() for name, value in values.items()}
    return owned("x-tls", data=data, metadata={"annotations": BY_CERT_MANAGER if annotations is None else annotations})
