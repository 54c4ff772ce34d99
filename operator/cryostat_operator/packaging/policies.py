"""Builds the parts that the optional ValidatingAdmissionPolicies share. Kubernetes 1.30 and later serve these kinds."""

from __future__ import annotations

from ..plan.model.kinds import Obj
from .install_names import metadata

GROUP = "admissionregistration.k8s.io"


def policy_and_binding(name: str, action: str, spec: Obj) -> list[Obj]:
    """Return a ValidatingAdmissionPolicy, and the binding that applies it to the whole cluster.

    Args:
        name: of both objects.
        action: what happens to a request that the policy does not allow: `Deny` or `Warn`.
        spec: of the policy.
    """
    binding = {"policyName": name, "validationActions": [action]}
    specs = {"ValidatingAdmissionPolicy": spec, "ValidatingAdmissionPolicyBinding": binding}
    return [
        {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": metadata(name), "spec": each}
        for kind, each in specs.items()
    ]
