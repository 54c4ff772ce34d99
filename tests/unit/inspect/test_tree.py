"""The tree of an instance."""

from __future__ import annotations

from dataclasses import replace

import click
import pytest

from cryostat_operator.inspect.instance_causes import causes
from cryostat_operator.inspect.observed import LabeledPods, Observed
from cryostat_operator.inspect.tree import instance_tree, lines
from cryostat_operator.inspect.volume_usage import VolumeUsage
from tests.unit.inspect.instance import NOW, condition, cryostat, deployment, owned, pod

CLAIM = owned(
    "PersistentVolumeClaim",
    "sample-storage",
    spec={"resources": {"requests": {"storage": "5Gi"}}, "storageClassName": "fast"},
    status={"phase": "Bound"},
)
TLS = owned("Secret", "sample-tls", data={"tls.key": "c2VjcmV0", "tls.crt": "Yw=="})
WELL = Observed(
    cryostat(
        applicationUrl="https://jfr.example.com",
        basicAuthSecret="sample-basic-auth",
        targetNamespaces=["a", "b", "absent"],
    ),
    (CLAIM, TLS, owned("RoleBinding", "r", "a"), deployment()),
    (pod("cryostat"),),
    agents={"a": LabeledPods(2), "absent": LabeledPods()},
    missing_namespaces=frozenset({"absent"}),
    expiries={"here/sample-tls": NOW + 100 * 86400},
    unreadable=("You may not list events.",),
    not_measured=("The kubelet of node n does not answer.",),
)


def text(observed: Observed, height: int = 0) -> str:
    return click.unstyle("\n".join(lines(observed, NOW, causes(observed, NOW), height)))


def test_the_tree_of_a_ready_instance_has_all_requested_parts() -> None:
    shown = text(WELL)
    for expected in (
        "Cryostat here/sample  Ready",
        "Application: https://jfr.example.com",
        "get secret sample-basic-auth -o jsonpath='{.data.password}' | base64 -d",
        "Target namespace a: 2 pods with an agent",
        "Target namespace b: pods cannot be read",
        "Target namespace absent: does not exist",
        "✓ Deployment sample  1/1 pods ready, 1 container each",
        "image quay.io/cryostat/sample:4.2.0\n",
        "Workloads  2 of 2\n",  # the Deployment and its pod; the image is no object
        "✓ PersistentVolumeClaim sample-storage  Bound, 5Gi, storage class fast",
        "✓ Pod sample-cryostat-1  ready",
        "✓ Secret sample-tls  keys tls.crt, tls.key, the certificate expires in 100 days",
        "✓ RoleBinding a/r  exists",
        "Not shown\n  You may not list events.\n  The kubelet of node n does not answer.",
    ):
        assert expected in shown
    assert "Cause" not in shown


@pytest.mark.parametrize(
    ("without", "said"),
    [
        (
            ("shop-1",),
            "1 pod with an agent, 1 pod without the agent that the labels request (shop-1): restart the workload",
        ),
        (
            ("a", "b", "c"),
            "1 pod with an agent, 3 pods without the agent that the labels request (a and 2 more): "
            "restart the workload",
        ),
    ],
)
def test_pods_that_were_created_without_the_agent_are_named(without: tuple[str, ...], said: str) -> None:
    shown = text(replace(WELL, agents={"a": LabeledPods(1, without)}))
    assert f"Target namespace a: {said}\n" in shown


def test_no_value_of_a_secret_is_shown() -> None:
    assert "c2VjcmV0" not in text(WELL)


def test_causes_follow_with_the_chain_and_the_next_command() -> None:
    bad = Observed(
        cryostat(condition("Ready", "False", "StorageImagePullFailed", "No image.")),
        (deployment("-storage", 0),),
        (pod("storage", "ImagePullBackOff", "manifest unknown"),),
        events=({"reason": "ImagePullFailed", "message": "an event"},),
    )
    shown = text(bad)
    assert "Cryostat here/sample  Not ready" in shown
    assert "… Pod sample-storage-1  ImagePullFailed: " in shown
    assert "ImagePullFailed: an event" in shown
    assert "→ Deployment sample-storage: 0 of 1 pods ready" in shown
    assert "Next: kubectl -n here describe pods" in shown


def test_a_certificate_that_expires_soon_is_a_warning() -> None:
    soon = Observed(cryostat(), (TLS,), expiries={"here/sample-tls": NOW + 2.5 * 86400})
    assert "… Secret sample-tls  keys tls.crt, tls.key, the certificate expires in 2 days" in text(soon)
    expired = Observed(cryostat(), (TLS,), expiries={"here/sample-tls": NOW - 1})
    assert "✗ Secret sample-tls  keys tls.crt, tls.key, the certificate expired" in text(expired)


def test_the_use_of_a_volume_is_shown_at_its_claim() -> None:
    name = "PersistentVolumeClaim sample-storage  Bound, 5Gi, storage class fast"
    assert f"✓ {name}, 89 % used" in text(
        Observed(cryostat(), (CLAIM,), volumes={"sample-storage": VolumeUsage(89, 100)})
    )
    assert f"… {name}, 90 % used" in text(
        Observed(cryostat(), (CLAIM,), volumes={"sample-storage": VolumeUsage(90, 100)})
    )


def test_in_a_small_terminal_healthy_objects_are_only_counted() -> None:
    tall, small = instance_tree(WELL), instance_tree(WELL, 10)
    assert any("Deployment sample" in line for line in tall)
    assert not any("Deployment sample" in line for line in small)
    assert any("2 of 2" in click.unstyle(line) for line in small)


def test_a_deployment_that_is_scaled_to_0_is_healthy() -> None:
    asleep = deployment("", 0)
    asleep["spec"]["replicas"] = 0
    assert "✓ Deployment sample  scaled to 0" in text(Observed(cryostat(), (asleep,)))


def test_the_releases_are_shown() -> None:
    shown = text(Observed(cryostat(), (deployment(),), operators=()))
    unknown = "not known (the operator has no Deployment in this cluster)"
    assert f"Release: Cryostat 4.2, unknown PostgreSQL; desired: {unknown}; data: not recorded" in shown


def test_an_instance_that_hibernates_is_labeled() -> None:
    shown = text(Observed(cryostat(condition("Ready", "False", "Hibernated", "Hibernated. It sleeps."))))
    assert "Cryostat here/sample  Hibernated" in shown
    assert "annotate cryostat sample operator.cryostat.io/hibernation-" in shown
