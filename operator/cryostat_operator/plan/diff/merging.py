"""The object that replaces a live one: the desired object, with the fields of the live one that must stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...api import constants
from .. import claims, retention
from ..model.kinds import Obj
from ..model.managed_fields import operator_fields
from .comparison import at
from .server_defaults import ADMISSION_CHOSEN, SERVICE_TRAFFIC


def merge(desired: Obj, live: Obj) -> Obj:
    """Return the object to write: the desired one, with the fields of the live object that must stay."""
    merged = {**desired, "metadata": _merged_metadata(desired["metadata"], live, ())}
    complete = _MERGES.get(desired["kind"])
    return complete(merged, live) if complete else merged


# By kind. The metadata of `desired` is already merged.


def _merged_service_account(desired: Obj, live: Obj) -> Obj:
    return {**live, **desired}


def _merged_secret(desired: Obj, live: Obj) -> Obj:
    """The desired Secret with the type of the live one, which an update cannot change."""
    return {**desired, **({"type": live["type"]} if "type" in live else {})}


def _merged_certificate(desired: Obj, live: Obj) -> Obj:
    return {**desired, "spec": _overlay(desired["spec"], live.get("spec") or {})}


def _with_chosen_fields(desired: Obj, live: Obj) -> Obj:
    present = live.get("spec") or {}
    chosen = {name: present[name] for name in ADMISSION_CHOSEN[desired["kind"]] if name in present}
    return {**desired, "spec": {**chosen, **desired["spec"]}}


def _merged_ingress(desired: Obj, live: Obj) -> Obj:
    """The desired Ingress, with the class that admission chose for the live one, but not with that of a former spec."""
    recorded = (live["metadata"].get("annotations") or {}).get(constants.ANNOTATION_INGRESS_CLASS)
    return desired if recorded == at(live, "spec.ingressClassName") else _with_chosen_fields(desired, live)


def _merged_service(desired: Obj, live: Obj) -> Obj:
    """The desired Service, with the live values of those fields in `SERVICE_TRAFFIC` that its type has."""
    present, kind = live.get("spec") or {}, desired["spec"].get("type") or "ClusterIP"
    kept = {name: present[name] for name, types in SERVICE_TRAFFIC.items() if name in present and kind in types}
    written = _with_chosen_fields(desired, live)
    return {**written, "spec": {**kept, **written["spec"]}}


def _merged_deployment(desired: Obj, live: Obj) -> Obj:
    template = dict(desired["spec"]["template"])
    template["metadata"] = _merged_metadata(template.get("metadata") or {}, live, ("spec", "template"))
    return {**desired, "spec": {**desired["spec"], "template": template}}


def _merged_claim(desired: Obj, live: Obj) -> Obj:
    return {**desired, "spec": claims.grown_spec(live["spec"], desired["spec"])}


_MERGES: Mapping[str, Callable[[Obj, Obj], Obj]] = {
    "ServiceAccount": _merged_service_account,
    "Secret": _merged_secret,
    "Certificate": _merged_certificate,
    "Ingress": _merged_ingress,
    "Service": _merged_service,
    "Deployment": _merged_deployment,
    "PersistentVolumeClaim": _merged_claim,
}


def _merged_metadata(desired: Obj, live: Obj, path: tuple[str, ...]) -> Obj:
    """Desired metadata, with labels, annotations and owner references of other clients."""
    have = at(live, ".".join((*path, "metadata"))) or {}
    result = {**{k: v for k, v in have.items() if k != "managedFields"}, **desired}
    for field in ("labels", "annotations"):
        removed = operator_fields(live, path, field)
        kept = {k: v for k, v in (have.get(field) or {}).items() if k not in removed}
        result[field] = {**kept, **(desired.get(field) or {})}
    owners = have.get("ownerReferences") or []
    if desired.get("ownerReferences"):
        others = [r for r in owners if not r.get("controller") and r.get("kind") != constants.KIND]
        result["ownerReferences"] = [*desired["ownerReferences"], *others]
    elif owners:
        result["ownerReferences"] = retention.without_cryostats(owners)
    return result


def _overlay(desired: Obj, live: Obj) -> Obj:
    """The live fields, replaced by desired fields where there are any."""
    result = dict(live)
    for key, value in desired.items():
        before = live.get(key)
        result[key] = _overlay(value, before) if isinstance(value, dict) and isinstance(before, dict) else value
    return result
