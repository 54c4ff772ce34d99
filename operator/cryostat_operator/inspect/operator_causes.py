"""Causes outside of the instance: the operator does not run, or the API server cannot call its webhooks."""

from __future__ import annotations

from collections.abc import Iterator

from ..api import constants
from ..plan.model.kinds import Obj
from ..plan.model.reasons import Reason
from ..plan.model.times import seconds
from .cause import Cause
from .observed import OPERATOR_NAMESPACES, Observed

_PODS = "kubectl -n {} get pods,events"
_LOG = "kubectl -n {} logs deployment/" + constants.OPERATOR_DEPLOYMENT
_WEBHOOK_SERVICE = "kubectl -n {} get pods,services,endpointslices"
_WEBHOOKS = "kubectl get mutatingwebhookconfigurations,validatingwebhookconfigurations"
_OWN_WEBHOOKS = ('"mcryostat.kb.io"', '"vcryostat.kb.io"')  # as the API server quotes them


def operator_causes(observed: Observed, now: float) -> Iterator[Cause]:
    """Yield why the operator does not process the Cryostat, and why it cannot be changed.

    Args:
        now: seconds since the epoch.
    """
    yield from _not_running(observed, now)
    if observed.webhook_failure:
        message = (
            f"The API server cannot call a webhook, so no user can create or change this Cryostat: "
            f"{observed.webhook_failure.rstrip('.')}."
        )
        chain = (f"Cryostat {observed.namespace}/{observed.name}: a change of it is refused",)
        yield Cause(Reason.WEBHOOK_UNREACHABLE, message, chain, _webhook_command(observed))


def operator_namespace(observed: Observed) -> str:
    """Return the namespace of the operator, or where the manifests install it if none is found."""
    found = [*(observed.operators or ()), *([observed.lease] if observed.lease else [])]
    return str(found[0]["metadata"]["namespace"]) if found else OPERATOR_NAMESPACES[0]


def _not_running(observed: Observed, now: float) -> Iterator[Cause]:
    place = operator_namespace(observed)
    no_pod = f"No pod of the operator is ready (Deployment {place}/{constants.OPERATOR_DEPLOYMENT})."
    if observed.lease_is_renewed is False:
        message = f"The operator does not run: {_lease_text(observed.lease or {}, now)}."
        if observed.operators and not observed.has_ready_operator:
            message += f" {no_pod}"
        command = _LOG if observed.has_ready_operator else _PODS
    elif observed.operators and not observed.has_ready_operator:
        message, command = no_pod, _PODS
    elif observed.operator_runs is False and not observed.is_current:
        message, command = "No operator is installed in this cluster, or it runs outside of it.", _PODS
    else:
        return
    state = "is not reconciled" if observed.is_current else "has a change that no operator has read"
    chain = (f"Cryostat {observed.namespace}/{observed.name} {state}",)
    yield Cause("OperatorNotRunning", message, chain, command.format(place))


def _lease_text(lease: Obj, now: float) -> str:
    meta, spec = lease["metadata"], lease.get("spec") or {}
    title = f"Lease {meta['namespace']}/{meta['name']}"
    if not spec.get("holderIdentity"):
        return f"no replica holds {title}"
    renewed = seconds(spec.get("renewTime"))
    if renewed is None:
        return f"{title} is not renewed"
    return f"its replica {spec['holderIdentity'].partition('_')[0]} last renewed {title} {_ago(now - renewed)}"


def _ago(age: float) -> str:
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if age >= 2 * size:
            return f"{int(age // size)} {unit}s ago"
    return "more than 15 seconds ago"


def _webhook_command(observed: Observed) -> str:
    own = any(name in observed.webhook_failure for name in _OWN_WEBHOOKS)
    return _WEBHOOK_SERVICE.format(operator_namespace(observed)) if own else _WEBHOOKS
