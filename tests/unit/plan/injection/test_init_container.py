"""The init container that copies the agent's JAR."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.plan.injection.init_container import LIMITS, REQUESTS, init_container
from cryostat_operator.plan.injection.pod_fields import PodContext
from cryostat_operator.plan.injection.pod_mutator import inject_agent
from cryostat_operator.plan.instance import Instance
from cryostat_operator.plan.model.kinds import Obj
from tests.unit.cluster_state import ClusterState, cryostat
from tests.unit.plan.injection.pods import instance_of, pod, with_agent

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


def test_in_a_pod_with_resources_of_its_own_it_has_those_of_the_container() -> None:
    """A LimitRange adds amounts to containers without resources. These may exceed the requests of the pod."""
    spec = {"resources": {"limits": {"cpu": "1"}}}
    given = instance({"agentOptions": {"resources": {"requests": {"cpu": "2"}}}})
    own = {"requests": {"cpu": "1m"}, "limits": {"memory": "1Gi"}}
    assert container(spec, {"resources": own}, given)["resources"] == own
    assert "resources" not in container(spec, given=given)


def test_resources_of_the_init_container() -> None:
    def resources(container: dict[str, Any], spec: dict[str, Any] | None = None, **given: Any) -> Any:
        return with_agent(pod(container, **given), instance_of(spec))["spec"]["initContainers"][0].get("resources")

    guaranteed = {"requests": {"cpu": "2", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "1Gi"}}
    assert resources({"resources": guaranteed}) == guaranteed
    device = {"limits": {"example.com/gpu": "1", "cpu": "1"}}
    assert resources({"resources": device}) == {"limits": {"cpu": "1"}}
    assert resources({}, resources={"limits": {"cpu": "1"}}) is None
    chosen = {"agentOptions": {"resources": {"requests": {"cpu": "1m"}}}}
    assert resources({"resources": guaranteed}, chosen) == {"requests": {"cpu": "1m", "memory": "32Mi"}}
    assert resources({}, chosen, resources={"limits": {"cpu": "1"}}) is None


@pytest.mark.parametrize(
    ("limits", "hints"),
    [
        ((), 0),
        (("1Gi",), 0),
        (("40Mi", "60Mi"), 0),
        (("20Mi", "20Mi"), 1),
        (("40Mi",), 1),
        (("much",), 0),
    ],
)
def test_little_ephemeral_storage_is_a_hint(limits: tuple[str, ...], hints: int) -> None:
    """The kubelet evicts a pod with more than the sum of the limits, including the volume with the JAR."""
    given = pod()
    [container] = given["spec"]["containers"]
    given["spec"]["containers"] = [
        {**container, "name": name, "resources": {"limits": {"ephemeral-storage": limit}}}
        for name, limit in zip(("app", "istio-proxy"), limits, strict=False)
    ] or [container]
    result = inject_agent(given, instance_of(), PodContext("apps"))
    assert result.pod
    assert len(result.hints) == hints
    for hint in result.hints:
        assert hint == ("the agent takes up to 32Mi of the ephemeral storage of the pod, whose limit is 41943040 bytes")


def _limited(limit: str, **fields: Any) -> dict[str, Any]:
    return {"name": limit.lower(), "image": "i", "resources": {"limits": {"ephemeral-storage": limit}}, **fields}


@pytest.mark.parametrize(
    ("limit", "before", "hints"),
    [
        ("20Mi", [_limited("1Gi", restartPolicy="Always")], 0),
        ("20Mi", [_limited("1Gi")], 0),
        ("20Mi", [_limited("60Mi", restartPolicy="Always"), _limited("40Mi")], 0),
        ("20Mi", [_limited("40Mi"), _limited("60Mi", restartPolicy="Always")], 1),
        ("20Mi", [{"name": "unlimited", "image": "i"}, _limited("40Mi")], 1),
        ("", [_limited("40Mi")], 1),
    ],
)
def test_init_containers_count_in_the_limit_of_a_pod(limit: str, before: list[dict[str, Any]], hints: int) -> None:
    """Sidecars are added; of the other init containers, the one with the highest limit counts."""
    given = pod({"resources": {"limits": {"ephemeral-storage": limit}}} if limit else {})
    given["spec"]["initContainers"] = before
    result = inject_agent(given, instance_of(), PodContext("apps"))
    assert result.pod
    assert len([hint for hint in result.hints if "ephemeral storage" in hint]) == hints


@pytest.mark.parametrize(
    ("limit", "kept"),
    [("1Gi", {"memory": "64Mi", "ephemeral-storage": "200Mi"}), ("", {"memory": "64Mi"})],
)
def test_the_agent_gives_no_limit_of_ephemeral_storage_to_a_pod_without_one(limit: str, kept: dict[str, str]) -> None:
    """The kubelet evicts a pod with more than the limits of its containers, including those that have ended."""
    limits = {"memory": "64Mi", "ephemeral-storage": "200Mi"}
    cr = instance_of({"agentOptions": {"resources": {"limits": limits, "requests": {"ephemeral-storage": "50Mi"}}}})
    target = pod({"resources": {"limits": {"ephemeral-storage": limit}}} if limit else {})
    result = inject_agent(target, cr, PodContext("apps"))
    assert result.pod
    [init] = result.pod["spec"]["initContainers"]
    assert init["resources"]["limits"] == kept
    assert init["resources"]["requests"]["ephemeral-storage"] == "50Mi"
