"""Models of volumes, database and object storage."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api import storage_options
from cryostat_operator.api.storage_options import ObjectStorageOptions, ObjectStorageProviderOptions, StorageOptions
from tests.unit.api.cases import Case
from tests.unit.api.model_cases import cases_of, check_case

URL = "https://s3.example.com"


@cases_of(storage_options)
def test_good_values_are_read_and_bad_ones_refused(case: Case) -> None:
    check_case(case)


def test_an_external_storage_needs_region_and_credentials() -> None:
    with pytest.raises(ValueError, match="region is required with url"):
        ObjectStorageProviderOptions.model_validate({"url": URL})
    external: dict[str, Any] = {"provider": {"url": URL, "region": "eu-west-1"}}
    with pytest.raises(ValueError, match=r"secretName is required with provider\.url"):
        ObjectStorageOptions.model_validate(external)
    assert ObjectStorageOptions.model_validate(external | {"secretName": "keys"}).secret_name == "keys"


def test_switches_for_files_also_apply_to_the_storage_of_the_operator() -> None:
    for field in ("disablePresignedFileTransfers", "disablePresignedDownloads"):
        ObjectStorageProviderOptions.model_validate({field: True})
    for field in ("useVirtualHostAccess", "tlsTrustAll"):
        with pytest.raises(ValueError, match="url is required with other provider settings"):
            ObjectStorageProviderOptions.model_validate({field: True})
        ObjectStorageProviderOptions.model_validate({field: False})


def test_the_size_of_a_volume_on_the_node_is_a_quantity() -> None:
    def read(size: str) -> StorageOptions:
        return StorageOptions.model_validate({"database": {"emptyDir": {"enabled": True, "sizeLimit": size}}})

    options = read("500Mi")
    assert options.database is not None
    assert options.database.empty_dir is not None
    assert options.database.empty_dir.size_limit == "500Mi"
    with pytest.raises(ValueError, match=r"database\.emptyDir\.sizeLimit"):
        read("500 MB")
