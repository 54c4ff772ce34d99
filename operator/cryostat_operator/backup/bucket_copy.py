"""Copies a complete backup into an S3 bucket and back."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..api.backup_schedule import AUTHORITIES_VARIABLE
from ..api.backup_schedule import S3 as SCHEME
from .aws_signature import REGION
from .folder import open_folder
from .manifest import MANIFEST, BackupError
from .object_storage import ObjectStorage
from .s3_request import StorageRequestError

LARGEST_UPLOAD = 5 * 1024**3  # bytes that S3 accepts in one request


@dataclass(frozen=True)
class BucketPlace:
    """Where a backup is in S3.

    Attributes:
        bucket: name of a bucket that exists.
        prefix: start of the keys, without a slash at the end.
    """

    bucket: str
    prefix: str

    def __str__(self) -> str:
        """The address of the backup."""
        return f"{SCHEME}{self.bucket}/{self.prefix}"

    def key(self, path: str) -> str:
        """Return the key of one file of the backup."""
        return f"{self.prefix}/{path}"


def parse_place(text: str) -> BucketPlace | None:
    """Return the place that `s3://BUCKET/PREFIX` names; None if the text is the path of a folder.

    Raises:
        BackupError: bucket or prefix is missing.
    """
    if not text.startswith(SCHEME):
        return None
    bucket, _, prefix = text.removeprefix(SCHEME).partition("/")
    prefix = prefix.strip("/")
    if not bucket or not prefix:
        raise BackupError(f"{text} needs a bucket and a prefix: {SCHEME}BUCKET/PREFIX.")
    return BucketPlace(bucket, prefix)


def open_service(environment: Mapping[str, str]) -> ObjectStorage:
    """Open the S3 service that the variables of AWS tools name.

    Raises:
        BackupError: there are no credentials, or the certificates of authorities cannot be used.
    """
    access, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    if not access or not secret:
        raise BackupError("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set for an s3:// address.")
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or REGION
    named = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    token = environment.get("AWS_SESSION_TOKEN", "")
    url = named or f"https://s3.{region}.amazonaws.com"
    return ObjectStorage(url, access, secret, _trust(environment), region=region, token=token)


def _trust(environment: Mapping[str, str]) -> ssl.SSLContext | None:
    """The TLS context that trusts the authorities in the environment; None if the environment has none."""
    file = environment.get("AWS_CA_BUNDLE")
    # Comments between certificates may have other characters, which Python refuses.
    certificates = environment.get(AUTHORITIES_VARIABLE, "").encode("ascii", "ignore").decode()
    if not file and not certificates:
        return None
    try:
        return ssl.create_default_context(cafile=file) if file else ssl.create_default_context(cadata=certificates)
    except OSError as error:  # also for a file or text without certificates
        source = f"{file} (AWS_CA_BUNDLE)" if file else AUTHORITIES_VARIABLE
        raise BackupError(f"{source} cannot be used: {error.strerror or error}.") from None


async def check_free(service: ObjectStorage, place: BucketPlace) -> None:
    """Check before a backup is made that it can be stored: bucket and credentials are usable, the prefix is free.

    Raises:
        BackupError: the service refuses the request, or the prefix is in use.
    """
    with _explained(place):
        if await service.entries(place.bucket, place.key("")):
            raise BackupError(f"{place} already contains objects. Choose another prefix.")


async def upload(service: ObjectStorage, place: BucketPlace, directory: Path) -> None:
    """Store a complete backup, with the manifest as the last file. After an error the stored files are deleted.

    Raises:
        BackupError: the prefix is in use, a file is too large, or the service refuses a request.
    """
    folder = open_folder(directory)
    manifest = folder.manifest
    large = next((path for path, part in manifest.parts.items() if part.size > LARGEST_UPLOAD), None)
    if large:
        raise BackupError(f"{large} is larger than 5 GiB, the limit of S3 for one request. Use a folder.")
    await check_free(service, place)
    written = []
    try:
        with _explained(place):
            for path, part in sorted(manifest.parts.items()):
                written.append(path)
                content = folder.chunks(path)
                await service.write(place.bucket, place.key(path), content, part.size, part.sha256, {}, {})
            written.append(MANIFEST)
            await service.store(place.bucket, place.key(MANIFEST), folder.read(MANIFEST))
    except BaseException:
        for path in reversed(written):  # the manifest first: without it, no backup is complete
            with contextlib.suppress(BackupError):  # the first error is the one to report
                await service.delete(place.bucket, place.key(path))
        raise


async def download(service: ObjectStorage, place: BucketPlace, directory: Path) -> None:
    """Copy a backup into a folder, without checking it.

    Raises:
        BackupError: there is no complete backup, or the folder cannot be written.
    """
    with _explained(place):
        await _fetch(service, place, MANIFEST, directory)
        for path in open_folder(directory).manifest.parts:
            await _fetch(service, place, path, directory)


@contextlib.contextmanager
def _explained(place: BucketPlace) -> Iterator[None]:
    """Raise errors of the service with a text that names what to do."""
    try:
        yield
    except StorageRequestError as error:
        raise BackupError(_explanation(error, place)) from None


def _explanation(error: StorageRequestError, place: BucketPlace) -> str:
    if error.untrusted:
        return (
            f"The certificate of the S3 service is not trusted ({error.untrusted}). Set AWS_CA_BUNDLE to a file with "
            "the certificate of its authority."
        )
    if error.code == "NoSuchBucket":
        return f"Bucket {place.bucket} does not exist. Create it, or correct {place}."
    if error.status == 404:
        return f"There is no complete backup at {place}."
    if error.status in (401, 403):
        return (
            f"The S3 service refuses the credentials ({error.code or error.status}). Check AWS_ACCESS_KEY_ID and "
            f"AWS_SECRET_ACCESS_KEY, and their permissions for bucket {place.bucket}."
        )
    return str(error)


async def _fetch(service: ObjectStorage, place: BucketPlace, path: str, directory: Path) -> None:
    target = directory / path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            await service.read(place.bucket, place.key(path), file.write)
    except OSError as error:
        raise BackupError(f"{directory} cannot be written: {error.strerror or error}.") from None
