"""The client's handling of responses of the API server."""

from __future__ import annotations

import pytest

from cryostat_operator.kube.errors import ApiError, ApiUnavailable
from cryostat_operator.kube.responses import TooManyRequests, Unauthorized, decode, retry_seconds


def test_an_object() -> None:
    assert decode(200, {}, b'{"kind":"Pod"}') == {"kind": "Pod"}
    assert decode(200, {}, b"") == {}


def test_an_error_has_the_reason_of_the_api_server() -> None:
    with pytest.raises(ApiError) as caught:
        decode(409, {}, b'{"kind":"Status","reason":"Conflict","message":"changed"}')
    assert (caught.value.status, caught.value.reason) == (409, "Conflict")


def test_an_error_without_json_keeps_the_beginning_of_its_text() -> None:
    with pytest.raises(ApiUnavailable) as caught:
        decode(503, {}, b"x" * 1000)
    assert "x" * 500 in str(caught.value)
    assert "x" * 501 not in str(caught.value)


def test_text_that_is_not_json_is_returned_whole() -> None:
    assert decode(200, {}, b"2024 a\n" * 1000) == {"text": "2024 a\n" * 1000}


@pytest.mark.parametrize("body", [b"7", b'"x"', b'["x"]', b"null"])
def test_json_that_is_not_an_object_is_text(body: bytes) -> None:
    assert decode(200, {}, body) == {"text": body.decode()}
    with pytest.raises(ApiError) as caught:
        decode(404, {}, body)
    assert caught.value.message == body.decode()


def test_expired_credentials() -> None:
    with pytest.raises(Unauthorized):
        decode(401, {}, b"")


@pytest.mark.parametrize(
    ("header", "seconds"), [(None, 1.0), ("", 1.0), ("3", 3.0), ("0", 0.1), ("9999", 10.0), ("Wed, 21 Oct", 1.0)]
)
def test_the_retry_delay_of_a_response(header: str | None, seconds: float) -> None:
    assert retry_seconds(header) == seconds
    with pytest.raises(TooManyRequests) as caught:
        decode(429, {"Retry-After": header} if header is not None else {}, b"")
    assert caught.value.seconds == seconds
