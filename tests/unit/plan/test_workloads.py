"""What the Deployments and Services of all components share."""

from __future__ import annotations

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


def test_scheduling_has_only_what_the_spec_sets() -> None:
    options = cryostat({"schedulingOptions": {"nodeSelector": {"a": "b"}, "tolerations": []}}).spec.scheduling_options
    assert workloads.scheduling(options) == {"nodeSelector": {"a": "b"}}
    assert workloads.scheduling(None) == {}
    affinity: Obj = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}}
    options = cryostat({"schedulingOptions": {"affinity": affinity}}).spec.scheduling_options
    assert workloads.scheduling(options) == {"affinity": affinity}


def test_services_are_reachable_inside_the_cluster_by_default() -> None:
    assert workloads.service_type(None) == "ClusterIP"
