"""A CA, and the encoded content of TLS Secrets."""

from __future__ import annotations

import base64

from cryostat_operator.pki import authority, signing
from cryostat_operator.plan.model.kinds import Key
from cryostat_operator.plan.model.requests import CertificateRequest

NOW, DAY = 1_800_000_000.0, signing.DAY
CA_REQUEST = CertificateRequest(Key("Secret", "n", "ca"), "cryostat-ca")
CA = authority.ensure_ca(CA_REQUEST, {}, NOW)


def encoded(data: authority.Data, **replaced: bytes) -> dict[str, str]:
    names = {key.replace("_", "."): value for key, value in replaced.items()}
    return {key: base64.b64encode(value).decode() for key, value in {**data, **names}.items()}
