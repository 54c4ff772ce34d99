"""Signs requests to S3 with version 4 of AWS signatures."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

REGION = "us-east-1"  # SeaweedFS accepts any


def authorize(
    access_key: str,
    secret_key: str,
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    region: str = REGION,
) -> str:
    """Return the `Authorization` header of a request to S3.

    Args:
        path: percent-encoded.
        query: percent-encoded and sorted.
        headers: by lower-case name; all of them are signed. `x-amz-date` and `x-amz-content-sha256` are among them.
    """
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in sorted(headers))
    canonical = "\n".join((method, path, query, lines, names, headers["x-amz-content-sha256"]))
    date = headers["x-amz-date"]
    scope = f"{date[:8]}/{region}/s3/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{digest}".encode(), hashlib.sha256).hexdigest()
    return f"AWS4-HMAC-SHA256 Credential={access_key}/{scope},SignedHeaders={names},Signature={signature}"
