"""Which values of a user's Secret are certificates that Java can import: in PEM or DER.

Without a size limit, a Secret with a MiB of other content would be decoded at each change.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

MAX_SIZE = 64 * 1024  # characters of a value, in base64, that are read
_PEM = re.compile(rb"-----BEGIN [A-Z0-9. ]*(CERTIFICATE|PKCS7|CMS)-----")
_DER_SEQUENCE = b"\x30"


def certificate_keys(data: Mapping[str, str]) -> frozenset[str]:
    """Return the keys whose values are certificates, or too large to be read.

    Args:
        data: `data` of a Secret, in base64.
    """
    return frozenset(key for key, value in data.items() if _is_certificate(value or ""))


def _is_certificate(value: str) -> bool:
    if len(value) > MAX_SIZE:
        return True
    try:
        content = base64.b64decode(value, validate=True)
    except binascii.Error:
        return False
    return content.startswith(_DER_SEQUENCE) or bool(_PEM.search(content))
