"""Renders the objects of a Cryostat as YAML without a cluster."""

from __future__ import annotations

from ..api.v1beta2 import Cryostat
from ..settings import Settings
from .assumed import assumed_data, assumed_snapshot
from .model.desired_state import Plan
from .planner import build, complete
from .yaml_text import documents


def assumed_plan(cryostat: Cryostat, settings: Settings, *, openshift: bool) -> Plan:
    """Return the plan in a cluster in which everything exists that the Cryostat needs, see `assumed_snapshot`."""
    snapshot = assumed_snapshot(cryostat, settings, openshift=openshift)
    desired = build(cryostat, snapshot, settings)
    data = assumed_data(desired)
    return complete(desired, data)


def manifests(plan: Plan) -> str:
    """Return the objects of a plan as YAML documents in their order, after comments on what is left out."""
    comments = "".join(f"# {line}\n" for line in left_out(plan))
    objects = [obj for component in plan.components for obj in component.objects]
    return comments + documents(objects)


def left_out(plan: Plan) -> list[str]:
    """Return one line for each object that cannot be rendered without a cluster, with the reason.

    The first sentence of a message is the reason; what follows says what to do in a cluster.
    """
    reasons = {key: blocked.problem.message.partition(". ")[0].rstrip(".") for key, blocked in plan.blocked.items()}
    return [f"Not rendered, needs a cluster: {key}. {reason}." for key, reason in reasons.items()]
