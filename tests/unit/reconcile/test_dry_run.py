"""The Cryostat that the command `diff` plans for. The command as a whole: tests/cluster/test_cli.py."""

from __future__ import annotations

from typing import Any

from cryostat_operator.api import constants
from cryostat_operator.api.validation import read_cryostat
from cryostat_operator.reconcile.dry_run import live_cryostat
from tests.unit.reconcile.conftest import Cluster

HIBERNATION = {constants.ANNOTATION_HIBERNATION: "on"}


def in_file(**metadata: Any) -> Any:
    return read_cryostat({"metadata": {"name": "sample", "namespace": "here", **metadata}, "spec": {}})


async def test_a_cryostat_that_does_not_exist_is_as_in_the_file(cluster: Cluster) -> None:
    found = await live_cryostat(cluster.server, in_file(name="other"))
    assert found.metadata == {"name": "other", "namespace": "here"}


async def test_annotations_that_only_the_cluster_has_are_kept(cluster: Cluster) -> None:
    cluster.cryostat(annotations={**HIBERNATION, "a": "live"})
    found = await live_cryostat(cluster.server, in_file(annotations={"a": "file"}))
    assert found.metadata["annotations"] == {**HIBERNATION, "a": "file"}
    assert found.metadata["uid"]
    assert found.hibernation_requested
