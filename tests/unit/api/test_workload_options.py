"""Models of resources, security contexts, scheduling, metadata and report generators."""

from __future__ import annotations

import pytest

from cryostat_operator.api import workload_options
from cryostat_operator.api.limits import MAX_REPLICAS
from cryostat_operator.api.workload_options import OperandMetadata, ReportOptions, Resources
from tests.unit.api.cases import Case
from tests.unit.api.model_cases import cases_of, check_case


@cases_of(workload_options)
def test_good_values_are_read_and_bad_ones_refused(case: Case) -> None:
    check_case(case)


def test_the_number_of_report_generators_is_limited() -> None:
    assert ReportOptions.model_validate({"replicas": MAX_REPLICAS}).replicas == MAX_REPLICAS
    for replicas in (-1, MAX_REPLICAS + 1):
        with pytest.raises(ValueError, match="replicas"):
            ReportOptions.model_validate({"replicas": replicas})


def test_resources_of_the_wrong_shape_are_refused_with_their_path() -> None:
    with pytest.raises(ValueError, match="limits: must be an object"):
        Resources.model_validate({"databaseResources": {"limits": "1Gi"}})


def test_labels_and_annotations_are_strings() -> None:
    given = {"podMetadata": {"labels": {"team": "a"}, "annotations": {"b": "c"}}}
    metadata = OperandMetadata.model_validate(given)
    assert metadata.model_dump(by_alias=True, exclude_none=True) == given
    with pytest.raises(ValueError, match=r"podMetadata\.labels\.team"):
        OperandMetadata.model_validate({"podMetadata": {"labels": {"team": 1}}})
