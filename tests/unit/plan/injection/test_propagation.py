"""Labels that go from a workload to its pods."""

from __future__ import annotations

import copy
from typing import Any

from cryostat_operator.plan.injection.propagation import propagate

NAME = "cryostat.io/name"
TRIGGERS = "cryostat.io/smart-triggers"
AGENT_LABELS = {NAME: "sample", "cryostat.io/namespace": "monitoring"}


def workload(own: dict[str, str] | None = None, template: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    pod: dict[str, Any] = {"metadata": {"labels": template}} if template is not None else {}
    return {"metadata": {"labels": own or {}}, "spec": {"template": pod, **spec}}


def labels(found: dict[str, Any]) -> Any:
    return found["spec"]["template"].get("metadata", {}).get("labels", {})


def test_labels_of_the_agent_are_copied() -> None:
    given = workload({NAME: "x", "app": "a"}, {"app": "b"})
    found, hints = propagate(given, None)
    assert (labels(found), hints) == ({"app": "b", NAME: "x"}, [])
    assert labels(given) == {"app": "b"}
    assert labels(propagate(workload({NAME: "x"}), None)[0]) == {NAME: "x"}


def test_a_removed_label_is_removed_unless_the_template_was_edited() -> None:
    before = workload({NAME: "x"})
    assert labels(propagate(workload({}, {NAME: "x", "app": "b"}), before)[0]) == {"app": "b"}
    assert labels(propagate(workload({}, {NAME: "own"}), before)[0]) == {NAME: "own"}


def test_a_changed_label_replaces_its_former_value() -> None:
    assert labels(propagate(workload({NAME: "y"}, {NAME: "x"}), workload({NAME: "x"}))[0]) == {NAME: "y"}


def test_another_value_in_the_template_stays() -> None:
    found, hints = propagate(workload({NAME: "y"}, {NAME: "own"}), None)
    assert labels(found) == {NAME: "own"}
    assert hints == [f"{NAME}: y is not copied to the pod template, which has own"]


def test_labels_in_the_selector_are_not_changed() -> None:
    selectors = ({"matchLabels": {NAME: "x"}}, {"matchExpressions": [{"key": NAME, "operator": "Exists"}]})
    for selector in selectors:
        found, hints = propagate(workload({NAME: "y"}, {NAME: "x"}, selector=selector), workload({NAME: "x"}))
        assert (labels(found), len(hints)) == ({NAME: "x"}, 1)


def test_annotations_with_triggers_and_containers_are_copied() -> None:
    given, copied = workload(), {TRIGGERS: "a,b", "cryostat.io/container": "c,d"}
    given["metadata"]["annotations"] = {**copied, "note": "c"}
    assert propagate(given, None)[0]["spec"]["template"]["metadata"] == {"annotations": copied}


def test_a_malformed_template_stays() -> None:
    given = {"metadata": {"labels": {NAME: "x"}}, "spec": {"template": None}}
    assert propagate(given, None) == (given, [])


def deployment(labels: dict[str, str], template: dict[str, Any] | None = None, **annotations: str) -> dict[str, Any]:
    return {
        "metadata": {"name": "app", "labels": labels, "annotations": annotations},
        "spec": {"selector": {"matchLabels": {"app": "a"}}, "template": template or {"spec": {}}},
    }


def test_labels_are_copied_to_pod_templates() -> None:
    before = deployment({**AGENT_LABELS, "team": "x"})
    after, hints = propagate(before, None)
    assert after["spec"]["template"]["metadata"] == {"labels": AGENT_LABELS}
    assert hints == []
    assert before == deployment({**AGENT_LABELS, "team": "x"})
    assert propagate(after, before)[0] == after


def test_labels_that_are_removed_are_removed_from_pod_templates() -> None:
    old, _ = propagate(deployment({**AGENT_LABELS, "cryostat.io/log-level": "info"}), None)
    new = copy.deepcopy(old)
    new["metadata"]["labels"] = {"cryostat.io/log-level": "debug"}
    after, hints = propagate(new, old)
    assert after["spec"]["template"]["metadata"]["labels"] == {"cryostat.io/log-level": "debug"}
    assert hints == []


def test_labels_of_the_author_in_the_template_are_kept() -> None:
    template = {"metadata": {"labels": {"app": "a", "cryostat.io/log-level": "trace"}}, "spec": {}}
    given = deployment({**AGENT_LABELS, "cryostat.io/log-level": "info"}, template)
    after, [hint] = propagate(given, None)
    assert after["spec"]["template"]["metadata"]["labels"] == {
        "app": "a",
        "cryostat.io/log-level": "trace",
        **AGENT_LABELS,
    }
    assert "trace" in hint
    given["spec"]["selector"]["matchLabels"]["cryostat.io/log-level"] = "trace"
    old = deployment({**AGENT_LABELS, "cryostat.io/log-level": "trace"}, template)
    assert propagate(given, old)[0]["spec"]["template"]["metadata"]["labels"]["cryostat.io/log-level"] == "trace"


def test_labels_of_the_selector_are_left_alone() -> None:
    """A workload is invalid if its selector does not match its pods."""
    given = deployment({**AGENT_LABELS, "cryostat.io/log-level": "info"})
    given["spec"]["selector"] = {"matchExpressions": [{"key": "cryostat.io/log-level", "operator": "DoesNotExist"}]}
    after, [hint] = propagate(given, None)
    assert after["spec"]["template"]["metadata"]["labels"] == AGENT_LABELS
    assert "log-level: info is not copied to the pod template, because the selector has this key" in hint


def test_smart_triggers_are_copied_too() -> None:
    given = deployment(AGENT_LABELS)
    given["metadata"]["annotations"] = {"cryostat.io/smart-triggers": "a,b", "other": "x"}
    metadata = propagate(given, None)[0]["spec"]["template"]["metadata"]
    assert metadata["annotations"] == {"cryostat.io/smart-triggers": "a,b"}
