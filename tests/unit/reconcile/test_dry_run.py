"""The Cryostat that the command `diff` plans. tests/cluster/test_cli.py tests the whole command."""

from __future__ import annotations

from typing import Any

from cryostat_operator.api import constants
from cryostat_operator.api.validation import read_cryostat
from cryostat_operator.reconcile.dry_run import live_cryostat, with_api_server_service
from cryostat_operator.settings import Settings
from tests.unit.reconcile.conftest import Cluster

HIBERNATION = {constants.ANNOTATION_HIBERNATION: "on"}


def in_file(**metadata: Any) -> Any:
    return read_cryostat({"metadata": {"name": "sample", "namespace": "here", **metadata}, "spec": {}})


async def test_a_new_cryostat_is_planned_as_in_the_file(cluster: Cluster) -> None:
    found = await live_cryostat(cluster.server, in_file(name="other"))
    assert found.metadata == {"name": "other", "namespace": "here"}


async def test_annotations_that_only_the_cluster_has_are_kept(cluster: Cluster) -> None:
    cluster.cryostat(annotations={**HIBERNATION, "a": "live"})
    found = await live_cryostat(cluster.server, in_file(annotations={"a": "file"}))
    assert found.metadata["annotations"] == {**HIBERNATION, "a": "file"}
    assert found.metadata["uid"]
    assert found.hibernation_requested


async def test_the_service_of_the_api_server_is_read_outside_of_a_cluster(cluster: Cluster) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kubernetes", "namespace": "default"},
        "spec": {"clusterIP": "10.96.0.1", "ports": [{"name": "https", "port": 443}]},
    }
    allowed = {"to": [{"ipBlock": {"cidr": "10.96.0.1/32"}}, {"podSelector": {}}]}
    policies: list[dict[str, Any]] = [{"kind": "Service"}, {"kind": "NetworkPolicy", "spec": {"egress": [{}, allowed]}}]
    assert await with_api_server_service(cluster.server, Settings(), policies) == Settings()  # no such Service
    cluster.server.put("/api/v1/namespaces/default/services/kubernetes", service)
    found = await with_api_server_service(cluster.server, Settings(), policies)
    assert found.api_server_service == ("10.96.0.1", 443)
    others: list[dict[str, Any]] = [
        {"kind": "NetworkPolicy", "spec": {"egress": [{"to": [{"ipBlock": {"cidr": "10.96.0.2/32"}}]}]}}
    ]
    assert await with_api_server_service(cluster.server, Settings(), others) == Settings()
    own = Settings(api_server_service=("10.0.0.1", 443))
    assert await with_api_server_service(cluster.server, own, policies) == own
