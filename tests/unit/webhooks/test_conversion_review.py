"""Responses to ConversionReviews, which are converted object by object."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryostat_operator.api import constants
from cryostat_operator.api.conversion import ANNOTATION
from cryostat_operator.webhooks import conversion_review
from cryostat_operator.webhooks.conversion_review import OBJECT_LIMITS, ConversionReview
from cryostat_operator.webhooks.reviews import MalformedReviewError
from tests.unit.webhooks.conversion_requests import OLD, cryostat, review


def answer(body: Any, size: int = 1 << 20) -> dict[str, Any]:
    """The response to a body that arrives in parts of `size` bytes."""
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    found = ConversionReview()
    parts = [found.feed(data[start : start + size]) for start in range(0, len(data), size)]
    decoded = orjson.loads(b"".join([*parts, found.finish()]))
    assert (decoded["apiVersion"], decoded["kind"]) == ("apiextensions.k8s.io/v1", "ConversionReview")
    response: dict[str, Any] = decoded["response"]
    return response


@pytest.mark.parametrize("count", [0, 1, 3, 500])
@pytest.mark.parametrize("size", [7, 1 << 20])
def test_all_objects_are_converted_in_their_order(count: int, size: int) -> None:
    response = answer(review([cryostat(number) for number in range(count)], other={"objects": 1}), size)
    assert (response["uid"], response["result"]) == ("1", {"status": "Success"})
    assert [obj["metadata"]["name"] for obj in response["convertedObjects"]] == [f"x{n}" for n in range(count)]
    assert {obj["apiVersion"] for obj in response["convertedObjects"]} <= {constants.API_VERSION}
    assert all(obj["metadata"]["annotations"]["notes"] == "é" for obj in response["convertedObjects"])


@pytest.mark.parametrize("objects", [[None], [5], [{}], [cryostat(), "x"], [cryostat(), []], [cryostat(), {"a": 1}]])
def test_objects_that_cannot_be_converted(objects: list[Any]) -> None:
    response = answer(review(objects))
    assert response["result"]["status"] == "Failure"
    assert response["result"]["message"]
    assert response["uid"] == "1"
    assert "convertedObjects" not in response


def test_an_unknown_version_is_a_failure() -> None:
    assert answer(review([cryostat()], "example.com/v1"))["result"]["status"] == "Failure"


def test_a_failure_after_the_beginning_of_the_response_ends_it() -> None:
    objects = [cryostat(0, conversion_review.FLUSH_BYTES), {"apiVersion": "v1"}, cryostat(2)]
    response = answer(review(objects), 1000)
    assert [obj["metadata"]["name"] for obj in response["convertedObjects"]] == ["x0"]
    assert response["result"]["status"] == "Failure"


def test_the_response_is_sent_in_parts() -> None:
    found = ConversionReview()
    data = orjson.dumps(review([cryostat(number, 10_000) for number in range(50)]))
    longest, parts = 0, 0
    for start in range(0, len(data), 4096):
        part = found.feed(data[start : start + 4096])
        longest, parts = max(longest, len(part)), parts + bool(part)
    assert parts >= 6
    assert longest < conversion_review.FLUSH_BYTES + 20_000


@pytest.mark.parametrize(
    "obj",
    [
        cryostat(0, OBJECT_LIMITS.size),
        cryostat() | {"spec": {"a": [0] * OBJECT_LIMITS.elements}},
        cryostat() | {"spec": json.loads("[" * 200 + "]" * 200)},
    ],
    ids=["bytes", "elements", "nested"],
)
def test_an_object_beyond_the_limits_is_refused(obj: dict[str, Any]) -> None:
    response = answer(review([cryostat(), obj]), 1 << 16)
    assert response["result"]["status"] == "Failure"
    assert any(word in response["result"]["message"] for word in ("bytes", "elements", "nested"))


def test_an_object_with_many_commas_in_its_text_does_not_hide_the_others() -> None:
    obj = cryostat()
    obj["metadata"]["annotations"]["notes"] = ',{[\\"' * 200_000
    response = answer(review([obj, cryostat(1)]))
    assert response["result"] == {"status": "Success"}
    assert len(response["convertedObjects"]) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b'"x"',
        b"[]",
        b"[" * 1000,
        {"kind": "AdmissionReview"},
        {"kind": "ConversionReview", "apiVersion": "apiextensions.k8s.io/v1beta1"},
        {"kind": "ConversionReview", "apiVersion": "apiextensions.k8s.io/v1", "request": {}},
        {"kind": "ConversionReview", "apiVersion": "apiextensions.k8s.io/v1", "request": {"objects": [cryostat()]}},
        {**review([cryostat()]), "request": None},
        {"objects": [cryostat()], **review([cryostat()])},
        review(None),
        review(5),
        orjson.dumps(review([cryostat()]))[:-30],
        b'{"x":"' + b"x" * 70_000 + orjson.dumps(review([]))[1:],
    ],
)
def test_other_bodies_are_malformed(body: Any) -> None:
    with pytest.raises(MalformedReviewError):
        answer(body)


def raw(
    objects: bytes,
    before: str = f'"uid":"1","desiredAPIVersion":"{constants.API_VERSION}",',
    after: bytes = b"}}",
    start: bytes = b'{"kind":"ConversionReview","apiVersion":"apiextensions.k8s.io/v1",',
) -> bytes:
    """A body in which any part may be wrong."""
    return start + b'"request":{' + before.encode() + b'"objects":' + objects + after


ONE = orjson.dumps(cryostat())
UID, VERSION = '"uid":"1",', f'"desiredAPIVersion":"{constants.API_VERSION}",'
MALFORMED = {
    "uid after the objects": raw(b"[%b]" % ONE, VERSION, b',"uid":"1"}}'),
    "version after the objects": raw(b"[%b]" % ONE, UID, b',"desiredAPIVersion":"%b"}}' % OLD.encode()),
    "kind after the objects": raw(b"[%b]" % ONE, after=b'},"kind":"ConversionReview"}', start=b"{"),
    "uid that is no text": raw(b"[%b]" % ONE, f'"uid":1,{VERSION}'),
    "uid that is empty": raw(b"[]", f'"uid":"",{VERSION}'),
    "version that is no text": raw(b"[%b]" % ONE, f'{UID}"desiredAPIVersion":null,'),
    "other objects with content first": raw(b"[%b]" % ONE, f'"x":{{"objects":[{ONE.decode()}]}},{UID}{VERSION}'),
    "invalid UTF-8 before the objects": raw(b"[%b]" % ONE).replace(b'"1"', b'"\xff"'),
    "UTF-16": raw(b"[%b]" % ONE).decode().encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + raw(b"[%b]" % ONE),
    "huge number before the objects": raw(b"[%b]" % ONE, f'"x":1{"0" * 400},{UID}{VERSION}'),
    "nested before the objects": raw(b"[%b]" % ONE, f'"x":{"[" * 200}{"]" * 200},{UID}{VERSION}'),
    "much before the objects": raw(b"[%b]" % ONE, f'"x":"{"x" * 70_000}",{UID}{VERSION}'),
    "comma before the first object": raw(b"[,%b]" % ONE),
    "null, then objects": raw(b"null", after=b',"objects":[%b]}}' % ONE),
    "cut off in a key": raw(b"[]")[:-6],
    "repeated uid": raw(b"[]", UID + UID + VERSION),
}
FAILURES = {
    "other objects first": raw(b"[%b]" % ONE, f'"x":{{"objects":[]}},{UID}{VERSION}'),
    "no comma": raw(b"[%b %b]" % (ONE, ONE)),
    "two commas": raw(b"[%b,,%b]" % (ONE, ONE)),
    "comma after the last object": raw(b"[%b,]" % ONE),
    "cut off in an object": raw(b"[%b,%b]" % (ONE, ONE))[:-20],
    "cut off between objects": raw(b"[%b," % ONE, after=b""),
    "cut off after the objects": raw(b"[%b]" % ONE, after=b"}"),
    "text after the end": raw(b"[%b]" % ONE) + b"{}",
    "repeated objects": raw(b"[%b]" % ONE, after=b',"objects":[]}}'),
    "repeated request": raw(b"[%b]" % ONE, after=b'},"request":{"uid":"1","desiredAPIVersion":"x","objects":[]}}'),
    "other uid after the objects": raw(b"[%b]" % ONE, after=b',"uid":"2"}}'),
    "key of the objects with an escape": raw(b"[%b]" % ONE).replace(b'"objects"', b'"\\u006fbjects"'),
    "brackets that do not match": raw(b'[{"a":[}]'),
    "invalid UTF-8 in an object": raw(b"[%b,%b]" % (ONE, ONE.replace(b"x0", b"\xff"))),
    "invalid UTF-8 after the objects": raw(b"[%b]" % ONE, after=b',"x":"\xff"}}'),
    "half of a surrogate": raw(b"[%b]" % ONE.replace(b"x0", b"\\ud800")),
    "number beyond any float": raw(b"[%b]" % ONE.replace(b"false", b"1" * 400)),
    "not a number": raw(b"[%b]" % ONE.replace(b"false", b"NaN")),
    "nested lists in an object": raw(b"[%b]" % ONE.replace(b"false", b"[" * 5000 + b"]" * 5000)),
    "nested objects in an object": raw(b"[%b]" % ONE.replace(b"false", b'{"a":' * 5000 + b"1" + b"}" * 5000)),
    "nested after the objects": raw(b"[%b]" % ONE, after=b',"x":' + b"[" * 5000 + b"]" * 5000 + b"}}"),
    "list of lists": raw(b"[[%b]]" % ONE),
}


@pytest.mark.parametrize("size", [13, 1 << 20])
@pytest.mark.parametrize("case", MALFORMED)
def test_a_body_without_a_valid_beginning_is_malformed(case: str, size: int) -> None:
    with pytest.raises(MalformedReviewError, match=r"."):
        answer(MALFORMED[case], size)


def test_a_repeated_key_is_explained() -> None:
    with pytest.raises(MalformedReviewError, match=r"^a key of the ConversionReview is repeated$"):
        answer(MALFORMED["repeated uid"])


@pytest.mark.parametrize("size", [13, 1 << 20])
@pytest.mark.parametrize("case", FAILURES)
def test_a_body_that_is_invalid_later_is_a_failure(case: str, size: int) -> None:
    """This holds even if all objects were converted before."""
    response = answer(FAILURES[case], size)
    assert response["uid"] == "1"
    assert response["result"]["status"] == "Failure"
    assert response["result"]["message"]


def test_large_numbers_are_those_that_the_api_server_reads() -> None:
    """The API server decodes integers beyond 64 bits as floats too."""
    [obj] = answer(raw(b"[%b]" % ONE.replace(b"false", b"1" * 30)))["convertedObjects"]
    assert json.loads(obj["metadata"]["annotations"][ANNOTATION])["v1beta1"]["spec"]["minimal"] == float("1" * 30)


@settings(max_examples=300, deadline=None)
@given(data=st.data(), size=st.sampled_from([1, 5, 64, 1 << 20]))
def test_success_means_that_all_of_a_valid_review_was_converted(data: st.DataObject, size: int) -> None:
    """Bytes of a valid review are deleted, replaced or inserted."""
    body = bytearray(raw(b"[%b, %b]" % (ONE, ONE)))
    for _ in range(data.draw(st.integers(0, 2))):
        place = data.draw(st.integers(0, len(body) - 1))
        length = data.draw(st.sampled_from([0, 1, 2, 400]))
        body[place : place + length] = data.draw(
            st.sampled_from([b"", b",", b"[", b"]", b"{", b"}", b'"', b"\\", b"\xff"])
        )
    try:
        response = answer(bytes(body), size)
    except MalformedReviewError:
        return
    if response["result"]["status"] == "Success":
        request = orjson.loads(body)["request"]
        assert len(response["convertedObjects"]) == len(request["objects"])
        assert response["uid"] == request["uid"]


def test_texts_of_a_review_are_logged_on_one_short_line(caplog: pytest.LogCaptureFixture) -> None:
    obj = {"apiVersion": "a\nERROR b" + "x" * 10_000}
    response = answer(review([obj], "v1\nERROR c" + "x" * 10_000))
    assert len(response["result"]["message"]) <= conversion_review.MAX_MESSAGE
    [line] = caplog.messages
    assert "\n" not in line
    assert len(line) < 1000


def test_an_incomplete_response_is_not_valid_json() -> None:
    """The API server must not accept an incomplete response as a complete one."""
    found = ConversionReview()
    text = found.feed(orjson.dumps(review([cryostat(number) for number in range(3)]))) + found.finish()
    assert orjson.loads(text)["response"]["result"] == {"status": "Success"}
    for end in range(len(text)):
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(text[:end])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"kind": "AdmissionReview"}, "expected a ConversionReview"),
        ({"kind": "ConversionReview", "apiVersion": "v1"}, "expected apiVersion apiextensions.k8s.io/v1"),
        ({**review([]), "request": None}, "the ConversionReview has no request"),
        (review(None), "the ConversionReview has no objects"),
        (
            {**review([]), "request": {"objects": [cryostat()], "desiredAPIVersion": "v1"}},
            "the request has no uid before its objects",
        ),
    ],
)
def test_malformed_bodies_are_explained(body: Any, message: str) -> None:
    with pytest.raises(MalformedReviewError) as error:
        answer(body)
    assert str(error.value) == message


def test_a_failed_conversion_is_explained_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    text = "an object of the review is not a JSON object"
    assert answer(review([cryostat(), 5]))["result"] == {"status": "Failure", "message": text}
    assert caplog.messages == [f"Conversion to 'operator.cryostat.io/v1beta2' failed: {text}"]


def test_the_text_after_the_objects_is_limited() -> None:
    data = orjson.dumps(review([cryostat()], other="x" * 100_000))
    assert answer(data, 4096)["result"]["status"] == "Failure"


_MEASURED = """
import resource, sys
from cryostat_operator.webhooks.conversion_review import ConversionReview
import orjson
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
head, obj, end = (text.encode() for text in sys.argv[1:4])
obj = obj.replace(b"NOTES", b"x" * 250_000)
review, length = ConversionReview(), 0
length += len(review.feed(head + obj))
before = peak()
for _ in range(int(sys.argv[4]) - 1):
    length += len(review.feed(b"," + obj[:100_000])) + len(review.feed(obj[100_000:]))
length += len(review.feed(end)) + len(review.finish())
print(peak() - before, length, review.failed)
"""


def test_memory_does_not_grow_with_the_review() -> None:
    """300 objects with 250 kB of annotations each: 75 MB."""
    count = 300
    obj = orjson.dumps(cryostat()).decode().replace("é", "NOTES")
    head, end = orjson.dumps(review([])).decode().split("]", 1)
    command = [sys.executable, "-c", _MEASURED, head, obj, "]" + end, str(count)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert float(text[0]) < 10, "MiB"
    assert int(text[1]) > count * 250_000
    assert text[2] == "False"
