"""Reports a claim whose volume has not been enlarged yet: the larger size of the spec has no effect until then."""

from __future__ import annotations

from . import claims
from .instance import Instance
from .model.messages import message, quoted
from .model.problems import Problem
from .model.reasons import Reason
from .quantities import is_less

_FILE_SYSTEM_PENDING = "FileSystemResizePending"
_NODE_ERROR, _CONTROLLER_ERROR = "NodeResizeError", "ControllerResizeError"


def not_resized(instance: Instance, component: claims.Component) -> Problem | None:
    """Return a notice while a volume is smaller than its claim requests.

    The driver enlarges the volume, and then the kubelet its file system. Some do this only while no pod uses it.
    """
    live, name = claims.live_claim(instance, component), claims.claim_name(instance, component)
    if live is None or claims.phase(live) != "Bound" or not claims.uses_claim(instance, component):
        return None
    requested, actual = claims.requested_size(live["spec"]), (live["status"].get("capacity") or {}).get("storage")
    if requested is None or actual is None or not is_less(actual, requested):
        return None
    present = {each["type"]: each for each in live["status"].get("conditions") or () if each.get("status") == "True"}
    # The error of the controller stays when a later attempt succeeds, until the file system is enlarged, too.
    errors = (_NODE_ERROR,) if _FILE_SYSTEM_PENDING in present else (_NODE_ERROR, _CONTROLLER_ERROR)
    failure = next((quoted(present[kind].get("message")) or kind for kind in errors if kind in present), "")
    if failure:
        cause, remedy = failure, "Remove this cause"
    elif _FILE_SYSTEM_PENDING in present:
        cause = "its file system has not been enlarged yet"
        remedy = f"If this lasts for minutes, run kubectl rollout restart -n {instance.namespace} deployment/{name}"
    else:
        cause = "its driver has not enlarged the volume yet"
        remedy = "If this lasts for minutes, read the events of the claim; some drivers wait until no pod uses it"
    predicate = f"has {actual} of the requested {requested}"
    text = message(f"PersistentVolumeClaim {name}", predicate, cause=cause, remedy=remedy)
    return Problem(component, Reason.VOLUME_NOT_RESIZED, text)
