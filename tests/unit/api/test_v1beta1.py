"""The models of v1beta1 accept fields without effect, and have all fields of the status of v1beta2."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api import status, v1beta1


def test_fields_without_effect_are_read() -> None:
    spec: dict[str, Any] = {
        "minimal": True,
        "maxWsConnections": 3,
        "authProperties": {"clusterRoleName": "a", "configMapName": "b", "filename": "c"},
        "serviceOptions": {"coreConfig": {"jmxPort": 9091}, "grafanaConfig": {"httpPort": 3000}},
        "networkOptions": {"commandConfig": {"labels": {"a": "b"}}, "grafanaConfig": {"ingressSpec": {}}},
    }
    read = v1beta1.Cryostat.model_validate({"spec": spec}).spec
    assert read is not None
    assert read.model_dump(by_alias=True, exclude_none=True) == spec


def test_the_spec_is_optional_and_minimal_is_required_in_it() -> None:
    assert v1beta1.Cryostat.model_validate({}).spec is None
    with pytest.raises(ValueError, match=r"spec\.minimal"):
        v1beta1.Cryostat.model_validate({"spec": {}})


@pytest.mark.parametrize(("name", "valid"), [("", True), ("ca.example", True), ("A", False), ("x" * 254, False)])
def test_the_secret_of_a_certificate_may_be_empty(name: str, valid: bool) -> None:
    """The conversion writes it for a certificate in a ConfigMap."""
    if valid:
        assert v1beta1.CertificateSecret.model_validate({"secretName": name}).secret_name == name
    else:
        with pytest.raises(ValueError, match="secretName"):
            v1beta1.CertificateSecret.model_validate({"secretName": name})


def test_the_status_has_all_fields_of_v1beta2_and_the_secret_of_grafana() -> None:
    added = v1beta1.CryostatStatus.model_fields.keys() - status.CryostatStatus.model_fields.keys()
    assert added == {"grafana_secret"}
    assert v1beta1.CryostatStatus.model_fields.keys() > status.CryostatStatus.model_fields.keys()


def test_names_have_the_rules_of_v1beta2() -> None:
    with pytest.raises(ValueError, match="at most 48 characters"):
        v1beta1.Cryostat.model_validate({"metadata": {"name": "x" * 49}})
