"""Certificates of authorities that the application trusts."""

from __future__ import annotations

from typing import Any

from cryostat_operator.plan.model.kinds import Obj
from cryostat_operator.plan.pod_references import pod_references
from tests.unit.cluster_state import container, find, settled

TRUSTED = {"trustedCertSecrets": [{"secretName": "a"}, {"configMapName": "b", "certificateKey": "ca-bundle.crt"}]}


def pod(spec: dict[str, Any]) -> Obj:
    found: Obj = find(settled(spec).plan, "Deployment", "sample")["spec"]["template"]["spec"]
    return found


def mounted(spec: dict[str, Any]) -> str:
    mounts = container(settled(spec).plan, "sample", "sample")["volumeMounts"]
    [volume] = [each["name"] for each in mounts if each["mountPath"] == "/truststore/operator"]
    return str(volume)


def test_without_certificates_in_the_spec_no_container_splits_them() -> None:
    specs: list[dict[str, Any]] = [{}, {"enableCertManager": True}, {"trustedCertSecrets": []}]
    for spec in specs:
        assert "initContainers" not in pod(spec)
        assert mounted(spec) == "cert-secrets"


def test_bundles_are_split_into_a_volume_that_the_application_reads() -> None:
    [split] = pod(TRUSTED)["initContainers"]
    assert mounted(TRUSTED) == "trusted-certificates"
    assert split["image"] == container(settled(TRUSTED).plan, "sample", "sample")["image"]
    assert split["command"][-2:] == ["/trusted-certificates", "/truststore/operator"]
    assert "$(" not in split["command"][2], "the kubelet would expand it"
    assert split["volumeMounts"] == [
        {"name": "cert-secrets", "mountPath": "/trusted-certificates", "readOnly": True},
        {"name": "trusted-certificates", "mountPath": "/truststore/operator"},
    ]
    assert split["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert {"cpu", "memory"} == split["resources"]["limits"].keys() == split["resources"]["requests"].keys()


def test_the_volume_of_the_parts_does_not_keep_a_pod_on_its_node() -> None:
    [volume] = [each for each in pod(TRUSTED)["volumes"] if each["name"] == "trusted-certificates"]
    assert volume["emptyDir"]["medium"] == "Memory"


def test_the_sources_are_references_of_the_pod() -> None:
    found = {(each.kind, each.name): each.keys for each in pod_references(pod(TRUSTED))}
    assert found["Secret", "a"] == {"tls.crt"}
    assert found["ConfigMap", "b"] == {"ca-bundle.crt"}


def test_the_application_may_take_longer_to_import_a_bundle() -> None:
    for spec, seconds in (({}, 180), (TRUSTED, 600)):
        assert container(settled(spec).plan, "sample", "sample")["startupProbe"]["failureThreshold"] == seconds
