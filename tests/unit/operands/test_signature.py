"""Signatures of S3 requests. A real storage checks them in tests/node."""

from __future__ import annotations

import datetime

from tests.operands.signature import Signer

NOW = datetime.datetime(2013, 5, 24, tzinfo=datetime.UTC)
SIGNER = Signer("access", "secret", "us-east-1")
URL = "https://storage.test:8333/bucket/key"


def test_each_part_of_a_request_changes_the_signature() -> None:
    first = SIGNER.headers("PUT", URL, b"body", NOW)
    assert first["host"] == "storage.test:8333"
    assert first["x-amz-date"] == "20130524T000000Z"
    assert first["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=access/20130524/us-east-1/s3/aws4_request, ")
    others = (
        SIGNER.headers("GET", URL, b"body", NOW),
        SIGNER.headers("PUT", f"{URL}2", b"body", NOW),
        SIGNER.headers("PUT", URL, b"other", NOW),
        SIGNER.headers("PUT", URL, b"body", NOW + datetime.timedelta(seconds=1)),
        Signer("access", "wrong", "us-east-1").headers("PUT", URL, b"body", NOW),
        Signer("access", "secret", "eu-west-1").headers("PUT", URL, b"body", NOW),
    )
    signatures = {headers["Authorization"].rpartition("=")[2] for headers in (first, *others)}
    assert len(signatures) == 7
    assert SIGNER.headers("PUT", URL, b"body", NOW) == first


def test_a_presigned_url_is_that_of_the_documentation() -> None:
    """The example of https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html."""
    signer = Signer("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")
    url = signer.presigned("GET", "https://examplebucket.s3.amazonaws.com/test.txt", NOW, 86400)
    assert url.endswith("&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")
    assert "X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&" in url
