"""A Deployment that admission refused, with two containers."""

from __future__ import annotations

from cryostat_operator.plan.model.refused_object import RefusedObject

CORE, PROXY = "spec.resources.coreResources", "spec.resources.authProxyResources"
PODS = RefusedObject(
    "here",
    resources="spec.resources",
    has_security=True,
    account="c",
    containers={"c": CORE, "c-auth-proxy": PROXY},
    amounts={CORE: frozenset({"1Gi", "2"}), PROXY: frozenset({"256Mi", "1"})},
)
