"""NetworkPolicies of other owners that deny what the pods of an instance need, as far as that is certain."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.diagnosis.denied_connections import MAX_TARGETS, Denial, denials, sentence
from cryostat_operator.plan.model.kinds import InstanceKey, Obj

OWNER = InstanceKey("here", "sample")
OWNED = {constants.LABEL_NAME: "sample", constants.LABEL_NAMESPACE: "here"}
DATABASE, STORAGE, DNS = "the database (TCP port 5432)", "the object storage (TCP port 8333)", "DNS (port 53)"
EVERYWHERE: Obj = {"policyTypes": ["Egress"], "egress": [{}]}


def pod(component: str) -> Obj:
    labels = {"app": "sample", "kind": "cryostat", "component": component, "pod-template-hash": "6d4b5"}
    return {"metadata": {"name": f"{component}-1", "labels": labels}}


APPLICATION = pod("cryostat")
PODS = [APPLICATION, pod("database"), pod("storage"), pod("reports")]


def policy(name: str, labels: dict[str, str] | None = None, selector: Obj | None = None, **spec: Any) -> Obj:
    return {"metadata": {"name": name, "labels": labels}, "spec": {"podSelector": selector or {}, **spec}}


def egress(*rules: Obj) -> Obj:
    return policy("deny", policyTypes=["Ingress", "Egress"], ingress=[{}], egress=list(rules))


def targets(*policies: Obj, own: Obj = APPLICATION, pods: list[Obj] = PODS) -> list[str]:
    return [each.target for each in denials(OWNER, own, pods, policies)]


def to(*peers: Obj, **more: Any) -> Obj:
    return {"to": list(peers), **more}


def test_without_a_policy_that_selects_the_pod_nothing_is_denied() -> None:
    assert targets() == []
    assert targets(policy("other", selector={"matchLabels": {"app": "shop"}}, policyTypes=["Egress"])) == []
    assert targets(policy("no-rule", policyTypes=["Ingress"], ingress=[{}])) == []


def test_what_each_component_needs() -> None:
    assert targets(egress()) == [DATABASE, STORAGE, DNS]
    assert targets(egress(), own=pod("reports")) == [STORAGE, DNS]
    assert targets(egress(), own=pod("database")) == []
    assert targets(egress(), pods=[APPLICATION, pod("database")]) == [DATABASE, DNS], "external storage"


def test_pods_with_the_labels_of_a_target_are_compared_up_to_a_limit() -> None:
    database = pod("database")
    assert targets(egress(), pods=[database] * MAX_TARGETS) == [DATABASE, DNS]
    assert targets(egress(), pods=[database] * (MAX_TARGETS + 1)) == [DNS]
    ended = {**database, "status": {"phase": "Failed"}}
    assert targets(egress(), pods=[database, *[ended] * MAX_TARGETS]) == [DATABASE, DNS]
    assert targets(egress(), pods=[ended]) == [DNS]


def test_another_policy_may_allow_what_one_denies() -> None:
    assert targets(egress(), policy("allow", **EVERYWHERE)) == []
    assert targets(egress(), policy("sample-internal-egress", OWNED, **EVERYWHERE)) == []


def test_policies_of_the_instance_are_not_named() -> None:
    own = policy("sample-internal-egress", OWNED, policyTypes=["Egress"])
    assert denials(OWNER, APPLICATION, PODS, [own]) == []
    assert {each.policies for each in denials(OWNER, APPLICATION, PODS, [own, egress()])} == {("deny",)}


@pytest.mark.parametrize(
    ("rule", "denied"),
    [
        ({}, []),
        (to({"podSelector": {}}), [DNS]),
        (to({"namespaceSelector": {}}), []),
        (to({"podSelector": {"matchLabels": {"component": "database"}}}), [STORAGE, DNS]),
        (to({"podSelector": {"matchLabels": {"role": "backend"}}}), [DATABASE, STORAGE, DNS]),
        (to({"podSelector": {"matchExpressions": [{"key": "pod-template-hash", "operator": "Exists"}]}}), [DNS]),
        (to({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "here"}}}), []),
        (
            to({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}),
            [DATABASE, STORAGE],
        ),
        (
            to(
                {
                    "namespaceSelector": {
                        "matchExpressions": [
                            {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["here"]}
                        ]
                    }
                }
            ),
            [DATABASE, STORAGE],
        ),
        ({"ports": [{"port": 53, "protocol": "UDP"}]}, [DATABASE, STORAGE]),
        ({"ports": [{"port": 5353, "protocol": "UDP"}]}, [DATABASE, STORAGE]),
        ({"ports": [{"port": 5432}]}, [STORAGE, DNS]),
        ({"ports": [{"port": 5432, "protocol": "UDP"}]}, [DATABASE, STORAGE, DNS]),
        ({"ports": [{"port": 1, "endPort": 6000}]}, [STORAGE]),
    ],
)
def test_rules(rule: Obj, denied: list[str]) -> None:
    assert targets(egress(rule)) == denied


@pytest.mark.parametrize(
    "rule",
    [
        to({"ipBlock": {"cidr": "10.0.0.0/8"}}),
        to({"namespaceSelector": {"matchLabels": {"team": "a"}}}),
        {"ports": [{"port": "postgres"}, {"protocol": "UDP"}, {"port": "s3", "protocol": "TCP"}]},
    ],
)
def test_what_is_not_certain_counts_as_allowed(rule: Obj) -> None:
    assert targets(egress(rule)) == []


def test_dns_in_the_own_namespace() -> None:
    key = InstanceKey("kube-system", "sample")
    assert denials(key, APPLICATION, PODS, [egress(to({"podSelector": {}}))]) == []


def test_ingress_of_the_target_is_denied() -> None:
    found = policy("closed", selector={"matchLabels": {"component": "database"}}, policyTypes=["Ingress"])
    assert denials(OWNER, APPLICATION, PODS, [found]) == [Denial(("closed",), "ingress", DATABASE)]
    own = policy(
        "own", OWNED, policyTypes=["Ingress"], ingress=[{"from": [{"podSelector": {}}], "ports": [{"port": 5432}]}]
    )
    assert denials(OWNER, APPLICATION, PODS, [found, own]) == []


def test_one_target_that_accepts_connections_is_enough() -> None:
    found = policy("closed", selector={"matchLabels": {"pod-template-hash": "6d4b5"}}, policyTypes=["Ingress"])
    new = pod("database")
    new["metadata"]["labels"]["pod-template-hash"] = "new"
    assert DATABASE not in targets(found, pods=[*PODS, new])


def test_the_default_of_the_types_is_ingress() -> None:
    assert targets(policy("default")) == [DATABASE, STORAGE]


def test_sentences() -> None:
    many = ("a", "b", "c", "d", "e")
    assert sentence([]) == ""
    assert sentence([Denial(many, "egress", DATABASE), Denial(("f",), "ingress", STORAGE)]) == (
        "NetworkPolicies a, b, c and 2 more deny egress from the pod to the database (TCP port 5432), and "
        "NetworkPolicy f denies ingress from the pod to the object storage (TCP port 8333)"
    )
