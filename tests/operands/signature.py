"""Signs requests to S3 (AWS Signature Version 4) by headers, or by the query of a presigned URL."""

from __future__ import annotations

import datetime
import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit


@dataclass(frozen=True)
class Signer:
    """The keys of an identity."""

    access_key: str
    secret_key: str
    region: str

    def headers(self, method: str, url: str, body: bytes, now: datetime.datetime) -> dict[str, str]:
        """The headers of a signed request without query; `now` is in UTC."""
        parts = urlsplit(url)
        digest = hashlib.sha256(body).hexdigest()
        signed = {"host": parts.netloc, "x-amz-content-sha256": digest, "x-amz-date": _moment(now)}
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        canonical = "\n".join([method, quote(parts.path or "/"), "", lines, names, digest])
        credential = f"AWS4-HMAC-SHA256 Credential={self.access_key}/{self._scope(now)}"
        signature = self._signature(canonical, now)
        return {**signed, "Authorization": f"{credential}, SignedHeaders={names}, Signature={signature}"}

    def presigned(self, method: str, url: str, now: datetime.datetime, seconds: int) -> str:
        """The URL with a signature that is valid for some seconds from `now` (UTC)."""
        parts = urlsplit(url)
        parameters = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{self.access_key}/{self._scope(now)}",
            "X-Amz-Date": _moment(now),
            "X-Amz-Expires": str(seconds),
            "X-Amz-SignedHeaders": "host",
        }
        query = urlencode(sorted(parameters.items()), quote_via=quote, safe="")
        lines = f"host:{parts.netloc}\n"
        canonical = "\n".join([method, quote(parts.path or "/"), query, lines, "host", "UNSIGNED-PAYLOAD"])
        return f"{url}?{query}&X-Amz-Signature={self._signature(canonical, now)}"

    def _scope(self, now: datetime.datetime) -> str:
        return f"{now:%Y%m%d}/{self.region}/s3/aws4_request"

    def _signature(self, canonical: str, now: datetime.datetime) -> str:
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256", _moment(now), self._scope(now), digest])
        key = f"AWS4{self.secret_key}".encode()
        for part in self._scope(now).split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.digest(key, text.encode(), "sha256").hex()


def _moment(now: datetime.datetime) -> str:
    return now.strftime("%Y%m%dT%H%M%SZ")
