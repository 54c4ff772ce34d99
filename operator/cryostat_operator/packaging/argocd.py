"""The settings of Argo CD for Cryostats: a health assessment in Lua, and fields that a comparison ignores."""

from __future__ import annotations

from ..plan.model.kinds import Obj
from ..plan.model.reason_groups import COMPONENT_REASONS
from ..plan.model.reasons import Reason
from ..plan.readiness import DEPLOYMENTS, NON_BLOCKING
from ..plan.yaml_text import documents

SUSPENDED = (str(Reason.HIBERNATED), str(Reason.PAUSED))
"""Reasons of `Ready` if a user asked that the instance does not run, or is not changed."""
_KIND = "operator.cryostat.io_Cryostat"

# Argo CD runs it without the libraries `string` and `os`, therefore the tables have whole reasons.
_LUA = """\
-- Suspended: paused or hibernated. Degraded: a user has to act. Progressing: it starts, or waits for something.
local suspended = {
%(suspended)s
}
local degraded = {
%(degraded)s
}
local health = {status = "Progressing", message = "The operator has not processed the Cryostat yet."}
if obj.status == nil or obj.status.conditions == nil then
  return health
end
local deleting = obj.metadata.deletionTimestamp ~= nil
local observed = obj.status.observedGeneration
if not deleting and observed ~= nil and observed ~= obj.metadata.generation then
  health.message = "The operator has not processed the newest spec yet."
  return health
end
for _, condition in ipairs(obj.status.conditions) do
  if condition.type == "Ready" then
    health.message = condition.message
    if degraded[condition.reason] then
      health.status = "Degraded"
    elseif suspended[condition.reason] then
      health.status = "Suspended"
    elseif condition.status == "True" and not deleting then
      health.status = "Healthy"
    end
  end
end
return health
"""


def health_assessment() -> str:
    """Return the Lua script that computes health and message from the condition `Ready`."""
    return _LUA % {"suspended": _table(SUSPENDED), "degraded": _table(degraded_reasons())}


def degraded_reasons() -> list[str]:
    """Return all reasons of `Ready` for which a user has to act."""
    found: set[str] = set()
    for reason in Reason:
        if not reason.actionable or not reason.condition or reason in NON_BLOCKING:
            continue
        prefixes = DEPLOYMENTS if reason in COMPONENT_REASONS else ("",)
        found |= {f"{prefix}{reason}" for prefix in prefixes}
    return sorted(found)


def _table(reasons: list[str] | tuple[str, ...]) -> str:
    return "\n".join(f"  {reason} = true," for reason in reasons)


def settings() -> Obj:
    """Return the data to add to the ConfigMap `argocd-cm`.

    The webhooks of the operator add the ignored fields to a Cryostat that does not have them.
    """
    ignored = documents([{"jsonPointers": ["/spec/enableAudit", "/spec/targetNamespaces"]}])
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "argocd-cm",
            "namespace": "argocd",
            "labels": {"app.kubernetes.io/name": "argocd-cm", "app.kubernetes.io/part-of": "argocd"},
        },
        "data": {
            f"resource.customizations.health.{_KIND}": health_assessment(),
            f"resource.customizations.ignoreDifferences.{_KIND}": ignored,
        },
    }
