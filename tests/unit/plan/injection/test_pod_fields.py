"""Parts of pods: which container gets the agent, and lists with names."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.plan.injection import pod_fields
from cryostat_operator.plan.injection.pod_fields import NotInjectableError, PodContext, select_containers
from cryostat_operator.plan.injection.pod_mutator import inject_agent
from tests.unit.plan.injection.pods import instance_of
from tests.unit.plan.injection.pods import pod as requesting_pod


def pod(*names: str, **annotations: str) -> dict[str, Any]:
    found = {key.replace("_", "-"): value for key, value in annotations.items()}
    return {
        "metadata": {"annotations": {f"kubectl.kubernetes.io/{key}": value for key, value in found.items()}},
        "spec": {"containers": [{"name": name} for name in names]},
    }


@pytest.mark.parametrize(
    ("given", "names", "expected"),
    [
        (pod("a"), "", "a"),
        (pod("a", "b"), "b", "b"),
        (pod("a", "b", "c"), "ca", "ca"),
        (pod("a", "b", default_container="b"), "", "b"),
        (pod("a", "b", default_container="b"), "a", "a"),
        (pod("istio-proxy", "a"), "", "a"),
        (pod("sidecar-x", "envoy", "a"), "", "a"),
    ],
)
def test_the_containers_that_get_the_agent(given: dict[str, Any], names: str, expected: str) -> None:
    selection = select_containers(given, tuple(names))
    assert ("".join(each["name"] for each in selection.containers), selection.hint) == (expected, "")


def test_a_known_sidecar_gets_the_agent_if_it_is_the_only_container() -> None:
    assert select_containers(pod("istio-proxy")) == (({"name": "istio-proxy"},), "")


def test_a_guess_is_a_hint() -> None:
    selection = select_containers(pod("a", "b", default_container="missing"))
    assert selection.containers[0]["name"] == "a"
    assert selection.hint == (
        'the agent is added to container "a", the first of 2; choose another one with the label cryostat.io/container, '
        "or several with an annotation of this name"
    )


def test_a_pod_without_the_container() -> None:
    with pytest.raises(NotInjectableError, match='no container "b"'):
        select_containers(pod("a"), ("a", "b"))
    sidecar = {"name": "java", "restartPolicy": "Always"}
    with pytest.raises(NotInjectableError) as error:
        select_containers({"spec": {"containers": [{"name": "a"}], "initContainers": [sidecar]}}, ("java",))
    assert str(error.value) == (
        '"java", which cryostat.io/container names, is an init container; the agent is added to containers only'
    )
    with pytest.raises(NotInjectableError, match="no container"):
        select_containers({"spec": {}})


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ([[("kubernetes.io/os", "In", ["windows"])]], True),
        ([[("beta.kubernetes.io/os", "NotIn", ["linux"])]], True),
        ([[("zone", "In", ["a"]), ("kubernetes.io/os", "In", ["windows"])]], True),
        ([[("kubernetes.io/os", "In", ["windows"])], [("zone", "In", ["a"])]], False),
        ([[("kubernetes.io/os", "In", ["linux", "windows"])]], False),
        ([[("kubernetes.io/os", "NotIn", ["windows"])]], False),
        ([[("kubernetes.io/os", "Exists", [])]], False),
        ([[("zone", "In", ["windows"])]], False),
        ([], False),
        ([[]], False),
    ],
)
def test_windows_by_required_node_affinity(terms: list[list[tuple[str, str, list[str]]]], expected: bool) -> None:
    selector = [
        {"matchExpressions": [{"key": key, "operator": operator, "values": values} for key, operator, values in term]}
        for term in terms
    ]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": selector}}
    assert pod_fields.is_for_windows({"affinity": {"nodeAffinity": required}}) is expected
    preferred = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": s} for s in selector]}
    assert not pod_fields.is_for_windows({"affinity": {"nodeAffinity": preferred}})


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"os": {"name": "windows"}}, True),
        ({"nodeSelector": {"kubernetes.io/os": "windows"}}, True),
        ({"securityContext": {"windowsOptions": {"hostProcess": True}}}, True),
        ({"os": {"name": "linux"}, "nodeSelector": {"kubernetes.io/os": "linux"}}, False),
        ({}, False),
    ],
)
def test_windows(spec: dict[str, Any], expected: bool) -> None:
    assert pod_fields.is_for_windows(spec) is expected


def test_named_entries_are_replaced_in_place() -> None:
    volumes = [{"name": "a"}, {"name": "b"}]
    spec: dict[str, Any] = {"volumes": volumes}
    pod_fields.put_named(spec, "volumes", {"name": "a", "emptyDir": {}})
    pod_fields.put_named(spec, "volumes", {"name": "c"})
    assert [entry["name"] for entry in spec["volumes"]] == ["a", "b", "c"]
    assert pod_fields.find_named(spec, "volumes", "a") == {"name": "a", "emptyDir": {}}
    assert pod_fields.find_named(spec, "mounts", "a") is None
    assert volumes == [{"name": "a"}, {"name": "b"}]


def containers(*names: str, annotation: str | None = None, label: str | None = None) -> dict[str, Any]:
    given = requesting_pod(labels={"cryostat.io/container": label} if label else {})
    given["spec"]["containers"] = [{"name": name, "image": "a"} for name in names]
    if annotation:
        given["metadata"]["annotations"] = {"kubectl.kubernetes.io/default-container": annotation}
    return given


@pytest.mark.parametrize(
    ("given", "chosen", "hints"),
    [
        (containers("istio-proxy", "app"), "app", 0),
        (containers("wait", "main", annotation="main"), "main", 0),
        (containers("a", "b", annotation="b"), "b", 0),
        (containers("a", "b", annotation="b", label="a"), "a", 0),
        (containers("a", "b", annotation="gone"), "a", 1),
        (containers("a", "b"), "a", 1),
        (containers("linkerd-proxy", "a", "b"), "a", 1),
        (containers("wait"), "wait", 0),
    ],
    ids=str,
)
def test_one_container_gets_the_agent(given: dict[str, Any], chosen: str, hints: int) -> None:
    result = inject_agent(given, instance_of(), PodContext("apps"))
    assert result.pod is not None
    assert [each["name"] for each in result.pod["spec"]["containers"] if "env" in each] == [chosen]
    assert len(result.hints) == hints
