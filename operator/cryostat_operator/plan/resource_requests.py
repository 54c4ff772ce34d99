"""Which requests of the spec are above their limits. The container then requests its limit: no pod may request more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .instance import Instance
from .model.problems import Problem
from .model.reasons import Reason
from .quantities import is_less


def lowered_requests(instance: Instance) -> tuple[Problem, ...]:
    """Return a notice for each request in the spec that is above its limit."""
    notices: list[Problem] = []
    for path, resources in _requirements(instance):
        requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
        for name, request in requests.items():
            if name in limits and is_less(limits[name], request):
                notices.append(_notice(path, name, request, limits[name]))
    return tuple(notices)


def _requirements(instance: Instance) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield path and value of each field of the spec with the resources of a container."""
    spec = instance.spec
    for field, value in (spec.resources.model_dump(by_alias=True) if spec.resources else {}).items():
        if value:
            yield f"spec.resources.{field}", value
    for parent, options in (("reportOptions", spec.report_options), ("agentOptions", spec.agent_options)):
        if options and options.resources:
            yield f"spec.{parent}.resources", options.resources


def _notice(path: str, name: str, request: object, limit: object) -> Problem:
    message = (
        f"{path}.requests.{name} {request} is above the limit {limit}, and no pod can request more than its limit. "
        f"{limit} is requested. Lower the request, or raise {path}.limits.{name}."
    )
    return Problem("core", Reason.REQUEST_ABOVE_LIMIT, message)
