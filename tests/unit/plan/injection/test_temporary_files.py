"""Hints about containers in which a JVM cannot write temporary files."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.plan.injection.pod_fields import PodContext
from cryostat_operator.plan.injection.pod_mutator import inject_agent
from tests.unit.plan.injection.pods import instance_of, pod

READ_ONLY = {"readOnlyRootFilesystem": True}
HINT = (
    'container "app" has a read-only root file system, so its JVM cannot start recordings: mount an emptyDir at '
    "/tmp, unless its image, a Secret or a ConfigMap sets java.io.tmpdir"
)


def hints(**container: Any) -> tuple[str, ...]:
    result = inject_agent(pod(container), instance_of(), PodContext("apps"))
    assert result.pod is not None
    return result.hints


@pytest.mark.parametrize(
    "container",
    [{}, {"volumeMounts": [{"name": "v", "mountPath": "/data"}]}],
)
def test_a_read_only_root_file_system_is_a_hint(container: dict[str, Any]) -> None:
    assert hints(securityContext=READ_ONLY, **container) == (HINT,)


@pytest.mark.parametrize(
    "container",
    [
        {"securityContext": {"readOnlyRootFilesystem": False}},
        {"securityContext": None},
        {"securityContext": READ_ONLY, "volumeMounts": [{"name": "v", "mountPath": "/tmp/"}]},
        {"securityContext": READ_ONLY, "args": ["-Djava.io.tmpdir=/data"]},
        {"securityContext": READ_ONLY, "env": [{"name": "O", "value": "-XX:FlightRecorderOptions:repository=/data"}]},
    ],
)
def test_a_container_that_can_write_is_not(container: dict[str, Any]) -> None:
    assert hints(**container) == ()
