"""The init container that copies the agent's JAR."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.plan.injection.init_container import LIMITS, REQUESTS, init_container
from cryostat_operator.plan.instance import Instance
from cryostat_operator.plan.model.kinds import Obj
from tests.unit.cluster_state import ClusterState, cryostat

SMALL = {
    "requests": {"cpu": REQUESTS[0], "memory": REQUESTS[1]},
    "limits": {"cpu": LIMITS[0], "memory": LIMITS[1]},
}


def instance(spec: dict[str, Any] | None = None, *, openshift: bool = False) -> Instance:
    return ClusterState(cryostat(spec), openshift=openshift).instance


def container(spec: Obj | None = None, app: Obj | None = None, given: Instance | None = None) -> Obj:
    return init_container(given or instance(), spec or {}, app or {})


def test_it_copies_the_jar_into_the_volume() -> None:
    found = container()
    assert found["command"][-1] == "/tmp/cryostat-agent/cryostat-agent-shaded.jar"
    assert found["volumeMounts"][0]["mountPath"] == "/tmp/cryostat-agent"


@pytest.mark.parametrize(
    ("pod", "openshift", "user", "profile"),
    [
        ({}, False, None, "RuntimeDefault"),
        ({"runAsUser": 0}, False, 10001, "RuntimeDefault"),
        ({"runAsUser": 7}, False, None, "RuntimeDefault"),
        ({"seccompProfile": {"type": "Localhost"}}, False, None, None),
        ({}, True, None, None),
    ],
)
def test_its_security_context_is_restricted(pod: Obj, openshift: bool, user: int | None, profile: str | None) -> None:
    context = container({"securityContext": pod}, given=instance(openshift=openshift))["securityContext"]
    assert (context["runAsNonRoot"], context["allowPrivilegeEscalation"]) == (True, False)
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert context["readOnlyRootFilesystem"] is True
    assert (context.get("runAsUser"), context.get("seccompProfile", {}).get("type")) == (user, profile)


def test_its_resources_are_those_of_the_container() -> None:
    resources = {"requests": {"cpu": "1", "nvidia.com/gpu": "1"}, "limits": {"memory": "1Gi", "hugepages-2Mi": "4Mi"}}
    assert container(app={"resources": resources})["resources"] == {
        "requests": {"cpu": "1"},
        "limits": {"memory": "1Gi"},
    }
    assert container(app={"resources": {"limits": {"nvidia.com/gpu": "1"}}})["resources"] == SMALL
    assert container()["resources"] == SMALL


def test_resources_of_the_spec_take_precedence() -> None:
    given = instance({"agentOptions": {"resources": {"requests": {"cpu": "2"}}}})
    found = container(app={"resources": {"requests": {"cpu": "1"}}}, given=given)
    assert found["resources"]["requests"]["cpu"] == "2"


def test_a_pod_with_resources_of_its_own_limits_all_containers() -> None:
    assert "resources" not in container({"resources": {"limits": {"cpu": "1"}}})
