"""What the Deployments and Services of all components share."""

from __future__ import annotations

import pytest

from cryostat_operator.plan import workloads
from cryostat_operator.plan.model.kinds import Obj
from tests.unit.cluster_state import NAME, ClusterState, cryostat


def deployment(spec: Obj, component: str = "database") -> Obj:
    instance = ClusterState(cryostat(spec)).instance
    pod: Obj = {"containers": [{"name": "a", "args": [], "env": [{"name": "A"}]}]}
    return workloads.deployment(instance, component, {"replicas": 1, "pod": pod})


def test_names_and_selectors() -> None:
    found = deployment({})
    selector = {"app": NAME, "kind": "cryostat", "component": "database"}
    assert found["metadata"]["name"] == f"{NAME}-database"
    assert found["spec"]["selector"] == {"matchLabels": selector}
    assert found["spec"]["template"]["metadata"]["labels"] == selector
    assert deployment({}, workloads.CORE)["metadata"]["name"] == NAME


def test_empty_lists_of_containers_are_left_out() -> None:
    assert deployment({})["spec"]["template"]["spec"]["containers"] == [{"name": "a", "env": [{"name": "A"}]}]


def test_labels_of_users_never_replace_those_of_the_selector() -> None:
    given = {"labels": {"app": "other", "team": "a"}, "annotations": {"note": "b"}}
    found = deployment({"operandMetadata": {"podMetadata": given, "deploymentMetadata": given}})
    assert found["spec"]["template"]["metadata"]["labels"] == {
        "app": NAME,
        "kind": "cryostat",
        "component": "database",
        "team": "a",
    }
    assert found["spec"]["template"]["metadata"]["annotations"] == {"note": "b"}
    assert (found["metadata"]["labels"]["app"], found["metadata"]["labels"]["team"]) == (NAME, "a")


REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
NOT_WINDOWS = {"key": "kubernetes.io/os", "operator": "NotIn", "values": ["windows"]}


def placed(options: Obj | None) -> Obj:
    return workloads.scheduling(cryostat({"schedulingOptions": options} if options else {}).spec.scheduling_options)


def test_scheduling_has_what_the_spec_sets_and_excludes_windows_nodes() -> None:
    default = {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": [NOT_WINDOWS]}]}}}
    assert placed(None) == {"affinity": default}
    assert placed({"nodeSelector": {"a": "b"}, "tolerations": []}) == {"nodeSelector": {"a": "b"}, "affinity": default}
    tolerations = [{"operator": "Exists"}]
    assert placed({"tolerations": tolerations}) == {"tolerations": tolerations, "affinity": default}
    near: Obj = {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}
    assert placed({"affinity": near}) == {"affinity": {**near, **default}}


def test_each_term_of_the_spec_excludes_windows_nodes_unless_it_names_the_system() -> None:
    zone = {"key": "zone", "operator": "In", "values": ["a"]}
    system = {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}
    name = [{"key": "metadata.name", "operator": "In", "values": ["node"]}]
    preferred: list[Obj] = [{"weight": 1, "preference": {"matchExpressions": [zone]}}]
    terms: list[Obj] = [{"matchExpressions": [zone]}, {"matchExpressions": [system]}, {"matchFields": name}, {}]
    given = {REQUIRED: {"nodeSelectorTerms": terms}, "preferredDuringSchedulingIgnoredDuringExecution": preferred}
    [found] = placed({"affinity": {"nodeAffinity": given}})["affinity"].values()
    assert found[REQUIRED]["nodeSelectorTerms"] == [
        {"matchExpressions": [zone, NOT_WINDOWS]},
        {"matchExpressions": [system]},
        {"matchFields": name, "matchExpressions": [NOT_WINDOWS]},
        {},
    ]
    assert found["preferredDuringSchedulingIgnoredDuringExecution"] == preferred
    assert terms[0] == {"matchExpressions": [zone]}  # the spec is not changed


@pytest.mark.parametrize("system", ["linux", "windows"])
def test_a_node_selector_of_the_spec_for_a_system_takes_precedence(system: str) -> None:
    selector = {"kubernetes.io/os": system}
    assert placed({"nodeSelector": selector}) == {"nodeSelector": selector}


def test_pods_have_no_variables_about_other_services() -> None:
    """With thousands of Services in the namespace, a container would not start: `argument list too long`."""
    assert deployment({})["spec"]["template"]["spec"]["enableServiceLinks"] is False


def test_services_are_reachable_inside_the_cluster_by_default() -> None:
    assert workloads.service_type(None) == "ClusterIP"
