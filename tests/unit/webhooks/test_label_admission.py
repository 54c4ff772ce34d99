"""Pods and workloads with only one of the labels that request the agent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cryostat_operator.webhooks.label_admission import review_labels
from tests.unit.webhooks.agent_requests import request

BOTH = {"cryostat.io/name": "x", "cryostat.io/namespace": "here"}
HINT = "Cryostat agent: not added: pods need the label cryostat.io/namespace, too"


def obj(labels: Any, template: Any = None) -> dict[str, Any]:
    spec = {"template": {"metadata": {"labels": template}}} if template is not None else {}
    return {"kind": "Deployment", "metadata": {"name": "d", "labels": labels}, "spec": spec}


@pytest.mark.parametrize(
    ("given", "warnings"),
    [
        (obj({"cryostat.io/name": "x"}), [HINT]),
        (obj({"cryostat.io/name": "x"}, {"app": "d"}), [HINT]),
        (obj({"cryostat.io/name": "x"}, BOTH), None),
        (obj(BOTH), None),
        (obj(None), None),
        (obj({"cryostat.io/name": "x", **{f"k{number}": "" for number in range(20_000)}}), None),
        ({"metadata": None, "spec": None}, None),
    ],
)
async def test_the_missing_label_is_a_warning(given: dict[str, Any], warnings: list[str] | None) -> None:
    answer = (await review_labels(replace(request(), obj=given)))["response"]
    assert answer.get("warnings") == warnings
    assert answer["allowed"] is True
    assert "patch" not in answer
