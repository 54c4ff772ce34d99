"""Signs requests to S3 (AWS Signature Version 4, header authentication)."""

from __future__ import annotations

import datetime
import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import quote, urlsplit


@dataclass(frozen=True)
class Signer:
    """The keys of an identity."""

    access_key: str
    secret_key: str
    region: str

    def headers(self, method: str, url: str, body: bytes, now: datetime.datetime) -> dict[str, str]:
        """The headers of a signed request without query; `now` is in UTC."""
        parts = urlsplit(url)
        date, moment = now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ")
        digest = hashlib.sha256(body).hexdigest()
        signed = {"host": parts.netloc, "x-amz-content-sha256": digest, "x-amz-date": moment}
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        canonical = "\n".join([method, quote(parts.path or "/"), "", lines, names, digest])
        scope = f"{date}/{self.region}/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = f"AWS4{self.secret_key}".encode()
        for part in (date, self.region, "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        credential = f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}"
        return {**signed, "Authorization": f"{credential}, SignedHeaders={names}, Signature={signature}"}
