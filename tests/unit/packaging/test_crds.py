"""The CustomResourceDefinition: its versions, columns and conversion, and the status of a new object."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cryostat_operator.api import constants, v1beta1
from cryostat_operator.api.status import CryostatStatus
from cryostat_operator.packaging import crds, install_names, webhook_manifests
from cryostat_operator.packaging.crds import crd
from cryostat_operator.plan.model.reasons import Reason
from cryostat_operator.plan.model.webhook_definitions import WebhookPaths
from tests.unit.api.fields import own_fields


@pytest.fixture(scope="module")
def definition() -> dict[str, Any]:
    return crd()


@pytest.fixture(scope="module")
def schema(definition: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


def test_the_crd_is_small_enough_for_kubectl_apply(definition: dict[str, Any]) -> None:
    """kubectl stores the applied object in an annotation. All annotations together are limited to 262,144 bytes."""
    assert len(json.dumps(definition, separators=(",", ":"))) <= 250_000


def test_the_default_status_of_a_new_object(schema: dict[str, Any]) -> None:
    status = schema["properties"]["status"]
    assert status["default"] == {}  # the API server sets the fields
    assert status["properties"]["summary"]["default"] == "Waiting for the operator"
    [ready] = status["properties"]["conditions"]["default"]
    assert ready.keys() >= set(status["properties"]["conditions"]["items"]["required"])
    assert Reason(ready["reason"]) == Reason.WAITING_FOR_OPERATOR
    CryostatStatus.model_validate({"conditions": [ready]})


def test_every_field_of_the_operator_has_a_description(schema: dict[str, Any]) -> None:
    for path, node in own_fields(schema):
        assert len(node.get("description", "")) > 15, path
        assert node["description"].endswith("."), path


def test_lists_and_maps_keep_the_go_operators_merge_behavior(schema: dict[str, Any]) -> None:
    for path, node in own_fields(schema):
        if path != "status.conditions":
            assert not {key for key in node if key.startswith("x-kubernetes-list")}, path


def test_v1beta2_is_stored_and_v1beta1_is_served_with_a_warning(definition: dict[str, Any]) -> None:
    current, former = definition["spec"]["versions"]
    assert (current["name"], former["name"]) == (constants.VERSION, v1beta1.VERSION)
    assert [(each["served"], each["storage"]) for each in (current, former)] == [(True, True), (True, False)]
    assert "deprecated" not in current
    assert former["deprecationWarning"] == (
        "operator.cryostat.io/v1beta1 Cryostat is deprecated; use operator.cryostat.io/v1beta2"
    )


@pytest.mark.parametrize("index", [0, 1], ids=["v1beta2", "v1beta1"])
def test_columns_show_existing_fields_of_the_status(definition: dict[str, Any], index: int) -> None:
    version = definition["spec"]["versions"][index]
    *columns, age = version["additionalPrinterColumns"]
    assert age == {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
    fields = version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
    for column in columns:
        assert column["jsonPath"].removeprefix(".status.").partition("[")[0] in fields, column
        assert column["description"].endswith("."), column
    assert [column["name"] for column in columns][:3] == ["Ready", "Status", "Application URL"]


def test_the_api_server_converts_with_the_webhook_of_the_operator(definition: dict[str, Any]) -> None:
    conversion = definition["spec"]["conversion"]
    assert conversion["strategy"] == "Webhook"
    expected = webhook_manifests.client_config(install_names.NAMESPACE, WebhookPaths.CONVERT)
    assert conversion["webhook"]["clientConfig"] == expected


def test_the_file_is_named_after_the_definition(definition: dict[str, Any]) -> None:
    plural, _, group = definition["metadata"]["name"].partition(".")
    assert str(crds.PATH) == f"crds/{group}_{plural}.yaml"
