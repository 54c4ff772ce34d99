"""A small client for S3: what a backup and a restore need."""

from __future__ import annotations

import hashlib
import ssl
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

import aiohttp

from .aws_signature import REGION
from .manifest import BackupError
from .s3_request import S3Request, S3Service

_CHUNK = 256 * 1024  # bytes
_USER_METADATA = "x-amz-meta-"
_KEPT_HEADERS = ("Content-Type", "Content-Encoding", "Content-Disposition", "Content-Language", "Cache-Control")


@dataclass(frozen=True)
class Entry:
    """One object of a bucket; `size` is in bytes."""

    key: str
    size: int


class ObjectStorage:
    """One S3 service. All methods raise `BackupError` if the service refuses a request or the connection breaks.

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
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=300)
        session = aiohttp.ClientSession(timeout=timeout, auto_decompress=False)
        keys = access_key, secret_key
        self._service = S3Service(session, url.rstrip("/"), *keys, context, server_name, region, token)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._service.session.close()

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
                    found.append(_entry(element))
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

        Raises:
            MissingObjectError: it does not exist.
        """
        async with self._request("GET", f"/{bucket}/{key}") as response:
            async for chunk in response.content.iter_chunked(_CHUNK):
                on_chunk(chunk)
            names = [
                name for name in response.headers if name in _KEPT_HEADERS or name.lower().startswith(_USER_METADATA)
            ]
            return {name: response.headers[name] for name in names}

    async def tags(self, bucket: str, key: str) -> dict[str, str]:
        """Return the tags of an object. Raises `MissingObjectError` if it does not exist."""
        async with self._request("GET", f"/{bucket}/{key}", {"tagging": ""}) as response:
            root = _parse(await response.read())
        tags = [element for element in root.iter() if _tag(element) == "Tag"]
        return {"".join(_texts(tag, "Key")): "".join(_texts(tag, "Value")) for tag in tags}

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
        """Store an object of known size and digest, and its tags.

        Args:
            content: chunks, which can be read more than once: after some errors the request is repeated.
        """
        headers = {**headers, "Content-Length": str(size)}
        async with S3Request(self._service, "PUT", f"/{bucket}/{key}", {}, headers, content, sha256):
            pass
        if not tags:
            return
        pairs = "".join(f"<Tag><Key>{escape(k)}</Key><Value>{escape(v)}</Value></Tag>" for k, v in tags.items())
        body = f"<Tagging><TagSet>{pairs}</TagSet></Tagging>".encode()
        headers = {"Content-Length": str(len(body)), "Content-Type": "application/xml"}
        digest = hashlib.sha256(body).hexdigest()
        async with S3Request(self._service, "PUT", f"/{bucket}/{key}", {"tagging": ""}, headers, (body,), digest):
            pass

    async def store(self, bucket: str, key: str, content: bytes) -> None:
        """Store a small object."""
        digest = hashlib.sha256(content).hexdigest()
        await self.write(bucket, key, (content,), len(content), digest, {}, {})

    async def delete(self, bucket: str, key: str) -> None:
        """Delete an object."""
        async with self._request("DELETE", f"/{bucket}/{key}"):
            pass

    def _request(self, method: str, path: str, query: Mapping[str, str] | None = None) -> S3Request:
        return S3Request(self._service, method, path, query or {})


def _parse(content: bytes) -> ET.Element:
    try:
        return ET.fromstring(content)  # noqa: S314 - from the storage of the instance
    except ET.ParseError:
        raise BackupError("The object storage sent an answer that is not XML.") from None


def _entry(element: ET.Element) -> Entry:
    key, size = "".join(_texts(element, "Key")), "".join(_texts(element, "Size"))
    if not key or not size.isdecimal():
        raise BackupError("The object storage sent a list of objects without a key or a size.")
    return Entry(key, int(size))


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _texts(element: ET.Element, name: str) -> list[str]:
    return [each.text or "" for each in element.iter() if _tag(each) == name]
