"""Signs and sends single requests to S3, and repeats those that an overloaded service refuses."""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import ssl
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from .aws_signature import REGION, authorize
from .manifest import BackupError

EMPTY = hashlib.sha256(b"").hexdigest()
# A service that is overloaded (`SlowDown`), restarts or fails for a moment.
_REPEATED_STATUSES = frozenset({429, 500, 502, 503, 504})
RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0)  # waits before further attempts


class StorageRequestError(BackupError):
    """A request to the object storage failed.

    Attributes:
        status: HTTP status; 0 without a response.
        code: of the error, such as `NoSuchBucket`; empty if the response has none.
        untrusted: why the certificate of the service is not trusted; empty if that is not the cause.
    """

    def __init__(self, message: str, status: int = 0, code: str = "", untrusted: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.untrusted = untrusted


class MissingObjectError(StorageRequestError):
    """The bucket or the object of a request does not exist."""


@dataclass(frozen=True)
class S3Service:
    """Address, credentials and connections of one S3 service.

    Attributes:
        url: address without a path.
        access_key: name of the user.
        secret_key: the key that signs requests. It is never sent.
        context: how to verify HTTPS; None for the authorities of the system.
        server_name: name in the certificate if it is not the host of the address.
        region: region of the bucket.
        token: session token of temporary credentials.
    """

    session: aiohttp.ClientSession
    url: str
    access_key: str
    secret_key: str = field(repr=False)
    context: ssl.SSLContext | None = None
    server_name: str | None = None
    region: str = REGION
    token: str = field(default="", repr=False)


@dataclass
class S3Request:
    """One request as a context manager, which yields the response; its errors become `BackupError`.

    Attributes:
        path: not encoded.
        content: the body of an upload, with its size in the header `Content-Length`. It is read again if the request
            is repeated.
        sha256: digest of the content.
    """

    service: S3Service
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: Iterable[bytes] = ()
    sha256: str = EMPTY

    async def __aenter__(self) -> aiohttp.ClientResponse:
        for seconds in (*RETRY_SECONDS, None):
            status, code = await self._attempt()
            if status < 300:
                return self._response
            if seconds is None or status not in _REPEATED_STATUSES:
                break
            await asyncio.sleep(seconds)
        kind = MissingObjectError if status == 404 else StorageRequestError
        raise kind(self._message(f"HTTP {status} {code}".strip()), status, code)

    async def __aexit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if error is None:
            self._response.release()
            return
        self._response.close()
        if isinstance(error, aiohttp.ClientError | TimeoutError):
            raise BackupError(self._message(f"{type(error).__name__} {error}".strip())) from None

    async def _attempt(self) -> tuple[int, str]:
        """Send the request once. Returns the status, and the code of the error if there is one."""
        encoded = quote(self.path, safe="/-_.~")
        query = urlencode(sorted(self.query.items()), quote_via=quote, safe="-_.~")
        try:
            self._response = await self.service.session.request(
                self.method,
                URL(f"{self.service.url}{encoded}{'?' if query else ''}{query}", encoded=True),
                headers=self._signed_headers(encoded, query),
                data=_chunks(self.content) if "Content-Length" in self.headers else None,
                ssl=self.service.context or True,
                server_hostname=self.service.server_name if self.service.context else None,
                skip_auto_headers=("Content-Type",),
                allow_redirects=False,  # the signature and the body are for this address only
            )
            if self._response.status < 300:
                return self._response.status, ""
            async with self._response:
                return self._response.status, _error_code(await self._response.read())
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:  # ValueError: the address is invalid
            message = self._message(f"{type(error).__name__} {error}".strip())
            raise StorageRequestError(message, untrusted=_untrusted(error)) from None

    def _signed_headers(self, path: str, query: str) -> dict[str, str]:
        service, now = self.service, datetime.datetime.now(datetime.UTC)
        amazon = {name.lower(): value for name, value in self.headers.items() if name.lower().startswith("x-amz-")}
        host = service.url.partition("://")[2]
        own = {"host": host, "x-amz-content-sha256": self.sha256, "x-amz-date": f"{now:%Y%m%dT%H%M%SZ}"}
        token = {"x-amz-security-token": service.token} if service.token else {}
        signed = amazon | token | own
        keys = service.access_key, service.secret_key
        authorization = authorize(*keys, self.method, path, query, signed, service.region)
        others = {name: value for name, value in self.headers.items() if name.lower() not in signed}
        # Without `identity`, the service may send a compressed copy, which would be restored as the content.
        return {"Accept-Encoding": "identity", **others, **signed, "Authorization": authorization}

    def _message(self, cause: str) -> str:
        path = quote(self.path, safe="/-_.~")
        return f"The request {self.method} {path} to the object storage failed: {cause}."


def _untrusted(error: Exception) -> str:
    if not isinstance(error, aiohttp.ClientConnectorCertificateError):
        return ""
    return str(getattr(error.certificate_error, "verify_message", "") or type(error).__name__)


async def _chunks(content: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in content:
        yield chunk


def _error_code(content: bytes) -> str:
    try:
        root = ET.fromstring(content)  # noqa: S314 - from the storage of the instance
    except ET.ParseError:
        return ""
    return "".join(each.text or "" for each in root.iter() if each.tag.rpartition("}")[2] == "Code")
