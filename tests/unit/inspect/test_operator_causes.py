"""Causes outside of an instance: the operator does not run, or its webhooks cannot be called."""

from __future__ import annotations

import pytest

from cryostat_operator.inspect.instance_causes import causes
from cryostat_operator.inspect.observed import Observed
from tests.unit.inspect.instance import DOWN, NOW, cryostat, lease


def test_a_lease_that_is_not_renewed_names_the_replica_and_the_age() -> None:
    [cause] = causes(Observed(cryostat(), operators=(DOWN,), lease=lease(), lease_is_renewed=False), NOW)
    assert cause.message == (
        "The operator does not run: its replica operator-1 last renewed Lease ops/d696d7ab.redhat.com 13 minutes ago. "
        "No pod of the operator is ready (Deployment ops/cryostat-operator-controller)."
    )
    [free] = causes(Observed(cryostat(), lease=lease(""), lease_is_renewed=False), NOW)
    assert free.message == "The operator does not run: no replica holds Lease ops/d696d7ab.redhat.com."


def test_an_operator_outside_of_the_cluster_runs_if_it_renews_its_lease() -> None:
    old = cryostat(observedGeneration=0)
    running = Observed(old, operators=(), lease=lease(), lease_is_renewed=True)
    assert [cause.reason for cause in causes(running, NOW)] == ["StatusOutdated"]
    assert [cause.reason for cause in causes(Observed(old, operators=()), NOW)] == ["OperatorNotRunning"]


def test_a_webhook_that_cannot_be_called_is_quoted() -> None:
    [cause] = causes(Observed(cryostat(), webhook_failure="it is down."), NOW)
    assert cause.message == (
        "The API server cannot call a webhook, so no user can create or change this Cryostat: it is down."
    )
    assert cause.chain == ("Cryostat here/sample: a change of it is refused",)


@pytest.mark.parametrize(
    ("age", "text"),
    [(16, "more than 15 seconds ago"), (120, "2 minutes ago"), (7200, "2 hours ago"), (3 * 86400, "3 days ago")],
)
def test_the_age_of_a_lease(age: int, text: str) -> None:
    renewed = {"holderIdentity": "a", "renewTime": "2023-11-14T22:13:20Z"}  # NOW
    old = {"metadata": {"name": "l", "namespace": "ops"}, "spec": renewed}
    [cause] = causes(Observed(cryostat(), lease=old, lease_is_renewed=False), NOW + age)
    assert cause.message == f"The operator does not run: its replica a last renewed Lease ops/l {text}."
    old["spec"] = {"holderIdentity": "a"}
    [cause] = causes(Observed(cryostat(), lease=old, lease_is_renewed=False), NOW)
    assert cause.message == "The operator does not run: Lease ops/l is not renewed."
