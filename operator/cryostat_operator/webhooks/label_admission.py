"""Reviews of pods and workloads with only one of the two labels that request the agent: they get a warning."""

from __future__ import annotations

from ..api.limits import MAX_VALUES_READ
from ..plan.injection.label_hints import missing_label
from ..plan.injection.labels import requested_instance
from ..plan.model.kinds import Obj
from .agent_admission import WARNING_PREFIX
from .reviews import AdmissionRequest, allowed


async def review_labels(request: AdmissionRequest) -> Obj:
    """Admit a pod or workload unchanged, with a warning about the label that it lacks."""
    metadata = request.obj.get("metadata") or {}
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    template = (request.obj.get("spec") or {}).get("template") or {}
    has_both = requested_instance((template.get("metadata") or {}).get("labels") or {}) is not None
    hint = "" if has_both or len(labels) > MAX_VALUES_READ else missing_label(labels, annotations)
    return allowed(request, [f"{WARNING_PREFIX}not added: {hint}"] if hint else [])
