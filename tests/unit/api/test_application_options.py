"""Models of discovery, target connections, agents, users and files."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api import application_options
from cryostat_operator.api.application_options import (
    AuthorizationOptions,
    CertificateSecret,
    TargetConnectionCacheOptions,
)
from cryostat_operator.api.v1beta2 import CryostatSpec
from tests.unit.api.cases import Case
from tests.unit.api.model_cases import cases_of, check_case


@cases_of(application_options)
def test_good_values_are_read_and_bad_ones_refused(case: Case) -> None:
    check_case(case)


def test_an_incomplete_login_is_refused() -> None:
    text = "secretName and filename must be set together: with only one of them no login is configured"
    for field in ("secretName", "filename"):
        with pytest.raises(ValueError, match=text):
            CryostatSpec.model_validate({"authorizationOptions": {"basicAuth": {field: "users"}}})


def test_an_empty_login_is_none() -> None:
    given: dict[str, Any] = {"basicAuth": {}, "openShiftSSO": {"accessReview": {}}}
    options = AuthorizationOptions.model_validate(given)
    assert options.model_dump(by_alias=True, exclude_none=True) == {"openShiftSSO": {"accessReview": {}}}


@pytest.mark.parametrize("given", [{}, {"secretName": "a", "configMapName": "b"}])
def test_a_certificate_is_in_one_secret_or_config_map(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="exactly one of secretName and configMapName must be set"):
        CertificateSecret.model_validate(given)


def test_names_with_abbreviations_are_read() -> None:
    """The rule for camel case would give `targetCacheTtl` and `openShiftSso`."""
    assert TargetConnectionCacheOptions.model_validate({"targetCacheTTL": 5}).target_cache_ttl == 5
    options = AuthorizationOptions.model_validate({"openShiftSSO": {"disable": True}})
    assert options.open_shift_sso is not None
    assert options.open_shift_sso.disable is True
