"""A small client for S3: what a backup and a restore need, signed with version 4 of AWS signatures."""

from __future__ import annotations

import datetime
import hashlib
import ssl
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape

import aiohttp

from .aws_signature import REGION, authorize
from .manifest import BackupError

_CHUNK = 256 * 1024
_EMPTY = hashlib.sha256(b"").hexdigest()
_USER_METADATA = "x-amz-meta-"
_KEPT_HEADERS = ("Content-Type", "Content-Encoding", "Content-Disposition", "Content-Language", "Cache-Control")


@dataclass(frozen=True)
class Entry:
    """One object of a bucket; `size` is in bytes."""

    key: str
    size: int


class ObjectStorage:
    """One S3 service. All methods raise `BackupError` with one sentence if the service refuses or breaks.

    Args:
        url: address without a path.
        access_key: name of the user.
        secret_key: the key that signs requests. It is never sent.
        context: how to verify HTTPS.
        server_name: name in the certificate if it is not the host of the address.
        region: region of the bucket.
        token: session token of temporary credentials.
    """

    def __init__(
        self,
        url: str,
        access_key: str,
        secret_key: str,
        context: ssl.SSLContext | None = None,
        server_name: str | None = None,
        region: str = REGION,
        token: str = "",
    ) -> None:
        self._url = url.rstrip("/")
        self._host = self._url.partition("://")[2]
        self._access_key = access_key
        self._secret_key = secret_key
        self._context = context
        self._server_name = server_name
        self._region = region
        self._token = {"x-amz-security-token": token} if token else {}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=300)
        self._session = aiohttp.ClientSession(timeout=timeout, auto_decompress=False)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def buckets(self) -> list[str]:
        """Return the names of all buckets, sorted."""
        async with self._request("GET", "/") as response:
            root = _parse(await response.read())
        return sorted(_texts(root, "Name"))

    async def create_bucket(self, bucket: str) -> None:
        """Create a bucket."""
        async with self._request("PUT", f"/{bucket}"):
            pass

    async def entries(self, bucket: str, prefix: str = "") -> list[Entry]:
        """List all objects of a bucket whose keys start with the prefix."""
        found: list[Entry] = []
        query = {"list-type": "2", "max-keys": "1000", **({"prefix": prefix} if prefix else {})}
        while True:
            async with self._request("GET", f"/{bucket}", query) as response:
                root = _parse(await response.read())
            for element in root:
                if _tag(element) == "Contents":
                    keys, sizes = _texts(element, "Key"), _texts(element, "Size")
                    found.append(Entry(keys[0], int(sizes[0])))
            token = _texts(root, "NextContinuationToken")
            if not token or _texts(root, "IsTruncated") != ["true"]:
                return found
            query["continuation-token"] = token[0]

    async def read(self, bucket: str, key: str, on_chunk: Callable[[bytes], object]) -> dict[str, str]:
        """Read an object.

        Args:
            on_chunk: called with each chunk of the content.

        Returns:
            The headers to store it with.
        """
        async with self._request("GET", f"/{bucket}/{key}") as response:
            received = 0
            async for chunk in response.content.iter_chunked(_CHUNK):
                received += len(chunk)
                on_chunk(chunk)
            if response.content_length not in (None, received):
                raise BackupError(f"Object {bucket}/{key} was read only in part.")
            names = [
                name for name in response.headers if name in _KEPT_HEADERS or name.lower().startswith(_USER_METADATA)
            ]
            return {name: response.headers[name] for name in names}

    async def tags(self, bucket: str, key: str) -> dict[str, str]:
        """Return the tags of an object."""
        async with self._request("GET", f"/{bucket}/{key}", {"tagging": ""}) as response:
            root = _parse(await response.read())
        tags = [element for element in root.iter() if _tag(element) == "Tag"]
        return {_texts(tag, "Key")[0]: (_texts(tag, "Value") or [""])[0] for tag in tags}

    async def write(
        self,
        bucket: str,
        key: str,
        content: Iterable[bytes],
        size: int,
        sha256: str,
        headers: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> None:
        """Store an object of known size and digest, and its tags."""
        headers = {**headers, "Content-Length": str(size)}
        async with self._request("PUT", f"/{bucket}/{key}", headers=headers, content=content, sha256=sha256):
            pass
        if not tags:
            return
        pairs = "".join(f"<Tag><Key>{escape(k)}</Key><Value>{escape(v)}</Value></Tag>" for k, v in tags.items())
        body = f"<Tagging><TagSet>{pairs}</TagSet></Tagging>".encode()
        headers = {"Content-Length": str(len(body)), "Content-Type": "application/xml"}
        digest = hashlib.sha256(body).hexdigest()
        async with self._request("PUT", f"/{bucket}/{key}", {"tagging": ""}, headers, (body,), digest):
            pass

    async def store(self, bucket: str, key: str, content: bytes) -> None:
        """Store a small object."""
        digest = hashlib.sha256(content).hexdigest()
        await self.write(bucket, key, (content,), len(content), digest, {}, {})

    async def delete(self, bucket: str, key: str) -> None:
        """Delete an object."""
        async with self._request("DELETE", f"/{bucket}/{key}"):
            pass

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: Iterable[bytes] = (),
        sha256: str = _EMPTY,
    ) -> _Request:
        now = datetime.datetime.now(datetime.UTC)
        encoded = quote(path, safe="/-_.~")
        amazon = {name.lower(): value for name, value in (headers or {}).items() if name.lower().startswith("x-amz-")}
        own = {"host": self._host, "x-amz-content-sha256": sha256, "x-amz-date": f"{now:%Y%m%dT%H%M%SZ}"}
        signed = amazon | self._token | own
        text = urlencode(sorted((query or {}).items()), quote_via=quote, safe="-_.~")
        authorization = authorize(self._access_key, self._secret_key, method, encoded, text, signed, self._region)
        others = {name: value for name, value in (headers or {}).items() if name.lower() not in signed}
        # Without `identity`, the service may send a compressed copy, which would be restored as the content.
        all_headers = {"Accept-Encoding": "identity", **others, **signed, "Authorization": authorization}
        return _Request(
            self._session,
            method,
            f"{self._url}{encoded}{'?' if text else ''}{text}",
            all_headers,
            _chunks(content) if headers and "Content-Length" in headers else None,
            self._context,
            self._server_name,
        )


@dataclass
class _Request:
    """One request as a context manager; its errors become `BackupError`."""

    session: aiohttp.ClientSession
    method: str
    url: str
    headers: Mapping[str, str]
    body: AsyncIterator[bytes] | None
    context: ssl.SSLContext | None
    server_name: str | None

    async def __aenter__(self) -> aiohttp.ClientResponse:
        from yarl import URL

        try:
            self._response = await self.session.request(
                self.method,
                URL(self.url, encoded=True),
                headers=self.headers,
                data=self.body,
                ssl=self.context or True,
                server_hostname=self.server_name if self.context else None,
                skip_auto_headers=("Content-Type",),
                allow_redirects=False,  # the signature and the body are for this address only
            )
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            self._fail(f"{type(error).__name__} {error}".strip())
        if self._response.status >= 300:
            content = await self._response.read()
            self._response.release()
            self._fail(f"HTTP {self._response.status} {_error_code(content)}".strip())
        return self._response

    async def __aexit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if error is None:
            self._response.release()
            return
        self._response.close()
        if isinstance(error, aiohttp.ClientError | TimeoutError):
            self._fail(f"{type(error).__name__} {error}".strip())

    def _fail(self, cause: str) -> NoReturn:
        path = self.url.partition("://")[2].partition("/")[2].partition("?")[0]
        raise BackupError(f"The object storage does not answer {self.method} /{path}: {cause}.") from None


async def _chunks(content: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in content:
        yield chunk


def _parse(content: bytes) -> ET.Element:
    try:
        return ET.fromstring(content)  # noqa: S314 - from the storage of the instance
    except ET.ParseError:
        raise BackupError("The object storage sent an answer that is not XML.") from None


def _error_code(content: bytes) -> str:
    try:
        return "".join(_texts(ET.fromstring(content), "Code"))  # noqa: S314 - as above
    except ET.ParseError:
        return ""


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _texts(element: ET.Element, name: str) -> list[str]:
    return [each.text or "" for each in element.iter() if _tag(each) == name]
