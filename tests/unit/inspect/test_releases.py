"""Releases that run, that the operator deploys, and that the data was used with."""

from __future__ import annotations

import pytest

from cryostat_operator.inspect.observed import Observed
from cryostat_operator.inspect.releases import releases, summary
from cryostat_operator.plan.model.kinds import Obj
from tests.unit.inspect.instance import cryostat, deployment, owned, pod


def database(release: str, ready: int = 1) -> Obj:
    found = deployment("-database", ready)
    found["spec"]["template"]["spec"]["containers"] = [{"name": "sample-db", "image": f"a/cryostat-db:{release}"}]
    return found


def operator(core: str, data: str) -> Obj:
    env = [{"name": "RELATED_IMAGE_CORE", "value": core}, {"name": "RELATED_IMAGE_DATABASE", "value": data}]
    pod = {"spec": {"containers": [{"name": "operator", "env": env}]}}
    return {"metadata": {"name": "o", "namespace": "ops"}, "spec": {"template": pod}}


def test_all_are_known() -> None:
    claim = owned("PersistentVolumeClaim", "sample-database", spec={})
    claim["metadata"]["annotations"] = {"operator.cryostat.io/database-release": "cryostat=4.1,postgresql=16"}
    wanted = operator("a/cryostat:4.0.0", "a/cryostat-db:4.0.0")
    found = summary(Observed(cryostat(), (deployment(), database("4.2.0"), claim), operators=(wanted,)))
    assert found == (
        "Cryostat 4.2, PostgreSQL 16; desired: Cryostat 4.0, PostgreSQL 16; data: Cryostat 4.1, PostgreSQL 16"
    )


def test_a_pod_that_still_runs_counts_more_than_the_template() -> None:
    old, new = pod("cryostat"), pod("cryostat", "ErrImagePull")
    old["spec"]["containers"] = [{"name": "sample", "image": "a/cryostat:4.1.0"}]
    new["spec"]["containers"] = [{"name": "sample", "image": "a/cryostat:4.0.0"}]
    assert releases(Observed(cryostat(), (deployment(),), (old, new))).running == "Cryostat 4.1, unknown PostgreSQL"


def test_nothing_runs() -> None:
    assert releases(Observed(cryostat(), (deployment(ready=0), database("4.2.0", 0)))) == (
        "nothing runs",
        "",
        "not recorded",
    )


@pytest.mark.parametrize(
    ("refused", "running", "data"),
    [
        ({"pods"}, "nothing runs", "not recorded"),
        ({"deployments", "pods"}, "not known (you may not list deployments and pods)", "not recorded"),
        ({"persistentvolumeclaims"}, "nothing runs", "not known (you may not list persistentvolumeclaims)"),
    ],
)
def test_what_the_user_may_not_read_is_not_known(refused: set[str], running: str, data: str) -> None:
    assert releases(Observed(cryostat(), refused=frozenset(refused))) == (running, "", data)


@pytest.mark.parametrize(
    ("operators", "reason"),
    [
        (None, "not known (you may not read the Deployment of the operator)"),
        ((), "not known (the operator has no Deployment in this cluster)"),
        (
            (operator("a/cryostat:4.0.0", ""),),
            "not known (the Deployment of the operator does not set RELATED_IMAGE_DATABASE)",
        ),
        (
            ({"metadata": {}, "status": {}},),
            "not known (the Deployment of the operator does not set RELATED_IMAGE_CORE and RELATED_IMAGE_DATABASE)",
        ),
    ],
)
def test_why_the_desired_releases_are_not_known(operators: tuple[Obj, ...] | None, reason: str) -> None:
    observed = Observed(cryostat(), operators=operators)
    assert releases(observed).desired == ""
    assert summary(observed) == f"nothing runs; desired: {reason}; data: not recorded"
