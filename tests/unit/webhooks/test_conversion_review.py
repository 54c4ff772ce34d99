"""Answers to ConversionReviews."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.webhooks.conversion_review import MAX_ON_EVENT_LOOP, answer
from cryostat_operator.webhooks.reviews import MalformedReviewError

OLD = f"{constants.GROUP}/v1beta1"


def cryostat(number: int = 0) -> dict[str, Any]:
    metadata = {"name": f"x{number}", "namespace": "here"}
    return {"apiVersion": OLD, "kind": constants.KIND, "metadata": metadata, "spec": {"minimal": False}}


def review(objects: Any, version: str = constants.API_VERSION) -> dict[str, Any]:
    request = {"uid": "1", "desiredAPIVersion": version, "objects": objects}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "request": request}


@pytest.mark.parametrize("count", [0, 1, MAX_ON_EVENT_LOOP + 1])
async def test_all_objects_are_converted_in_their_order(count: int) -> None:
    response = (await answer(review([cryostat(number) for number in range(count)])))["response"]
    assert (response["uid"], response["result"]) == ("1", {"status": "Success"})
    assert [obj["metadata"]["name"] for obj in response["convertedObjects"]] == [f"x{n}" for n in range(count)]
    assert {obj["apiVersion"] for obj in response["convertedObjects"]} <= {constants.API_VERSION}


async def test_a_failure_has_a_reason() -> None:
    response = (await answer(review([cryostat()], "example.com/v1")))["response"]
    assert response["result"]["status"] == "Failure"
    assert response["result"]["message"]
    assert "convertedObjects" not in response
    assert (await answer(review([None])))["response"]["result"]["status"] == "Failure"


@pytest.mark.parametrize(
    "body",
    [
        None,
        {"kind": "AdmissionReview"},
        {"kind": "ConversionReview", "apiVersion": "apiextensions.k8s.io/v1beta1"},
        {"kind": "ConversionReview", "apiVersion": "apiextensions.k8s.io/v1", "request": {}},
    ],
)
async def test_other_bodies_are_malformed(body: Any) -> None:
    with pytest.raises(MalformedReviewError):
        await answer(body)
