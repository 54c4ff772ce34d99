"""Signatures of S3 requests: a real storage checks them in tests of a node."""

from __future__ import annotations

import datetime

from tests.operands.signature import Signer

NOW = datetime.datetime(2013, 5, 24, tzinfo=datetime.UTC)
SIGNER = Signer("access", "secret", "us-east-1")
URL = "https://storage.test:8333/bucket/key"


def test_everything_that_is_sent_changes_the_signature() -> None:
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
