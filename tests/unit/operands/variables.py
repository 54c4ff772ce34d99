"""Variables of the application's container."""

from __future__ import annotations

import pytest

from tests.programs.pod import planned
from tests.unit.cluster_state import environment


@pytest.fixture(scope="module")
def variables() -> dict[str, str]:
    """The variables of a planned instance."""
    return environment(planned()) | {
        "QUARKUS_DATASOURCE_PASSWORD": "pa'ss",
        "QUARKUS_S3_AWS_CREDENTIALS_STATIC_PROVIDER_ACCESS_KEY_ID": "access",
        "QUARKUS_S3_AWS_CREDENTIALS_STATIC_PROVIDER_SECRET_ACCESS_KEY": "secret",
    }
