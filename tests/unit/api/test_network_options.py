"""Models of Services, NetworkPolicies, Route and Ingress."""

from __future__ import annotations

import pytest

from cryostat_operator.api import network_options
from cryostat_operator.api.network_options import NetworkConfiguration, NetworkPolicies, ServiceOptions
from tests.unit.api.cases import Case
from tests.unit.api.model_cases import cases_of, check_case


@cases_of(network_options)
def test_good_values_are_read_and_bad_ones_refused(case: Case) -> None:
    check_case(case)


def test_empty_host_and_service_type_are_none() -> None:
    assert NetworkConfiguration.model_validate({"externalHost": ""}).external_host is None
    options = ServiceOptions.model_validate({"coreConfig": {"serviceType": ""}})
    assert options.core_config is not None
    assert options.core_config.service_type is None


def test_the_crd_accepts_an_empty_service_type() -> None:
    schema = network_options.ServiceConfig.model_json_schema()
    assert schema["properties"]["serviceType"]["enum"] == ["", "ClusterIP", "NodePort", "LoadBalancer"]


@pytest.mark.parametrize("field", ["disabled", "ingressDisabled", "egressEnabled"])
def test_switches_of_network_policies_are_booleans(field: str) -> None:
    policies = NetworkPolicies.model_validate({"databaseConfig": {field: True}})
    assert policies.model_dump(by_alias=True, exclude_none=True) == {"databaseConfig": {field: True}}
    with pytest.raises(ValueError, match=field):
        NetworkPolicies.model_validate({"databaseConfig": {field: "true"}})
