"""Signatures of requests."""

from __future__ import annotations

import hashlib

from cryostat_operator.backup.aws_signature import authorize


def test_consecutive_spaces_in_a_header_count_as_one() -> None:
    headers = {"host": "a", "x-amz-content-sha256": "b", "x-amz-date": "20130524T000000Z"}
    found = [authorize("u", "k", "PUT", "/", "", {**headers, "x-amz-meta-m": text}) for text in (" c d", "c   d ")]
    assert found[0] == found[1]


def test_the_signature_of_the_documentation_of_aws() -> None:
    """The example "GET Bucket (List Objects)" of the Amazon S3 API Reference."""
    headers = {
        "host": "examplebucket.s3.amazonaws.com",
        "x-amz-content-sha256": hashlib.sha256(b"").hexdigest(),
        "x-amz-date": "20130524T000000Z",
    }
    key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    found = authorize("AKIAIOSFODNN7EXAMPLE", key, "GET", "/", "max-keys=2&prefix=J", headers)
    assert found == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        "SignedHeaders=host;x-amz-content-sha256;x-amz-date,"
        "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
    )
