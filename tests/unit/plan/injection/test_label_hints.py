"""Hints about misspelled, misplaced and missing keys of pods and workloads."""

from __future__ import annotations

import pytest

from cryostat_operator.plan.injection.label_hints import misplaced_keys, missing_label

NAME, NAMESPACE = "cryostat.io/name", "cryostat.io/namespace"


@pytest.mark.parametrize(
    ("labels", "annotations", "expected"),
    [
        (
            {"operator.cryostat.io/log-level": "info"},
            {},
            "label operator.cryostat.io/log-level has no effect on pods; did you mean cryostat.io/log-level?",
        ),
        (
            {},
            {"cryostat.io/log-level": "x"},
            "annotation cryostat.io/log-level has no effect; use a label cryostat.io/log-level",
        ),
        (
            {},
            {"cryostat.io/smart-trigger": "x"},
            "annotation cryostat.io/smart-trigger has no effect; did you mean smart-triggers?",
        ),
        ({}, {"cryostat.io/smart-triggers": "x", "cryostat.io/container": "a,b", "example.com/name": "y"}, ""),
        ({"operator.cryostat.io/name": "x", NAME: "x"}, {}, ""),
        ({"operator.cryostat.io/team": "x"}, {}, ""),
    ],
)
def test_keys_that_are_no_labels_of_the_agent(
    labels: dict[str, str], annotations: dict[str, str], expected: str
) -> None:
    assert "".join(misplaced_keys(labels, annotations)) == expected


@pytest.mark.parametrize(
    ("labels", "annotations", "expected"),
    [
        ({NAME: "x"}, {}, "pods need the label cryostat.io/namespace, too"),
        ({NAMESPACE: "x", "cryostat.io/log-level": "info"}, {}, "pods need the label cryostat.io/name, too"),
        (
            {NAME: "x", "cryostat.io/namespce": "here"},
            {},
            "pods need the label cryostat.io/namespace; label cryostat.io/namespce is probably misspelled",
        ),
        (
            {NAME: "x", "operator.cryostat.io/namespace": "here"},
            {},
            "pods need the label cryostat.io/namespace; label operator.cryostat.io/namespace is probably misspelled",
        ),
        (
            {NAMESPACE: "x"},
            {NAME: "x"},
            "pods need the label cryostat.io/name; it is given as an annotation",
        ),
        ({NAME: "x", NAMESPACE: ""}, {}, "pods need the label cryostat.io/namespace, too"),
        ({NAME: "x", NAMESPACE: "y"}, {}, ""),
        ({"app": "x"}, {}, ""),
    ],
)
def test_a_missing_label(labels: dict[str, str], annotations: dict[str, str], expected: str) -> None:
    assert missing_label(labels, annotations) == expected
