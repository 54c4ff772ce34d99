"""Variables of the agent of an instance."""

from __future__ import annotations

from typing import Any

from cryostat_operator.plan.injection import environment
from cryostat_operator.plan.injection.labels import parse_labels
from cryostat_operator.plan.injection.pod_fields import PodContext
from cryostat_operator.plan.instance import Instance
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import ClusterState, cryostat


def instance(spec: dict[str, Any] | None = None, *, tls: bool = False) -> Instance:
    return ClusterState(cryostat(spec), settings=Settings(service_tls=tls)).instance


def variables(given: Instance, context: PodContext | None = None, **labels: str) -> dict[str, Any]:
    options = parse_labels({f"cryostat.io/{key.replace('_', '-')}": value for key, value in labels.items()}, {}).options
    assert options
    found = environment.agent_variables(given, context or PodContext("apps"), options)
    assert len({entry["name"] for entry in found}) == len(found)
    return {
        entry["name"].removeprefix("CRYOSTAT_AGENT_"): entry.get("value", entry.get("valueFrom")) for entry in found
    }
