"""Problems use the default of their reason."""

from __future__ import annotations

import pytest

from cryostat_operator.plan.model.problems import Problem
from cryostat_operator.plan.model.reasons import Reason


@pytest.mark.parametrize(("reason", "expected"), [(Reason.SECRET_NOT_FOUND, True), (Reason.SECRET_PENDING, False)])
def test_the_reason_decides_whether_a_user_has_to_act(reason: Reason, expected: bool) -> None:
    assert Problem("core", reason, "text").actionable is expected
    assert Problem("core", reason, "text", actionable=not expected).actionable is not expected
