"""A backup in S3 is complete or absent."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from cryostat_operator.backup import bucket_copy
from cryostat_operator.backup.bucket_copy import (
    BucketPlace,
    check_free,
    download,
    open_service,
    parse_place,
    upload,
)
from cryostat_operator.backup.folder import open_folder
from cryostat_operator.backup.manifest import MANIFEST, BackupError
from cryostat_operator.backup.object_storage import Entry
from cryostat_operator.backup.s3_request import MissingObjectError, StorageRequestError
from cryostat_operator.pki import signing
from cryostat_operator.pki.signing import CertificateTemplate
from tests.unit.backup.instance import Storage

PLACE = BucketPlace("backups", "daily/1")


def untyped(storage: Storage) -> Any:
    return storage


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("backup-1", None),
        ("s3:/x", None),
        ("s3://backups/daily/1", PLACE),
        ("s3://backups/daily/1/", PLACE),
    ],
)
def test_s3_addresses_are_parsed(text: str, place: BucketPlace | None) -> None:
    assert parse_place(text) == place


@pytest.mark.parametrize("text", ["s3://", "s3://backups", "s3://backups/", "s3:///daily"])
def test_incomplete_s3_addresses_are_refused(text: str) -> None:
    with pytest.raises(BackupError, match=r"^s3://\S* needs a bucket and a prefix: s3://BUCKET/PREFIX\.$"):
        parse_place(text)


async def test_a_folder_is_uploaded_and_downloaded(backup: Path, tmp_path: Path) -> None:
    storage = Storage({"backups": {"daily/10/x": b""}})
    await upload(untyped(storage), PLACE, backup)
    assert next(reversed(storage.content["backups"])) == f"daily/1/{MANIFEST}"
    await download(untyped(storage), PLACE, tmp_path / "copy")
    copy = open_folder(tmp_path / "copy")
    copy.check()
    assert copy.manifest == open_folder(backup).manifest
    with pytest.raises(BackupError, match=r"^s3://backups/daily/1 already contains objects\. Choose another prefix\.$"):
        await upload(untyped(storage), PLACE, backup)


async def test_no_file_is_left_after_an_error(backup: Path) -> None:
    storage = Storage({"backups": {}}, refuse="HTTP 507")
    with pytest.raises(BackupError, match="507"):
        await upload(untyped(storage), PLACE, backup)
    assert storage.content == {"backups": {}}


@pytest.mark.parametrize("error", [BackupError("the connection broke"), asyncio.CancelledError()])
async def test_no_manifest_is_left_if_its_answer_does_not_arrive(backup: Path, error: BaseException) -> None:
    class Unanswering(Storage):
        async def store(self, *arguments: Any) -> None:
            await super().store(*arguments)
            raise error

    storage = Unanswering({"backups": {}})
    with pytest.raises(type(error)):
        await upload(untyped(storage), PLACE, backup)
    assert storage.content == {"backups": {}}


async def test_a_file_that_is_too_large_is_refused(backup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket_copy, "LARGEST_UPLOAD", 1)
    storage = Storage({"backups": {}})
    with pytest.raises(BackupError, match=r" is larger than 5 GiB, the limit of S3 for one request\. Use a folder\.$"):
        await upload(untyped(storage), PLACE, backup)
    assert storage.content == {"backups": {}}


async def test_a_missing_backup_is_reported(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="404"):
        await download(untyped(Storage({"backups": {}})), PLACE, tmp_path)


async def test_an_unwritable_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BackupError, match="cannot be written"):
        await download(untyped(Storage({"backups": {}})), PLACE, tmp_path / "file")


CREDENTIALS = "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and their permissions for bucket backups."


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            StorageRequestError("x", untrusted="self-signed certificate"),
            "The certificate of the S3 service is not trusted (self-signed certificate). Set AWS_CA_BUNDLE to a file "
            "with the certificate of its authority.",
        ),
        (
            MissingObjectError("x", 404, "NoSuchBucket"),
            "Bucket backups does not exist. Create it, or correct s3://backups/daily/1.",
        ),
        (MissingObjectError("x", 404, "NoSuchKey"), "There is no complete backup at s3://backups/daily/1."),
        (
            StorageRequestError("x", 403, "InvalidAccessKeyId"),
            "The S3 service refuses the credentials (InvalidAccessKeyId). Check AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, and their permissions for bucket backups.",
        ),
        (StorageRequestError("x", 401), f"The S3 service refuses the credentials (401). {CREDENTIALS}"),
        (StorageRequestError("The request failed.", 507), "The request failed."),
    ],
)
async def test_refusals_of_the_service_say_what_to_do(
    backup: Path, tmp_path: Path, error: StorageRequestError, message: str
) -> None:
    class Refusing(Storage):
        async def entries(self, *_: object) -> list[Entry]:
            raise error

        async def read(self, *_: object) -> dict[str, str]:
            raise error

    service = untyped(Refusing({"backups": {}}))
    for attempt in (check_free(service, PLACE), upload(service, PLACE, backup), download(service, PLACE, tmp_path)):
        with pytest.raises(BackupError) as raised:
            await attempt
        assert str(raised.value) == message


async def test_a_refusal_while_files_are_stored_says_what_to_do(backup: Path) -> None:
    class Refusing(Storage):
        async def store(self, *_: object) -> None:
            raise StorageRequestError("x", 403, "AccessDenied")

    with pytest.raises(BackupError, match=r"^The S3 service refuses the credentials \(AccessDenied\)\. "):
        await upload(untyped(Refusing({"backups": {}})), PLACE, backup)


def test_credentials_are_needed() -> None:
    with pytest.raises(
        BackupError, match=r"^AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set for an s3:// address\.$"
    ):
        open_service({"AWS_ACCESS_KEY_ID": "user"})


async def test_settings_come_from_the_variables_of_aws() -> None:
    login = {"AWS_ACCESS_KEY_ID": "user", "AWS_SECRET_ACCESS_KEY": "key"}
    unreachable = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_SESSION_TOKEN": "token"}
    service = open_service({**login, **unreachable})
    with pytest.raises(BackupError, match="request GET / to the object storage failed"):
        await service.buckets()
    await service.aclose()


LOGIN = {"AWS_ACCESS_KEY_ID": "user", "AWS_SECRET_ACCESS_KEY": "key"}


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "CRYOSTAT_BACKUP_CA_CERTIFICATES"])
async def test_authorities_are_read_from_a_file_or_a_variable(tmp_path: Path, variable: str) -> None:
    authority = signing.sign_certificate(CertificateTemplate("ca"), signing.new_key(), 1_800_000_000.0)
    text = "# Société\n".encode() + signing.certificates_pem([authority])
    file = tmp_path / "ca.pem"
    file.write_bytes(text)
    service = open_service({**LOGIN, variable: str(file) if variable == "AWS_CA_BUNDLE" else text.decode()})
    context = service._service.context
    assert context
    assert len(context.get_ca_certs()) == 1
    await service.aclose()


def test_without_certificates_the_message_names_file_or_variable(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(BackupError) as missing:
        open_service({**LOGIN, "AWS_CA_BUNDLE": str(tmp_path / "missing")})
    assert str(missing.value) == f"{tmp_path / 'missing'} (AWS_CA_BUNDLE) cannot be used: No such file or directory."
    with pytest.raises(BackupError) as empty:
        open_service({**LOGIN, "AWS_CA_BUNDLE": str(tmp_path / "empty")})
    assert str(empty.value).startswith(f"{tmp_path / 'empty'} (AWS_CA_BUNDLE) cannot be used: ")
    for text in ("nothing", "# é"):
        with pytest.raises(BackupError, match=r"^CRYOSTAT_BACKUP_CA_CERTIFICATES cannot be used: ") as error:
            open_service({**LOGIN, "CRYOSTAT_BACKUP_CA_CERTIFICATES": text})
        assert text not in str(error.value)
