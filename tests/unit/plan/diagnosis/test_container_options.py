"""What users can set for each container."""

from __future__ import annotations

import pytest

from cryostat_operator.plan.diagnosis.container_options import resource_field
from tests.unit.plan.diagnosis.pods import failure, pod


@pytest.mark.parametrize(
    ("container", "field"),
    [("x", "resources.coreResources"), ("x-db", "resources.databaseResources"), ("istio-proxy", ""), ("x-other", "")],
)
def test_the_field_with_the_resources_of_a_container(container: str, field: str) -> None:
    assert resource_field("x", container) == field


def test_the_image_of_a_container_is_named_by_its_variable() -> None:
    waiting = {"waiting": {"reason": "ErrImagePull", "message": "not found"}}
    assert "RELATED_IMAGE_DATABASE of the operator" in failure(pod({"name": "x-db", "state": waiting})).remedy
    proxy = failure(pod({"name": "x-auth-proxy", "state": waiting})).remedy
    assert "RELATED_IMAGE_OAUTH2_PROXY or RELATED_IMAGE_OPENSHIFT_OAUTH_PROXY of the operator" in proxy
    other = failure(pod({"name": "istio-proxy", "state": waiting})).remedy
    assert other == "Set the image of the container to an image that exists"
    waiting["waiting"]["message"] = "401 Unauthorized"
    denied = failure(pod({"name": "x-db", "state": waiting})).remedy
    assert denied == "Add a pull secret for this image to ServiceAccount default, or correct the one that it has"
    waiting["waiting"] = {"reason": "InvalidImageName", "message": "no such thing"}
    invalid = failure(pod({"name": "x-db", "state": waiting})).remedy
    assert invalid == "Set RELATED_IMAGE_DATABASE of the operator to a valid name of an image"
